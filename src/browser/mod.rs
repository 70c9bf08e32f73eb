//! The real browser: found, started, driven through the relay, and gone with the test process.

mod capabilities;
mod command;
mod driver;
mod error;
mod find;
mod gesture;
mod guardian;
mod inspector;
mod kind;
mod knot;
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
pub(crate) use settle::{Asked, Audience};
pub(crate) use turns::Turn;
