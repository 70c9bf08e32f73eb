//! How any error leaves a test body, with the line of its `?`.

use super::Failure;
use crate::flow::Place;
use crate::sanitize::sanitize;
use std::error::Error;
use std::fmt;

/// What a test returns: `Ok(())`, or any error.
pub type TestResult<T = ()> = Result<T, TestError>;

/// Any error, and the line of the test whose `?` let it out.
///
/// Like `anyhow::Error` it is made from every error and is none itself.
pub struct TestError {
    error: Box<dyn Error + Send + Sync>,
    place: Place,
}

impl<E: Error + Send + Sync + 'static> From<E> for TestError {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { error: Box::new(error), place: Place::here() }
    }
}

impl From<TestError> for Box<dyn Error + Send + Sync> {
    fn from(error: TestError) -> Self {
        error.to_string().into()
    }
}

impl TestError {
    /// Says which fixture it comes from, and whose test wanted it.
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
        // A failure names its own line.
        if !self.error.is::<Failure>() {
            text += &format!("\n  at {}", self.place);
        }
        f.write_str(&sanitize(&text))
    }
}

/// The same text: the test harness shows this one.
impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
