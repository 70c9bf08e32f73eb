//! The door of the rule table: where a flow asks which rules want it, and where it waits.
//!
//! [`walk`] and [`park`] are the flows' side; this file is the tests' side, and the state that both share.

mod apply;
mod ask;
mod integrity;
mod next;
mod park;
mod parked;
mod parts;
mod subject;
mod walk;

pub(super) use next::Pass;
pub(crate) use parked::{Handover, Heads, HeldParts, Order, Verdict};
pub(super) use parts::{Injected, PartOutcome, Stream};

use crate::flow::{Direction, Fault, FlowId, Outcome, Part, Place, RuleId, StageName};
use crate::journal::{Event, Journal};
use crate::proxy::body::LIMIT;
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
    /// What delays are drawn from.
    seed: u64,
    /// How much of a body may be read into memory.
    body_limit: AtomicUsize,
    /// Whether service workers may answer past the rules.
    workers: AtomicBool,
    /// Set when the test has ended: nothing waits on.
    stopped: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    table: RuleTable,
    waiting: BTreeMap<FlowId, Waiting>,
    /// What `advance` has sent on and wants back with its response.
    advancing: BTreeMap<FlowId, (RuleId, Place, oneshot::Sender<Handover>)>,
    /// Which watches saw a flow that is still under outcome, or a part of one, and what each has seen to its end.
    watching: BTreeMap<FlowId, Vec<(RuleId, Option<Part>)>>,
    watched: BTreeMap<RuleId, VecDeque<Seen>>,
    /// Streams into which the test can put parts of its own.
    streams: BTreeMap<FlowId, Vec<Inlet>>,
    /// What rules that change bodies did last.
    applied: BTreeMap<RuleId, Applied>,
    /// How often the test has decided on something or put something into a stream.
    said: u64,
    /// Those who want to know how a flow ended.
    ends: BTreeMap<FlowId, watch::Sender<Option<Outcome>>>,
}

/// What a rule made of a body.
#[derive(Clone, Debug)]
pub(crate) struct Applied {
    pub(crate) flow: FlowId,
    pub(crate) url: String,
    /// As it came, with its content-encoding undone; none if it could not be read.
    pub(crate) upstream: Option<Bytes>,
    /// None if it is a long file, which is read as it goes out.
    pub(crate) served: Option<Bytes>,
}

/// A flow that a watch has seen to its end, and the part, if it looks at those.
pub(crate) type Seen = (FlowId, Option<Part>);

/// Where the test's own parts go into a stream.
#[derive(Debug)]
struct Inlet {
    stage: StageName,
    /// Of a WebSocket.
    direction: Option<Direction>,
    parts: mpsc::UnboundedSender<(u64, Part)>,
}

/// A parked flow: how to tell it the verdict, and what the test gets to see of it.
#[derive(Debug)]
struct Waiting {
    orders: mpsc::UnboundedSender<Order>,
    parts: Option<HeldParts>,
}

/// The end of a flow, once it is known.
pub(crate) type End = watch::Receiver<Option<Outcome>>;

impl Gate {
    pub(crate) fn new(journal: Arc<Journal>, seed: u64) -> Self {
        Self {
            journal,
            seed,
            body_limit: AtomicUsize::new(LIMIT),
            state: Mutex::default(),
            changed: Notify::new(),
            workers: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
        }
    }

    /// Opens a rule: in force when this returns.
    pub(crate) fn register(&self, spec: RuleSpec) -> Arc<Rule> {
        self.lock().table.register(spec)
    }

    /// Takes a rule back, and lets go what it parks.
    pub(crate) fn remove(&self, rule: RuleId) {
        let parked = self.lock().table.close(rule);
        self.let_go(parked, "released, since its rule was removed");
    }

    /// Takes all rules back, and lets go everything that is parked.
    pub(crate) fn stop(&self) {
        self.stopped.send_replace(true);
        let parked = self.lock().table.stop();
        self.let_go(parked, "released, since the test has ended");
    }

    /// From now on service workers are registered whatever rules there are.
    pub(crate) fn let_workers(&self) {
        self.workers.store(true, Ordering::Relaxed);
    }

    /// From now on no more than this of a body is read into memory.
    pub(crate) fn limit_bodies(&self, bytes: usize) {
        self.body_limit.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn body_limit(&self) -> usize {
        self.body_limit.load(Ordering::Relaxed)
    }

    /// What a rule did last.
    pub(crate) fn applied(&self, rule: RuleId) -> Option<Applied> {
        self.lock().applied.get(&rule).cloned()
    }

    /// What delays are drawn from, if any are.
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

    /// The longest parked flow of a hold that the test does not have yet.
    pub(crate) fn take(&self, rule: RuleId, place: Place) -> Option<HeldParts> {
        let mut state = self.lock();
        let flow = state.table.take(rule)?.flow;
        let parts = state.waiting.get_mut(&flow)?.parts.take()?;
        self.journal.write(Event::Taken { flow, place });
        Some(parts)
    }

    /// Releases what a hold parks and no test has taken; gives how many.
    pub(crate) fn release_queued(&self, rule: RuleId, place: Place) -> usize {
        let queued = self.lock().table.take_all(rule);
        for flow in &queued {
            self.decide(*flow, "released", Some(place), Verdict::Release(Heads::default()));
        }
        queued.len()
    }

    /// The next flow or part that a watch has seen to its end.
    pub(crate) fn take_watched(&self, rule: RuleId) -> Option<Seen> {
        self.lock().watched.get_mut(&rule)?.pop_front()
    }

    /// Tells a parked flow its verdict. A flow that is gone hears nothing, and its end says so.
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
        // A receiver that is gone means that the client left this very moment; its guard says so.
        let _ = waiting.orders.send(Order::Verdict(state.number(), verdict));
    }

    /// Asks a parked flow to read its body.
    pub(crate) fn read_body(&self, flow: FlowId, reply: oneshot::Sender<Result<Bytes, Fault>>) {
        if let Some(waiting) = self.lock().waiting.get(&flow) {
            let _ = waiting.orders.send(Order::Read(reply));
        }
    }

    /// Resolves at the next change of what is parked or watched. Take it before looking, then look, then await it.
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

    /// What is parked now, and by which rule.
    pub(crate) fn parked(&self) -> Vec<(Parked, Arc<Rule>)> {
        self.lock().table.parked().map(|(parked, rule)| (parked.clone(), Arc::clone(rule))).collect()
    }

    /// Rules that met no flow.
    pub(crate) fn idle(&self) -> Vec<Arc<Rule>> {
        self.lock().table.idle()
    }

    /// What the test left behind.
    pub(crate) fn audit(&self) -> Vec<Finding> {
        self.lock().table.audit()
    }

    /// A flow has ended, one way or another.
    pub(super) fn end(&self, flow: FlowId, outcome: Outcome) {
        let mut state = self.lock();
        self.journal.write(Event::Ended { flow, outcome: outcome.clone() });
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
        // Every change is made whole before the lock is let go; a panic under it is a bug that the run reports anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
