//! Recordings that answer requests.

use super::Mitm;
use crate::filter::Filter;
use crate::flow::{Place, StageName};
use crate::record::{Again, Playback, Strangers, load};
use crate::report::Failure;
use crate::rules::{Action, Replayer, RuleSpec};
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A recording that answers the requests of a test: see [`Mitm::replay`].
///
/// It is active until the test ends. Its methods apply to requests from then on.
#[derive(Clone, Debug)]
pub struct Replay {
    playback: Arc<Playback>,
}

impl Mitm {
    /// Answers requests from a recording, without their servers: a HAR, or a flow file of mitmproxy (18 to 21).
    ///
    /// The content of the file tells the format; bodies in files beside a HAR are found, as in the archives of Playwright. The n-th equal request gets the n-th recorded answer, and then the last again. Two requests are equal if
    /// their methods, URLs and bodies are: queries and forms in any order, JSON by its value, multipart without its
    /// boundary. A request that is not in the recording fails the test. Dates (`date`, `expires`, `last-modified`, cookies)
    /// are moved by the time that has passed. WebSockets are not replayed.
    ///
    /// It is a rule like any other: rules that were declared before see the requests first, and response rules see the
    /// answers, so that holds, delays and rewrites act on replayed flows.
    ///
    /// ```no_run
    /// # use holdup::prelude::*;
    /// # async fn example(mitm: Mitm, browser: Browser) -> TestResult {
    /// mitm.replay("tests/checkout.har")?.ignore_query("ts");
    /// browser.goto("https://shop.test/").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the file cannot be read, or is no recording.
    #[track_caller]
    pub fn replay(&self, path: impl AsRef<Path>) -> Result<Replay, Failure> {
        let (path, place) = (path.as_ref(), Place::here());
        let playback = Arc::new(Playback::default());
        playback.add(load(path).map_err(|why| Failure::bare(why).at(place))?);
        let answering = Arc::clone(&playback);
        let answers = Arc::new(move |request: &crate::flow::Request| answering.answer(request, SystemTime::now()));
        let action = Action::Replay(Replayer { says: path.display().to_string(), answers });
        let since = self.log().now();
        let spec =
            RuleSpec { stage: StageName::Request, filter: Filter::All(vec![]), action, place, since, name: None };
        self.0.context.register(spec);
        self.playbacks().push((place, Arc::clone(&playback)));
        Ok(Replay { playback })
    }

    fn playbacks(&self) -> MutexGuard<'_, Vec<(Place, Arc<Playback>)>> {
        // Each change is one push, so a panic leaves the list valid.
        self.0.playbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a failure for each recording that is strict and has requests that were never made.
    pub(super) fn missed(&self) -> Vec<Failure> {
        let failure = |(place, playback): &(Place, Arc<Playback>)| {
            let missed = playback.missed();
            let title = format!("of the recording that is replayed at {place}:");
            let failure = Failure::bare("recorded requests were never made").section(title, missed.clone());
            let failure = failure.help("perform what makes them, record the test again, or leave out `strict()`");
            (!missed.is_empty()).then_some(failure)
        };
        self.playbacks().iter().filter_map(failure).collect()
    }
}

impl Replay {
    /// Adds the flows of another file.
    ///
    /// # Errors
    /// As [`Mitm::replay`].
    #[track_caller]
    pub fn and(self, path: impl AsRef<Path>) -> Result<Self, Failure> {
        let place = Place::here();
        self.playback.add(load(path.as_ref()).map_err(|why| Failure::bare(why).at(place))?);
        Ok(self)
    }

    /// Leaves out a query parameter, or a field of a form, when requests are compared.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn ignore_query(self, name: &str) -> Self {
        self.playback.ignore(|ignored| ignored.parameters.push(name.to_owned()));
        self
    }

    /// Leaves out a value of a JSON body when requests are compared, by its JSON pointer: `/id`, `/items/0/time`.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn ignore_json(self, pointer: &str) -> Self {
        self.playback.ignore(|ignored| ignored.pointers.push(pointer.to_owned()));
        self
    }

    /// Leaves out scheme, host and port when requests are compared.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn ignore_host(self) -> Self {
        self.playback.ignore(|ignored| ignored.host = true);
        self
    }

    /// Sets what a request gets when all its recorded answers were used.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn again(self, again: Again) -> Self {
        self.playback.set_again(again);
        self
    }

    /// Sets what a request gets that is not in the recording.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn strangers(self, strangers: Strangers) -> Self {
        self.playback.set_strangers(strangers);
        self
    }

    /// Fails the test at its end if a recorded request was never made.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn strict(self) -> Self {
        self.playback.be_strict();
        self
    }

    /// Returns the recorded requests that were not made so far.
    #[must_use]
    pub fn unused(&self) -> Vec<String> {
        self.playback.unused()
    }
}
