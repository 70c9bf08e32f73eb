//! The names that a test needs: `use holdup::prelude::*;`

#[cfg(feature = "browser")]
pub use crate::Browser;
#[cfg(feature = "client")]
pub use crate::Client;
pub use crate::{
    AbortKind, BrowserKind, Delivery, Exchange, Failure, Fixture, Held, Hold, Mitm, Outcome, Profile, Request,
    Response, Rule, Setup, TestResult, Upstream, Watch, abort, delay, dir, edit, file, filter, hold, json, mitm_test,
    redirect, replace, replay, respond, rewrite, throttle, watch,
};
