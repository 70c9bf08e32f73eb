//! The real browser: found, started, driven through the relay, and gone with the test process.

mod capabilities;
mod command;
mod driver;
mod error;
mod find;
mod guardian;
mod relay;
mod session;

pub(crate) use capabilities::chromium_args;
pub use error::BrowserError;
pub use session::Browser;
