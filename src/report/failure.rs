//! A failure: what happened, at which line of the test, what came near, and what to do.

use crate::flow::Place;
use crate::sanitize::sanitize;
use std::fmt;

/// A failed expectation of a test.
///
/// Its text names the line of the test, what passed meanwhile, the nearest miss, and what to do.
#[derive(Clone)]
pub struct Failure {
    headline: String,
    place: Option<Place>,
    sections: Vec<(String, Vec<String>)>,
    help: Vec<String>,
}

impl Failure {
    /// Creates a failure at the caller's line, for your own fixtures.
    #[track_caller]
    #[must_use]
    pub fn new(headline: impl Into<String>) -> Self {
        Self::bare(headline).at(Place::here())
    }

    pub(crate) fn bare(headline: impl Into<String>) -> Self {
        Self { headline: headline.into(), place: None, sections: Vec::new(), help: Vec::new() }
    }

    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Returns several failures as one, which begins like the first.
    pub(crate) fn joined(failures: Vec<Self>) -> Result<(), Self> {
        let mut failures = failures.into_iter();
        let Some(first) = failures.next() else { return Ok(()) };
        let others: Vec<_> = failures.map(|other| other.to_string()).collect();
        Err(if others.is_empty() { first } else { first.section("and:", others) })
    }

    pub(crate) fn section(mut self, title: impl Into<String>, lines: Vec<String>) -> Self {
        self.sections.push((title.into(), lines));
        self
    }

    /// Adds a line that says what to do.
    #[must_use]
    pub fn help(mut self, line: impl Into<String>) -> Self {
        self.help.push(line.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.headline.clone();
        if let Some(place) = self.place.filter(|place| place.is_line()) {
            text += &format!("\n  at {place}");
        }
        for (title, lines) in &self.sections {
            text += &format!("\n  {title}");
            lines.iter().for_each(|line| text += &format!("\n    {line}"));
        }
        self.help.iter().for_each(|line| text += &format!("\n  help: {line}"));
        f.write_str(&sanitize(&text))
    }
}

/// Writes the same text as `Display`, since `unwrap` and `Result<(), Box<dyn Error>>` print `Debug`.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}
