//! The browser session that a test sees.

mod by;
mod commands;
mod pause;
mod session;

pub use by::By;
pub use session::Browser;
pub(crate) use session::Wire;
