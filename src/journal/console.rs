//! What pages log, and the errors that nothing in them catches.

use crate::sanitize::{sanitize_line, shorten};
use std::fmt;

/// The kind of a [`ConsoleMessage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ConsoleLevel {
    /// `console.debug`
    Debug,
    /// `console.log` and `console.info`
    Info,
    /// `console.warn`, and warnings of the browser.
    Warning,
    /// `console.error`, and errors of the browser: a refused integrity or policy, a module that could not be loaded.
    Error,
    /// An error that no script has caught, or a promise that was rejected without a handler.
    Uncaught,
}

/// One message of a page's console.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConsoleMessage {
    pub(crate) level: ConsoleLevel,
    pub(crate) text: String,
    /// `https://shop.test/app.js:12`, if it is known.
    pub(crate) source: Option<String>,
}

/// How many characters of a message are kept.
const LONGEST: usize = 4096;
/// How many of them are shown.
const WIDTH: usize = 300;

impl ConsoleMessage {
    pub(crate) fn new(level: ConsoleLevel, text: &str, source: Option<&str>) -> Self {
        let cut = |text: &str| text.chars().take(LONGEST).collect();
        Self { level, text: cut(text), source: source.map(cut) }
    }

    /// The text and its source, on one line.
    pub(crate) fn said(&self) -> String {
        let (text, is_cut) = shorten(&self.text, WIDTH);
        let source = self.source.as_ref().map(|source| format!(" (at {})", sanitize_line(&shorten(source, WIDTH).0)));
        format!("{}{}{}", sanitize_line(&text), if is_cut { ".." } else { "" }, source.unwrap_or_default())
    }

    /// Returns the kind of the message.
    #[must_use]
    pub fn level(&self) -> ConsoleLevel {
        self.level
    }

    /// Returns the text, of at most 4,096 characters.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the script and the line, as in `https://shop.test/app.js:12`.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }
}

/// On one line, cut, with secrets masked.
impl fmt::Display for ConsoleMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.level {
            ConsoleLevel::Debug => "debug",
            ConsoleLevel::Info => "log",
            ConsoleLevel::Warning => "warning",
            ConsoleLevel::Error => "error",
            ConsoleLevel::Uncaught => "uncaught",
        };
        write!(f, "{what}: {}", self.said())
    }
}

/// The same text.
impl fmt::Debug for ConsoleMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
