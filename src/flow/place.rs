//! Places in the user's test.

use super::advice::is_in_options;
use std::fmt;
use std::panic::Location;

/// A line of the user's test.
///
/// Every rule, wait and verdict carries one, so that a failure can name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    file: &'static str,
    line: u32,
}

impl Place {
    /// No line of a test: a person at a terminal.
    pub(crate) const TERMINAL: Self = Self { file: "the console", line: 0 };

    /// No line of a test, either: an option of the program.
    const COMMAND_LINE: Self = Self { file: "the command line", line: 0 };

    /// Returns the line that called the enclosing `#[track_caller]` function.
    #[track_caller]
    #[must_use]
    pub fn here() -> Self {
        if is_in_options() { Self::COMMAND_LINE } else { Location::caller().into() }
    }

    /// Returns whether it is a line of a file.
    pub(crate) fn is_line(self) -> bool {
        self.line > 0
    }
}

impl From<&'static Location<'static>> for Place {
    fn from(at: &'static Location<'static>) -> Self {
        Self { file: at.file(), line: at.line() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.file),
            line => write!(f, "{}:{line}", self.file),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
