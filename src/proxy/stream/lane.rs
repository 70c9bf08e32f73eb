//! The parts of one direction of a stream: each walks past the rules, and goes on behind those that came before it.

use crate::flow::{Fault, FlowId, Outcome, Part};
use crate::journal::Event;
use crate::proxy::flow_guard::FlowGuard;
use crate::proxy::gate::{Gate, Injected, PartOutcome, Stream};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

/// How much may wait behind a parked part until no more is read.
const ROOM: usize = 16 * 1024 * 1024;
/// What a part costs beside its content: its walk past the rules, its names, its entries in the journal.
const ENTRY: usize = 2048;

/// A part that leaves the gate; or what is no part (a comment, a closing frame), and only keeps its place.
pub(in crate::proxy) struct Passed<W> {
    pub(in crate::proxy) outcome: PartOutcome,
    /// As it came.
    pub(in crate::proxy) wire: W,
    /// What it has become, if a rule or the test has changed it.
    pub(in crate::proxy) changed: Option<Part>,
    pub(in crate::proxy) guard: Option<FlowGuard>,
    size: usize,
}

/// What leaves the lane.
pub(in crate::proxy) enum Leaving<W> {
    Part(Passed<W>),
    /// A part of the test's own.
    Injected(Part, FlowGuard),
}

type Walking<W> = Pin<Box<dyn Future<Output = (u64, Passed<W>)> + Send>>;

/// Parts on their way through the gate, in their order. One that the test releases overtakes those that are still parked, as
/// does one that it puts into the stream: in the order in which it has said so.
pub(in crate::proxy) struct Lane<W> {
    gate: Arc<Gate>,
    stream: Arc<Stream>,
    numbers: Arc<AtomicU64>,
    walking: FuturesUnordered<Walking<W>>,
    /// Those that wait for one before them, or are still under outcome, by their place.
    places: BTreeMap<u64, Option<Passed<W>>>,
    /// What overtakes, by when the test has said so; and its place, or that of what comes next.
    ahead: BTreeMap<u64, (u64, Leaving<W>)>,
    injected: Injected,
    next: u64,
    size: usize,
    /// How parts end that do not arrive, if not since the client has gone.
    lost: Arc<OnceLock<Outcome>>,
}

impl<W: Send + 'static> Lane<W> {
    /// `numbers` are shared by the directions of a stream.
    pub(in crate::proxy) fn new(
        gate: &Arc<Gate>,
        stream: &Arc<Stream>,
        numbers: &Arc<AtomicU64>,
        injected: Injected,
    ) -> Self {
        Self {
            gate: Arc::clone(gate),
            stream: Arc::clone(stream),
            numbers: Arc::clone(numbers),
            walking: FuturesUnordered::new(),
            places: BTreeMap::new(),
            ahead: BTreeMap::new(),
            injected,
            next: 0,
            size: 0,
            lost: Arc::default(),
        }
    }

    /// A new part's name and the right to end it. The journal has it from now on.
    pub(in crate::proxy) fn guard(&self, part: &Part) -> FlowGuard {
        let flow: FlowId = self.stream.flow.part(self.numbers.fetch_add(1, Ordering::Relaxed) + 1);
        self.gate.journal.write(Event::Part { flow, part: part.record() });
        FlowGuard::of_part(flow, Arc::clone(&self.gate), Arc::clone(&self.lost))
    }

    /// Sends a part on its way.
    pub(in crate::proxy) fn push(&mut self, mut part: Part, wire: W) {
        let (guard, size) = (self.guard(&part), part.content().len() + ENTRY);
        let (gate, stream, place) = (Arc::clone(&self.gate), Arc::clone(&self.stream), self.place(size));
        self.places.insert(place, None);
        self.walking.push(Box::pin(async move {
            let came = part.clone();
            let outcome = gate.part(&guard, &stream, &mut part).await;
            let changed = (part != came).then_some(part);
            if let Some(part) = changed.as_ref().map(Part::record) {
                gate.journal.write(Event::Changed { flow: guard.flow(), part });
            }
            (place, Passed { outcome, wire, changed, guard: Some(guard), size })
        }));
    }

    /// Puts what is no part behind what came before it.
    pub(in crate::proxy) fn push_as_it_is(&mut self, wire: W, size: usize) {
        let size = size + ENTRY;
        let place = self.place(size);
        self.places.insert(place, Some(Passed { outcome: PartOutcome::On, wire, changed: None, guard: None, size }));
    }

    /// The same for a part that no rule can be asked about any more.
    pub(in crate::proxy) fn push_unasked(&mut self, part: &Part, wire: W) {
        let (guard, size) = (Some(self.guard(part)), part.content().len() + ENTRY);
        let place = self.place(size);
        self.places.insert(place, Some(Passed { outcome: PartOutcome::On, wire, changed: None, guard, size }));
    }

    /// A rule has cut the stream off: what has not gone yet is lost by that.
    pub(in crate::proxy) fn cut(&self) {
        let _ = self.lost.set(Outcome::Aborted);
    }

    fn place(&mut self, size: usize) -> u64 {
        self.next += 1;
        self.size += size;
        self.next
    }

    /// Whether nothing is on its way.
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.ahead.is_empty()
    }

    /// Whether more may come.
    pub(in crate::proxy) fn has_room(&self) -> bool {
        self.size <= ROOM
    }

    /// Nobody waits for these any more: at the client's end, or at the upstream's if a fault says so.
    pub(in crate::proxy) fn give_up(&mut self, fault: Option<Fault>) {
        if let Some(fault) = fault {
            let _ = self.lost.set(Outcome::Failed(fault));
        }
        self.walking.clear();
        self.ahead.clear();
        // What is no part still goes.
        self.places.retain(|_, passed| passed.as_ref().is_some_and(|passed| passed.guard.is_none()));
        self.size = 0;
    }

    /// Takes no more parts of the test's own.
    pub(in crate::proxy) fn close_to_injected(&mut self) {
        self.injected.close();
    }

    /// The next part that leaves. Waits for ever when there is none. `may_inject` says that this is between two parts.
    pub(in crate::proxy) async fn next(&mut self, may_inject: bool) -> Leaving<W> {
        poll_fn(|cx| self.poll(cx, may_inject)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, may_inject: bool) -> Poll<Leaving<W>> {
        // What is seen of one was said after all that can be seen of the other by then: both are looked at again until
        // neither has anything new.
        while self.take_walked(cx) | (may_inject && self.take_injected(cx)) {}
        let Some(leaving) = self.take_next() else { return Poll::Pending };
        if let Leaving::Part(passed) = &leaving {
            self.size = self.size.saturating_sub(passed.size);
        }
        Poll::Ready(leaving)
    }

    /// Takes the parts that have left the gate; true if there were any.
    fn take_walked(&mut self, cx: &mut Context<'_>) -> bool {
        let mut took = false;
        while let Poll::Ready(Some((place, passed))) = self.walking.poll_next_unpin(cx) {
            took = true;
            let nth = match passed.outcome {
                PartOutcome::On => {
                    self.places.insert(place, Some(passed));
                    continue;
                }
                PartOutcome::Ahead(nth) => nth,
                PartOutcome::Discarded | PartOutcome::Cut(_) => self.gate.number(),
            };
            self.places.remove(&place);
            self.ahead.insert(nth, (place, Leaving::Part(passed)));
        }
        took
    }

    /// Takes the parts of the test's own; true if there were any.
    fn take_injected(&mut self, cx: &mut Context<'_>) -> bool {
        let mut took = false;
        while let Poll::Ready(Some((nth, part))) = self.injected.poll_recv(cx) {
            took = true;
            let guard = self.guard(&part);
            self.ahead.insert(nth, (self.next + 1, Leaving::Injected(part, guard)));
        }
        took
    }
}

impl<W> Lane<W> {
    /// What was let go early, but not past what was ready before it.
    fn take_next(&mut self) -> Option<Leaving<W>> {
        let ahead = self.ahead.first_key_value().map_or(u64::MAX, |(_, (place, _))| *place);
        match self.places.first_entry() {
            Some(first) if first.get().is_some() && *first.key() < ahead => first.remove().map(Leaving::Part),
            _ => self.ahead.pop_first().map(|(_, (_, leaving))| leaving),
        }
    }
}

impl<W> Passed<W> {
    /// Ends a part that does not arrive.
    pub(in crate::proxy) fn abort(self) {
        if let Some(guard) = self.guard {
            guard.end(Outcome::Aborted);
        }
    }
}
