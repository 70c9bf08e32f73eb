//! Browser errors, with help for the user.

use super::kind::{BrowserKind, headed};
use crate::sanitize::sanitize;
#[cfg(feature = "browser")]
use fantoccini::error::{CmdError, NewSessionError};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Part of every error that the relay explains.
pub(crate) const EXPLAINED: &str = "waits for what this test holds";

/// An error from a browser, its driver or the relay.
#[non_exhaustive]
pub enum BrowserError {
    /// The driver or the browser is not installed.
    Missing(String),
    /// The driver did not start, or has exited.
    Driver(String),
    /// The driver did not create a session.
    Session(String),
    /// A command failed.
    #[cfg(feature = "browser")]
    #[non_exhaustive]
    Command {
        /// The command, in words.
        what: String,
        /// The driver's error.
        source: CmdError,
    },
    /// A navigation failed or ended on the browser's own error page.
    NotLoaded(String),
    /// The page did not show the expected content in time.
    NotShown(String),
}

impl BrowserError {
    #[cfg(feature = "browser")]
    pub(crate) fn command(what: impl Into<String>) -> impl FnOnce(CmdError) -> Self {
        let what = what.into();
        |source| Self::Command { what, source }
    }

    #[cfg(feature = "browser")]
    pub(crate) fn session(error: &NewSessionError, log: &[String]) -> Self {
        Self::Session(format!("no browser session: {error}{}", log_tail(log)))
    }

    pub(crate) fn session_timeout(after: Duration, kind: BrowserKind, binary: Option<&Path>, log: &[String]) -> Self {
        let what = match (binary, kind) {
            (None, _) => format!("{kind} did not start within {after:?} on the driver's machine"),
            (Some(binary), kind) => {
                let (binary, command) = (binary.display(), command(kind, headed()));
                format!("{binary} did not start within {after:?}; to see its output, run `{binary} {command}`")
            }
        };
        Self::Session(what + &log_tail(log))
    }
}

/// Returns the arguments with which a browser shows on a terminal why it does not start.
fn command(kind: BrowserKind, is_headed: bool) -> &'static str {
    match (kind, is_headed) {
        (_, true) => "about:blank",
        (BrowserKind::Firefox, false) => "-headless",
        (_, false) => "--headless --dump-dom about:blank",
    }
}

/// Formats the driver's last lines as the footer of an error.
pub(crate) fn log_tail(log: &[String]) -> String {
    if log.is_empty() { String::new() } else { format!("\n  the driver's last lines:\n    {}", log.join("\n    ")) }
}

impl fmt::Display for BrowserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Missing(what)
            | Self::Driver(what)
            | Self::Session(what)
            | Self::NotLoaded(what)
            | Self::NotShown(what) => what.clone(),
            #[cfg(feature = "browser")]
            Self::Command { what, source: CmdError::WaitTimeout } => format!("{what}: it did not appear in time"),
            // The relay's message is complete.
            #[cfg(feature = "browser")]
            Self::Command { source: CmdError::Standard(said), .. } if said.message.contains(EXPLAINED) => {
                said.message.to_string()
            }
            #[cfg(feature = "browser")]
            Self::Command { what, source } => format!("{what}: {source}"),
        };
        f.write_str(&sanitize(&text))
    }
}

/// Same text as `Display`: the derived form would print the driver's error, and page content in it, unsanitized.
impl fmt::Debug for BrowserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BrowserError {}
