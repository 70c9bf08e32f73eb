//! Errors of a test body, with the line of the `?` that returned them.

use super::Failure;
use crate::flow::Place;
use crate::sanitize::sanitize;
use std::error::Error;
use std::fmt;

/// The result of a test: `Ok(())`, or any error.
pub type TestResult<T = ()> = Result<T, TestError>;

/// Any error, with the line of the test whose `?` returned it.
///
/// Like `anyhow::Error`, it converts from every error and does not implement [`Error`] itself.
pub struct TestError {
    error: Box<dyn Error + Send + Sync>,
    place: Place,
}

/// From any error, a boxed one, `anyhow::Error`, or a text.
impl<E: Into<Box<dyn Error + Send + Sync>>> From<E> for TestError {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { error: error.into(), place: Place::here() }
    }
}

impl TestError {
    /// Adds the name of the fixture that failed, and the line of the test that uses it.
    pub(crate) fn in_fixture(self, fixture: &str, test: Place) -> Self {
        let name = fixture.rsplit("::").next().unwrap_or(fixture);
        Failure::bare(format!("setting up `{name}` failed: {self}\n  for the test")).at(test).into()
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        // A failure names its line itself.
        if !self.error.is::<Failure>() && self.place.is_line() {
            text += &format!("\n  at {}", self.place);
        }
        f.write_str(&sanitize(&text))
    }
}

/// Writes the same text as `Display`, since the test harness prints `Debug`.
impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
