//! The real browser: found, started, driven through the relay, and gone with the test process.

mod capabilities;
mod command;
mod deadlock;
mod driver;
mod error;
mod find;
mod guardian;
mod input;
mod inspector;
mod kind;
mod listening;
mod relay;
mod session;
mod settle;
mod turns;

pub(crate) use capabilities::chromium_args;
pub(crate) use command::Kind;
pub use error::BrowserError;
pub(crate) use inspector::Login;
pub use kind::BrowserKind;
pub use session::Browser;
pub(crate) use session::Wire;
pub use settle::Settled;
pub(crate) use settle::{Pages, Pending};
pub(crate) use turns::Turn;
