//! Takes the parts of one direction of a stream through the gate, and keeps their order.

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

/// How many bytes may wait behind a parked part before reading stops.
const ROOM: usize = 16 * 1024 * 1024;
/// The cost of a part in bytes besides its content: its pass through the gate, its names, its journal entries.
const ENTRY: usize = 2048;

/// A part that leaves the gate, or bytes that are no part (a comment, a close frame) and only keep their place.
pub(in crate::proxy) struct Passed<W> {
    pub(in crate::proxy) outcome: PartOutcome,
    /// As received.
    pub(in crate::proxy) wire: W,
    /// The changed part, if a rule or the test has changed it.
    pub(in crate::proxy) changed: Option<Part>,
    pub(in crate::proxy) guard: Option<FlowGuard>,
    size: usize,
}

/// What leaves the lane.
pub(in crate::proxy) enum Leaving<W> {
    Part(Passed<W>),
    /// A part that the test has injected.
    Injected(Part, FlowGuard),
}

type Walking<W> = Pin<Box<dyn Future<Output = (u64, Passed<W>)> + Send>>;

/// Parts on their way through the gate, in order. Parts that the test releases or injects overtake those that are still
/// parked, in the order of the test's decisions.
pub(in crate::proxy) struct Lane<W> {
    gate: Arc<Gate>,
    stream: Arc<Stream>,
    numbers: Arc<AtomicU64>,
    walking: FuturesUnordered<Walking<W>>,
    /// By place, the parts that wait for an earlier one; `None` for those still in the gate.
    places: BTreeMap<u64, Option<Passed<W>>>,
    /// By decision number, the parts that overtake, each with its place, or the next place if it is injected.
    ahead: BTreeMap<u64, (u64, Leaving<W>)>,
    injected: Injected,
    next: u64,
    size: usize,
    /// The outcome of parts that do not arrive, unless the client is gone.
    lost: Arc<OnceLock<Outcome>>,
}

impl<W: Send + 'static> Lane<W> {
    /// `numbers` is shared by the directions of a stream.
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

    /// Names a new part, records it in the journal, and returns its flow guard.
    pub(in crate::proxy) fn guard(&self, part: &Part) -> FlowGuard {
        let flow: FlowId = self.stream.flow.part(self.numbers.fetch_add(1, Ordering::Relaxed) + 1);
        self.gate.journal.write(Event::Part { flow, part: part.record(), size: part.content().len() });
        FlowGuard::of_part(flow, Arc::clone(&self.gate), Arc::clone(&self.lost))
    }

    /// Starts a part on its way through the gate.
    pub(in crate::proxy) fn push(&mut self, mut part: Part, wire: W) {
        let (guard, size) = (self.guard(&part), part.content().len() + ENTRY);
        let (gate, stream, place) = (Arc::clone(&self.gate), Arc::clone(&self.stream), self.place(size));
        self.places.insert(place, None);
        self.walking.push(Box::pin(async move {
            let came = part.clone();
            let outcome = gate.part(&guard, &stream, &mut part).await;
            let changed = (part != came).then_some(part);
            if let Some(changed) = &changed {
                let (part, size) = (changed.record(), changed.content().len());
                gate.journal.write(Event::Changed { flow: guard.flow(), part, size });
            }
            (place, Passed { outcome, wire, changed, guard: Some(guard), size })
        }));
    }

    /// Queues bytes that are no part behind what came before them.
    pub(in crate::proxy) fn push_as_it_is(&mut self, wire: W, size: usize) {
        let size = size + ENTRY;
        let place = self.place(size);
        self.places.insert(place, Some(Passed { outcome: PartOutcome::On, wire, changed: None, guard: None, size }));
    }

    /// Queues a part that rules no longer apply to.
    pub(in crate::proxy) fn push_unasked(&mut self, part: &Part, wire: W) {
        let (guard, size) = (Some(self.guard(part)), part.content().len() + ENTRY);
        let place = self.place(size);
        self.places.insert(place, Some(Passed { outcome: PartOutcome::On, wire, changed: None, guard, size }));
    }

    /// Marks the remaining parts as lost because a rule has cut the stream off.
    pub(in crate::proxy) fn cut(&self) {
        let _ = self.lost.set(Outcome::Aborted);
    }

    fn place(&mut self, size: usize) -> u64 {
        self.next += 1;
        self.size += size;
        self.next
    }

    /// Returns whether no part is on its way.
    pub(in crate::proxy) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.ahead.is_empty()
    }

    /// Returns whether more may be read.
    pub(in crate::proxy) fn has_room(&self) -> bool {
        self.size <= ROOM
    }

    /// Drops the parts on their way: the client is gone or, with a fault, the upstream.
    pub(in crate::proxy) fn give_up(&mut self, fault: Option<Fault>) {
        if let Some(fault) = fault {
            let _ = self.lost.set(Outcome::Failed(fault));
        }
        self.walking.clear();
        self.ahead.clear();
        // Bytes that are no part still pass.
        self.places.retain(|_, passed| passed.as_ref().is_some_and(|passed| passed.guard.is_none()));
        self.size = 0;
    }

    /// Closes the lane to injected parts.
    pub(in crate::proxy) fn close_to_injected(&mut self) {
        self.injected.close();
    }

    /// Returns the next part that leaves, and waits while there is none. `may_inject`: an injected part may go here.
    /// Cancel safe: dropping the future loses no part.
    pub(in crate::proxy) async fn next(&mut self, may_inject: bool) -> Leaving<W> {
        poll_fn(|cx| self.poll(cx, may_inject)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>, may_inject: bool) -> Poll<Leaving<W>> {
        // A decision that is visible in one source may follow one in the other that was not visible before: poll both
        // until neither has more.
        while self.take_walked(cx) | (may_inject && self.take_injected(cx)) {}
        let Some(leaving) = self.take_next() else { return Poll::Pending };
        if let Leaving::Part(passed) = &leaving {
            self.size = self.size.saturating_sub(passed.size);
        }
        Poll::Ready(leaving)
    }

    /// Takes the parts that have left the gate, and returns whether there were any.
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

    /// Takes the injected parts, and returns whether there were any.
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
    /// Takes a part that overtakes, but not ahead of parts that were ready before it.
    fn take_next(&mut self) -> Option<Leaving<W>> {
        let ahead = self.ahead.first_key_value().map_or(u64::MAX, |(_, (place, _))| *place);
        match self.places.first_entry() {
            Some(first) if first.get().is_some() && *first.key() < ahead => first.remove().map(Leaving::Part),
            _ => self.ahead.pop_first().map(|(_, (_, leaving))| leaving),
        }
    }
}

impl<W> Passed<W> {
    /// Ends a part as aborted.
    pub(in crate::proxy) fn abort(self) {
        if let Some(guard) = self.guard {
            guard.end(Outcome::Aborted);
        }
    }
}
