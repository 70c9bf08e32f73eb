//! What can go wrong with a browser, and what to do about it.

use super::BrowserKind;
use crate::sanitize::sanitize;
use fantoccini::error::{CmdError, NewSessionError};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// Stands in every error that the relay explains itself.
pub(crate) const EXPLAINED: &str = "waits for what this test holds";

/// Why the browser did not do what the test said.
#[non_exhaustive]
pub enum BrowserError {
    /// There is no driver or no browser on this machine.
    Missing(String),
    /// The driver did not start, or has ended.
    Driver(String),
    /// The driver gave no session.
    Session(String),
    /// A command failed.
    Command {
        /// What the test said.
        what: String,
        /// What the driver said.
        source: CmdError,
    },
    /// A navigation ended on the browser's own error page.
    NotLoaded(String),
    /// The page did not show what was waited for.
    NotShown(String),
}

impl BrowserError {
    pub(crate) fn command(what: impl Into<String>) -> impl FnOnce(CmdError) -> Self {
        let what = what.into();
        |source| Self::Command { what, source }
    }

    pub(crate) fn session(error: &NewSessionError, log: &[String]) -> Self {
        Self::Session(format!("no browser session: {error}{}", log_tail(log)))
    }

    pub(crate) fn session_timeout(after: Duration, kind: BrowserKind, binary: Option<&Path>, log: &[String]) -> Self {
        let what = match (binary, kind) {
            (None, _) => format!("{kind} did not start within {after:?} where the driver runs"),
            (Some(binary), BrowserKind::Firefox) => {
                let binary = binary.display();
                format!("{binary} did not start within {after:?}; see what it says: `{binary} -headless`")
            }
            (Some(binary), _) => {
                let binary = binary.display();
                format!(
                    "{binary} did not start within {after:?}; see what it says: \
                     `{binary} --headless --dump-dom about:blank`"
                )
            }
        };
        Self::Session(what + &log_tail(log))
    }
}

/// The driver's last lines, as the footer of an error.
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
            Self::Command { what, source: CmdError::WaitTimeout } => format!("{what}: it did not appear in time"),
            // The relay says it all.
            Self::Command { source: CmdError::Standard(said), .. } if said.message.contains(EXPLAINED) => {
                said.message.to_string()
            }
            Self::Command { what, source } => format!("{what}: {source}"),
        };
        f.write_str(&sanitize(&text))
    }
}

/// The same text: the driver's own error would show what a page says as it is.
impl fmt::Debug for BrowserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BrowserError {}
