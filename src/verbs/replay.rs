//! Recordings that answer requests.

use super::progress::Progress;
use super::{RuleContext, Verbs};
use crate::filter::Filter;
use crate::flow::{FlowId, Place, Request, StageName};
use crate::record::{Again, Playback, Strangers, Timing, load};
use crate::report::Failure;
use crate::rules::{Action, Replayer, RuleSpec};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// A recording that answers the requests of a test: see [`replay!`](crate::replay).
///
/// It is active until the test ends. Its methods apply to requests from then on.
#[derive(Clone, Debug)]
pub struct Replay {
    playback: Arc<Playback>,
    context: RuleContext,
}

impl Verbs {
    /// Answers requests from a recording, without their servers: a HAR, or a flow file of mitmproxy (18 to 21).
    ///
    /// The content of the file tells the format; bodies in files beside a HAR are found, also in the archives of
    /// Playwright (`.zip`). The n-th equal request gets the n-th recorded answer, and then the last again. Two requests
    /// are equal if their methods, URLs and bodies are: queries and forms in any order, JSON by its value, multipart
    /// without its boundary. A request that is not in the recording fails the test. Dates (`date`, `expires`,
    /// `last-modified`, cookies) are moved by the time that has passed. The messages of a WebSocket come after the
    /// client's that came before them; an event stream that was open at the end of the recording stays open.
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
        let (context, path, place) = (self.context(), path.as_ref(), Place::here());
        let playback = Arc::new(Playback::new(Arc::clone(&context.journal)));
        playback.add(load(path).map_err(|why| Failure::bare(why).at(place))?);
        let answering = Arc::clone(&playback);
        let answers =
            Arc::new(move |flow: FlowId, request: &Request| answering.answer(flow, request, SystemTime::now()));
        let asked = Arc::clone(&playback);
        let reads = Arc::new(move |request: &Request| asked.reads(request));
        let action = Action::Replay(Replayer { says: path.display().to_string(), reads, answers });
        let since = context.journal.now();
        let spec =
            RuleSpec { stage: StageName::Request, filter: Filter::All(vec![]), action, place, since, name: None };
        let rule = context.register(spec);
        playback.set_rule(Arc::clone(&rule.text), rule.place);
        context.replays.add(place, Arc::clone(&playback));
        Ok(Replay { playback, context: context.clone() })
    }
}

impl Replay {
    /// Adds the flows of another file.
    ///
    /// # Errors
    /// As [`replay!`](crate::replay).
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

    /// Lets answers, messages and events come in the order of the recording, whatever order the page asks in.
    ///
    /// An answer comes when everything that came before it in the recording has: answers, messages and events that the
    /// pages have processed, and requests and messages that they have sent. So a race that was recorded happens again.
    /// An answer that waits counts as held: the page can settle meanwhile.
    ///
    /// If something does not come within 5 seconds, the answer that waits for it fails, and with it the test; the failure
    /// names both. A search for races (`explore`) chooses its own order: do not combine the two.
    ///
    /// The order is exact in what this crate and mitmproxy record. Browsers and Playwright write milliseconds: what is
    /// closer than two of them counts as caused by what came before.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn in_recorded_order(self) -> Self {
        self.playback.order();
        let progress = Progress::of(&self.playback, &self.context);
        progress.observe();
        self.context.replays.spawn(progress.run());
        self
    }

    /// Sets how much of the recorded time answers, messages and events take; none by default.
    #[expect(clippy::must_use_candidate, reason = "a statement: the recording is replayed without its handle")]
    pub fn timing(self, timing: Timing) -> Self {
        self.playback.set_timing(timing);
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
