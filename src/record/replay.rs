//! Answers requests from recorded flows, and lets the answers wait for their turn.

use super::answer::{response, script};
use super::entries::{Again, Entries, Strangers};
use super::matching::Ignored;
use super::played::Played;
use super::sequence::{Sequence, Step};
use super::timing::Timing;
use crate::flow::{Direction, FlowId, Place, Request, StageName};
use crate::journal::{Event, Journal};
use crate::rules::{NoAnswer, Replayed, ReplayedAnswer, Turn};
use crate::sanitize::sanitize_line;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long an answer waits for the next step of the recording.
const PATIENCE: Duration = Duration::from_secs(5);

/// What has come of a replayed flow.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Come {
    Answer,
    /// The n-th part of its direction.
    Part(Direction, usize),
    /// No other part comes.
    End,
}

/// A recording that is replayed.
#[derive(Debug)]
pub(crate) struct Playback {
    journal: Arc<Journal>,
    state: Mutex<State>,
    /// Notified when a step has come.
    moved: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: Entries,
    is_strict: bool,
    timing: Timing,
    /// Set if everything comes in the recorded order.
    sequence: Option<Sequence>,
    /// Which recorded flow a flow is.
    replayed: BTreeMap<FlowId, usize>,
    /// Why the recorded order could not be kept.
    stuck: Option<String>,
    /// The rule that replays, and its line.
    rule: Option<(Arc<str>, Place)>,
    /// The stream whose next part is sent as soon as the pages have processed what came before.
    due: Option<FlowId>,
    /// Flows that wait for what the page has not sent: what it waits for is held, as far as it knows.
    parked: BTreeSet<FlowId>,
}

const ITS_TURN: &str = "answered, since what comes first in the recording has come";

impl Playback {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, state: Mutex::default(), moved: Notify::new() }
    }

    /// Sets the rule that the flows are parked by.
    pub(crate) fn set_rule(&self, text: Arc<str>, place: Place) {
        self.lock().rule = Some((text, place));
    }

    /// Adds recorded flows.
    pub(crate) fn add(&self, flows: Vec<Played>) {
        let mut state = self.lock();
        state.entries.add(flows);
        if state.sequence.is_some() {
            state.order();
        }
    }

    /// Makes everything come in the recorded order.
    pub(crate) fn order(&self) {
        self.lock().order();
    }

    pub(crate) fn set_timing(&self, timing: Timing) {
        self.lock().timing = timing;
    }

    /// Changes what is compared.
    pub(crate) fn ignore(&self, change: impl FnOnce(&mut Ignored)) {
        self.lock().entries.ignore(change);
    }

    pub(crate) fn set_again(&self, again: Again) {
        self.lock().entries.again = again;
    }

    pub(crate) fn set_strangers(&self, strangers: Strangers) {
        self.lock().entries.strangers = strangers;
    }

    pub(crate) fn be_strict(&self) {
        self.lock().is_strict = true;
    }

    /// Returns the recorded requests that were never made.
    pub(crate) fn unused(&self) -> Vec<String> {
        self.lock().entries.unused()
    }

    /// Returns the requests that were never made, if that is to fail the test.
    pub(crate) fn missed(&self) -> Vec<String> {
        let is_strict = self.lock().is_strict;
        if is_strict { self.unused() } else { Vec::new() }
    }

    /// Returns why the recorded order could not be kept, if that is so.
    pub(crate) fn stuck(&self) -> Option<String> {
        self.lock().stuck.clone()
    }

    /// Notes what has come of a replayed flow. Does nothing for another.
    pub(crate) fn note(&self, flow: FlowId, come: Come) {
        let mut state = self.lock();
        let Some(at) = state.replayed.get(&flow).copied() else { return };
        match come {
            Come::Answer => state.mark(Step::Answer(at)),
            Come::Part(Direction::ToClient, nth) => state.mark(Step::FromServer(at, nth)),
            Come::Part(Direction::ToServer, nth) => state.mark(Step::FromClient(at, nth)),
            Come::End => state.end(at),
        }
        self.resume(&mut state);
        drop(state);
        self.moved.notify_waiters();
    }

    /// Returns whether a flow is in the recorded order.
    pub(crate) fn is_replayed(&self, flow: FlowId) -> bool {
        self.lock().replayed.contains_key(&flow)
    }

    /// Returns whether a flow is replayed as an event stream, whose answer comes before it ends.
    pub(crate) fn is_event_stream(&self, flow: FlowId) -> bool {
        let state = self.lock();
        let played = state.replayed.get(&flow).and_then(|at| state.entries.flows.get(*at));
        played.is_some_and(Played::is_event_stream)
    }

    /// Returns whether the answer to a request may depend on its body.
    pub(crate) fn reads(&self, request: &Request) -> bool {
        self.lock().entries.reads(request)
    }

    /// Returns what the recording says to a request whose body was read, if it [`reads`](Self::reads) it.
    pub(crate) fn answer(self: &Arc<Self>, flow: FlowId, request: &Request, now: SystemTime) -> Replayed {
        let replayed = self.answered(flow, request, now);
        self.moved.notify_waiters();
        replayed
    }

    fn answered(self: &Arc<Self>, flow: FlowId, request: &Request, now: SystemTime) -> Replayed {
        let mut state = self.lock();
        let at = match state.entries.find(request) {
            Ok(at) => at,
            Err(other) => return other,
        };
        let is_first = state.entries.take(at) == 1;
        if is_first {
            if state.sequence.is_some() {
                state.replayed.insert(flow, at);
            }
            state.mark(Step::Request(at));
            // Before this request is answered: at no time is nothing under way.
            self.resume(&mut state);
        }
        let is_ordered = is_first && state.sequence.is_some();
        let turn = |step| is_ordered.then(|| Turn::new(Arc::clone(self).turn(flow, step)));
        let (played, timing) = (&state.entries.flows[at], state.timing);
        let response = match played.answer.as_ref().map(|answer| response(played, answer, now)).transpose() {
            Ok(Some(response)) => Ok(response),
            // In the recorded order, no answer comes until the client leaves.
            Ok(None) if played.was_left && is_ordered => Err(NoAnswer::Stalled),
            Ok(None) => Err(NoAnswer::Closed),
            Err(why) => return Replayed::Stranger(why),
        };
        let script = played.answer.as_ref().and_then(|answer| script(at, played, answer, timing, &turn));
        let after = timing.until_answer(played);
        Replayed::Answer(Box::new(ReplayedAnswer { response, script, after, turn: turn(Step::Answer(at)) }))
    }

    /// Resolves when everything before a step has come, or with the reason why it does not.
    async fn turn(self: Arc<Self>, flow: FlowId, step: Step) -> Result<(), String> {
        let _parked = Parked { playback: &self, flow };
        let (mut awaited, mut since) = (None, Instant::now());
        loop {
            let mut moved = pin!(self.moved.notified());
            // From here on no step is missed.
            moved.as_mut().enable();
            {
                let mut state = self.lock();
                if state.is_turn_of(step) {
                    return Ok(());
                }
                if state.stuck.is_some() {
                    return Err(state.waits_in_words(step));
                }
                if matches!(step, Step::Answer(_)) {
                    self.park(&mut state, flow);
                }
                // Requests that are no step, such as polls, are no progress.
                if awaited != state.awaited() {
                    (awaited, since) = (state.awaited(), Instant::now());
                }
            }
            let has_moved = tokio::time::timeout_at(since + PATIENCE, moved).await.is_ok();
            if !has_moved && self.journal.is_paused() {
                // A person looks at the page, and nothing is late.
                since = Instant::now();
            } else if !has_moved {
                let mut state = self.lock();
                let why = state.waits_in_words(step);
                state.stuck.get_or_insert_with(|| why.clone());
                return Err(why);
            }
        }
    }

    /// Journals that a flow is parked, if the next step is the page's.
    fn park(&self, state: &mut State, flow: FlowId) {
        if state.waits_for_page()
            && let Some((rule, place)) = state.rule.clone()
            && state.parked.insert(flow)
        {
            self.journal.write(Event::Parked { flow, stage: StageName::Request, rule, place });
        }
    }

    /// Journals what the next step means for those who wait for a settled page: which stream goes on, and that the parked
    /// flows are not parked any more if the step is the server's.
    fn resume(&self, state: &mut State) {
        let due = state.due_stream();
        if state.due != due {
            state.due = due;
            self.journal.write(Event::Due { stream: due });
        }
        if !state.waits_for_page() {
            for flow in std::mem::take(&mut state.parked) {
                self.journal.write(Event::Decided { flow, verdict: ITS_TURN, place: None });
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A flow that waits for its turn. It is forgotten when it has it, or when its client has left.
struct Parked<'a> {
    playback: &'a Playback,
    flow: FlowId,
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        self.playback.lock().parked.remove(&self.flow);
    }
}

impl State {
    fn awaited(&self) -> Option<Step> {
        self.sequence.as_ref().and_then(Sequence::awaited)
    }

    /// Returns whether the next step is a request or a message of the page.
    fn waits_for_page(&self) -> bool {
        matches!(self.awaited(), Some(Step::Request(_) | Step::FromClient(..)))
    }

    /// Returns the stream whose part comes next without anything that a page has to do.
    fn due_stream(&self) -> Option<FlowId> {
        for step in self.sequence.as_ref()?.left() {
            let (Step::Answer(at) | Step::FromServer(at, _)) = step else { return None };
            let flow = self.replayed.iter().find(|(_, replayed)| **replayed == at).map(|(flow, _)| *flow)?;
            if matches!(step, Step::FromServer(..)) {
                return Some(flow);
            }
        }
        None
    }

    fn end(&mut self, at: usize) {
        self.sequence.iter_mut().for_each(|sequence| sequence.end(at));
    }

    fn order(&mut self) {
        let mut sequence = Sequence::of(&self.entries.flows, self.sequence.take());
        // What was answered before has come.
        for at in self.entries.used() {
            sequence.mark(Step::Request(at));
            if !self.replayed.values().any(|replayed| *replayed == at) {
                sequence.mark(Step::Answer(at));
            }
        }
        self.sequence = Some(sequence);
    }

    fn mark(&mut self, step: Step) {
        self.sequence.iter_mut().for_each(|sequence| sequence.mark(step));
    }

    fn is_turn_of(&self, step: Step) -> bool {
        self.sequence.as_ref().is_none_or(|sequence| sequence.is_turn_of(step))
    }

    /// Returns what a step waits for, for people.
    fn waits_in_words(&self, step: Step) -> String {
        let awaited = self.awaited().map_or_else(String::new, |awaited| self.in_words(awaited));
        sanitize_line(&format!(
            "the recorded order was not kept: {} comes after {awaited} in the recording, and that did not come within \
             {PATIENCE:?}. Perform what makes it come, or delete its entry from the recording",
            self.in_words(step)
        ))
    }

    fn in_words(&self, step: Step) -> String {
        let name = |at: usize| self.entries.flows.get(at).map_or_else(String::new, Played::name);
        match step {
            Step::Request(at) => format!("the request {}", name(at)),
            Step::Answer(at) => format!("the answer to {}", name(at)),
            Step::FromServer(at, nth) => format!("part {} from the server of {}", nth + 1, name(at)),
            Step::FromClient(at, nth) => format!("message {} from the page to {}", nth + 1, name(at)),
        }
    }
}
