//! Drivers and browsers: finds them, starts them with the right capabilities, and ends them with the test process.

mod capabilities;
mod error;
mod find;
mod guardian;
mod kind;
mod listening;
mod process;
mod program;

pub(crate) use capabilities::{Launch, PROXY_BYPASS, chromium_args, is_root, of as capabilities_of, proxy_rules};
pub use error::BrowserError;
pub(crate) use error::{EXPLAINED, log_tail};
pub use kind::BrowserKind;
pub(crate) use kind::{headed, is_new_for_each_test};
pub(crate) use process::Driver;
pub(crate) use program::remote;
