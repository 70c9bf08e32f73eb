//! Stops a test for a person who looks at its browser.

use super::Browser;
use crate::driver::BrowserError;
use crate::flow::Place;
use crate::pause;

impl Browser {
    /// Pauses the test until a person presses Enter, or sends SIGUSR1 to its process.
    ///
    /// The browser stays open (`HOLDUP_HEADED=1` shows it), what is parked stays parked, and the timeout of the test
    /// stands still. How to go on is written to the terminal, also when the test harness captures output; under nextest,
    /// and without a terminal, only the signal works. `HOLDUP_PAUSE=on-failure` pauses every test that fails, before
    /// anything is released. If the future is dropped, the test goes on.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(browser: Browser) -> TestResult {
    /// browser.click("#save").await?;
    /// browser.pause().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Fails if `CI` is set in the environment: nobody would go on there.
    #[track_caller]
    pub fn pause(&self) -> impl Future<Output = Result<(), BrowserError>> + use<'_> {
        let place = Place::here();
        async move {
            let journal = self.pages.journal();
            let paused = pause::pause(journal, place, "holdup: the test is paused, and its browser stays open").await;
            paused.map_err(|why| BrowserError::NotShown(format!("{why}\n  at {place}")))
        }
    }
}
