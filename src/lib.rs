//! A testing proxy that holds HTTP flows, so that web races can be reproduced.
//!
//! A test owns an intercepting HTTP/HTTPS proxy and a real browser that uses and trusts it. The test declares which
//! flows to hold, inspects them while they are parked, and releases each at the moment it chooses. A race that shows up
//! once in a thousand CI runs then shows up in every run.
//!
//! ```no_run
//! use holdup::prelude::*;
//!
//! #[mitm_test]
//! async fn leaving_before_the_cookie_arrives(mitm: Mitm, browser: Browser) -> TestResult {
//!     mitm.host("shop.test", ([127, 0, 0, 1], 3000));            // the browser sees https://shop.test
//!     let save = hold!(url ~ "/ajax/something");                 // in force before the first request
//!
//!     browser.goto("https://shop.test/").await?;
//!     browser.click("#save").await?;
//!     let call = save.next().await?;                             // parked: the shop has not heard of it
//!
//!     browser.click("#checkout").await?;                         // the second user action
//!     assert_eq!(browser.text("#cart").await?, "1 item");        // fails: the cookie is not there yet
//!     call.release().await?;                                     // delivered, or the browser has given up
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! # The parts
//!
//! * [`mitm_test`] turns an `async fn` into a test. Its arguments are [`Fixture`]s: [`Mitm`], [`Browser`], [`Client`],
//!   and your own.
//! * The verbs declare rules: [`hold!`], [`watch!`], [`delay!`], [`throttle!`], [`abort!`], [`respond!`], [`replace!`],
//!   [`rewrite!`], [`redirect!`], [`edit!`]. Each is a macro over the method of the same name of [`Verbs`], to which a
//!   [`Mitm`] derefs.
//! * A filter selects the flows of a rule; [`filter!`] documents the language.
//! * [`Hold::next`] returns a [`Held`] flow, and a verdict on it returns a [`Delivery`].
//! * A [`Failure`] describes what went wrong, and names the line of the test.

// What only browsers or the client use is left in a build without them: it is little, and its places are many.
#![cfg_attr(not(all(feature = "browser", feature = "client")), allow(dead_code, unused_imports))]

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "browser")]
mod browser;
mod ca;
mod console;
mod crypto;
mod driver;
mod evidence;
mod explore;
mod filter;
mod fixture;
mod flow;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod guide;
mod inspector;
mod journal;
mod macros;
mod mitm;
mod page;
mod pause;
pub mod prelude;
mod proxy;
pub mod record;
mod relay;
mod report;
mod rules;
mod runner;
mod sanitize;
mod schedule;
mod temp;
mod verbs;

#[cfg(feature = "browser")]
pub use browser::{Browser, By};
pub use driver::{BrowserError, BrowserKind};
pub use filter::{Explanation, Filter, FilterError};
pub use fixture::{Fixture, Setup};
pub use flow::{
    Chunk, Direction, Exchange, Fault, FaultStage, FlowId, Message, Opcode, Outcome, Part, Place, Request, Response,
    ServerEvent, Stage, Target, Whole,
};
pub use journal::{ConsoleLevel, ConsoleMessage};
#[cfg(feature = "client")]
pub use mitm::Client;
pub use mitm::{Config, JournalEntry, Mitm, Resend};
pub use page::Settled;
pub use proxy::Upstream;
pub use record::{Again, Strangers, Timing};
pub use report::{Failure, TestError, TestResult};
pub use rules::{AbortKind, Delay, Editable, Local, Profile};
pub use verbs::{
    Applied, Delivery, Ends, File, Held, Hold, HostHeader, IntoAnswer, IntoBody, IntoPart, IntoStatus, Replay, Rule,
    Verbs, Watch, dir, file,
};

#[cfg(feature = "browser")]
pub use fantoccini;
#[cfg(feature = "client")]
pub use reqwest;
/// The crates whose types are in signatures here, in the versions that are used here.
pub use {bytes, http, serde_json};

/// A JSON literal, from `serde_json`: `respond!(path == "/cart", json!({"items": []}))`.
pub use serde_json::json;

pub use macros::{abort, delay, edit, filter, hold, mitm_test, redirect, replace, respond, rewrite, throttle, watch};

/// Compiles the README's examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
