//! The browser session of a test.

mod session;

pub use session::Browser;
pub(crate) use session::Wire;
