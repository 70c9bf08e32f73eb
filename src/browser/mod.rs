//! The browser session that a test sees.

mod session;

pub use session::Browser;
pub(crate) use session::Wire;
