//! The gate: matches flows against the rule table, and parks held flows.
//!
//! [`walk`] and [`park`] are the flows' side. This file has the tests' side, and the state that both share.

mod apply;
mod ask;
mod integrity;
mod next;
mod park;
mod parked;
mod parts;
mod replay;
mod subject;
mod walk;

pub(super) use next::Pass;
pub(crate) use parked::{Handover, Heads, HeldParts, Order, Verdict};
pub(super) use parts::{Injected, PartOutcome, Stream};

use crate::flow::{Direction, Fault, FlowId, Outcome, Part, Place, Request, Response, RuleId, StageName};
use crate::journal::{Event, Journal};
use crate::proxy::body::LIMIT;
use crate::proxy::capture::Budget;
use crate::rules::{Finding, Parked, Rule, RuleSpec, RuleTable};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, mpsc, oneshot, watch};

/// The gate of one proxy.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) journal: Arc<Journal>,
    state: Mutex<State>,
    changed: Notify,
    /// The seed of random delays.
    seed: u64,
    /// How many bytes of a body may be read into memory.
    body_limit: AtomicUsize,
    /// How much of the bodies is kept for recordings.
    budget: Arc<Budget>,
    /// Whether service workers are allowed even while rules change what a page loads.
    workers: AtomicBool,
    /// Set when the test has ended, which ends all waits.
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    table: RuleTable,
    waiting: BTreeMap<FlowId, Waiting>,
    /// Flows that `advance` has released, to be handed back with their response.
    advancing: BTreeMap<FlowId, (RuleId, Place, oneshot::Sender<Handover>)>,
    /// The watches that matched each flow or part whose outcome is pending. `watched` has those that have ended.
    watching: BTreeMap<FlowId, Vec<(RuleId, Option<Part>)>>,
    watched: BTreeMap<RuleId, VecDeque<Seen>>,
    /// Open streams that the test can inject parts into.
    streams: BTreeMap<FlowId, Vec<Inlet>>,
    /// The last change by each rule that changes bodies.
    applied: BTreeMap<RuleId, Applied>,
    /// The number of the test's decisions and injected parts so far.
    said: u64,
    /// Publishes the outcome of flows that have been parked.
    ends: BTreeMap<FlowId, watch::Sender<Option<Outcome>>>,
}

/// A body before and after a rule has changed it.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) flow: FlowId,
    pub(crate) url: String,
    /// The original body with its content-encoding undone; `None` if it could not be read.
    pub(crate) upstream: Option<Bytes>,
    /// `None` for a long file, which is read while it is sent.
    pub(crate) served: Option<Bytes>,
}

/// A flow that a watch matched and that has ended, with the part if the watch matches parts.
pub(crate) type Seen = (FlowId, Option<Part>);

/// Where injected parts enter a stream.
#[derive(Debug)]
struct Inlet {
    stage: StageName,
    /// Set for a WebSocket.
    direction: Option<Direction>,
    parts: mpsc::UnboundedSender<(u64, Part)>,
}

/// A parked flow: the channel for its verdict, and what the test sees of it.
#[derive(Debug)]
struct Waiting {
    orders: mpsc::UnboundedSender<Order>,
    parts: Option<HeldParts>,
}

/// The outcome of a flow, once it has ended.
pub(crate) type End = watch::Receiver<Option<Outcome>>;

impl Gate {
    pub(crate) fn new(journal: Arc<Journal>, seed: u64) -> Self {
        Self {
            journal,
            seed,
            body_limit: AtomicUsize::new(LIMIT),
            budget: Arc::default(),
            state: Mutex::default(),
            changed: Notify::new(),
            workers: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
        }
    }

    /// Adds a rule. It is active when this returns.
    pub(crate) fn register(&self, spec: RuleSpec) -> Arc<Rule> {
        self.lock().table.register(spec)
    }

    /// Removes a rule and releases the flows that it parks.
    pub(crate) fn remove(&self, rule: RuleId) {
        let parked = self.lock().table.close(rule);
        self.let_go(parked, "released, since its rule was removed");
    }

    /// Removes a rule. The flows that it parks stay parked.
    pub(crate) fn close(&self, rule: RuleId) {
        self.lock().table.close(rule);
    }

    /// Removes all rules and releases all parked flows.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
        let parked = self.lock().table.stop();
        self.let_go(parked, "released, since the test has ended");
    }

    /// Allows service workers from now on, whatever the rules are.
    pub(crate) fn let_workers(&self) {
        self.workers.store(true, Ordering::Relaxed);
    }

    /// Limits how many bytes of a body are read into memory from now on.
    pub(crate) fn limit_bodies(&self, bytes: usize) {
        self.body_limit.store(bytes, Ordering::Relaxed);
    }

    /// Sets how much of each body, and of all, is kept for recordings from now on.
    pub(crate) fn keep_bodies(&self, each: usize, all: usize) {
        self.budget.set(each, all);
    }

    pub(super) fn budget(&self) -> Arc<Budget> {
        Arc::clone(&self.budget)
    }

    pub(super) fn body_limit(&self) -> usize {
        self.body_limit.load(Ordering::Relaxed)
    }

    /// Returns the last change by a rule.
    pub(crate) fn applied(&self, rule: RuleId) -> Option<Applied> {
        self.lock().applied.get(&rule).cloned()
    }

    /// Returns the seed of random delays, if a rule draws any.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.lock().table.draws().then_some(self.seed)
    }

    fn lets_workers(&self) -> bool {
        self.workers.load(Ordering::Relaxed)
    }

    fn let_go(&self, parked: Vec<FlowId>, why: &'static str) {
        for flow in parked {
            self.decide(flow, why, None, Verdict::Release(Heads::default()));
        }
    }

    /// Takes the flow that a hold has parked for longest and the test has not taken yet.
    pub(crate) fn take(&self, rule: RuleId, place: Place) -> Option<HeldParts> {
        let mut state = self.lock();
        let flow = state.table.take(rule)?.flow;
        let parts = state.waiting.get_mut(&flow)?.parts.take()?;
        self.journal.write(Event::Taken { flow, place });
        Some(parts)
    }

    /// Releases the flows of a hold that the test has not taken, and returns their number.
    pub(crate) fn release_queued(&self, rule: RuleId, place: Place) -> usize {
        let queued = self.lock().table.take_all(rule);
        for flow in &queued {
            self.decide(*flow, "released", Some(place), Verdict::Release(Heads::default()));
        }
        queued.len()
    }

    /// Takes the next flow or part that a watch matched and that has ended.
    pub(crate) fn take_watched(&self, rule: RuleId) -> Option<Seen> {
        self.lock().watched.get_mut(&rule)?.pop_front()
    }

    /// Sends a parked flow its verdict. Has no effect on a flow that is gone, whose outcome reports that.
    pub(crate) fn decide(&self, flow: FlowId, says: &'static str, place: Option<Place>, verdict: Verdict) {
        let mut state = self.lock();
        if !state.table.leave(flow) {
            return;
        }
        let Some(waiting) = state.waiting.remove(&flow) else { return };
        self.journal.write(match (&verdict, place) {
            (Verdict::ReleaseAfter(..), Some(place)) => Event::Chained { flow, place },
            _ => Event::Decided { flow, verdict: says, place },
        });
        // Fails only if the client has left just now, which the flow guard reports.
        let _ = waiting.orders.send(Order::Verdict(state.number(), Box::new(verdict)));
    }

    /// Returns the heads of a parked flow, unless the test has taken it.
    pub(crate) fn peek(&self, flow: FlowId) -> Option<(Request, Option<Response>)> {
        let state = self.lock();
        let parts = state.waiting.get(&flow)?.parts.as_ref()?;
        Some((parts.request.clone(), parts.response.clone()))
    }

    /// Requests a parked flow to read its body. If the flow is gone, `reply` is dropped.
    pub(crate) fn read_body(&self, flow: FlowId, reply: oneshot::Sender<Result<Bytes, Fault>>) {
        if let Some(waiting) = self.lock().waiting.get(&flow) {
            let _ = waiting.orders.send(Order::Read(reply));
        }
    }

    /// Resolves at the next change of what is parked or watched. Create the future first, then check, then await it.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub(crate) fn limit(&self, rule: RuleId, times: u64) {
        self.lock().table.limit(rule, times);
    }

    pub(crate) fn set_optional(&self, rule: RuleId) {
        self.lock().table.set_optional(rule);
    }

    pub(crate) fn hits(&self, rule: RuleId) -> u64 {
        self.lock().table.hits(rule)
    }

    /// Returns the parked flows, each with the rule that parks it.
    pub(crate) fn parked(&self) -> Vec<(Parked, Arc<Rule>)> {
        self.lock().table.parked().map(|(parked, rule)| (parked.clone(), Arc::clone(rule))).collect()
    }

    /// Returns the rules that have matched no flow.
    pub(crate) fn idle(&self) -> Vec<Arc<Rule>> {
        self.lock().table.idle()
    }

    /// Returns what the test has left unfinished.
    pub(crate) fn audit(&self) -> Vec<Finding> {
        self.lock().table.audit()
    }

    /// Ends a flow: records its outcome, with a last entry before it, and notifies its watches and waiters.
    pub(super) fn end(&self, flow: FlowId, last: Option<Event>, outcome: Outcome) {
        let mut state = self.lock();
        let ended = Event::Ended { flow, outcome: outcome.clone() };
        match last {
            Some(last) => self.journal.write_all([last, ended]),
            None => self.journal.write(ended),
        }
        state.table.leave(flow);
        state.waiting.remove(&flow);
        state.advancing.remove(&flow);
        state.close_inlets(flow, StageName::Event);
        for (rule, part) in state.watching.remove(&flow).unwrap_or_default() {
            state.watched.entry(rule).or_default().push_back((flow, part));
        }
        if let Some(end) = state.ends.remove(&flow) {
            end.send_replace(Some(outcome));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before the lock is released; a panic under it is a bug that the run reports anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
