//! The journal, for tests to read.

use super::Mitm;
use crate::flow::FlowId;
use crate::journal::Entry;
use crate::sanitize::sanitize_line;
use std::fmt;
use std::time::Duration;

/// One line of a test's journal: a step of a flow, a command of the test, a message of a page.
#[derive(Clone)]
pub struct JournalEntry {
    at: Duration,
    flow: Option<FlowId>,
    text: String,
}

impl JournalEntry {
    /// Returns when it happened, as time since the start of the [`Mitm`].
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    /// Returns the flow, or the part of a flow, that it is about.
    #[must_use]
    pub fn flow(&self) -> Option<FlowId> {
        self.flow
    }

    /// Returns what happened, on one line, with secrets masked.
    ///
    /// The wording is for people, and changes between versions.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// `   12.5 ms  #1 GET https://shop.test/`
impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>9.1} ms  {}", self.at.as_secs_f64() * 1e3, self.text)
    }
}

/// The same text.
impl fmt::Debug for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Mitm {
    /// Returns everything that has happened so far, in order.
    ///
    /// `HOLDUP_LOG=all` prints it when a test ends, `HOLDUP_LOG=flows` prints the flows. A journal that has reached its
    /// [limit](Self::limit_journal) has lost its oldest flows.
    ///
    /// ```
    /// # async fn example(mitm: holdup::Mitm) {
    /// for entry in mitm.journal() {
    ///     eprintln!("{entry}");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        let entry =
            |Entry { at, event }| JournalEntry { at, flow: event.flow(), text: sanitize_line(&event.to_string()) };
        self.log().tail(usize::MAX).into_iter().map(entry).collect()
    }
}
