//! The entries, and which of them are removed when they exceed the limit. Pure.

use super::known::{Flow, Known};
use super::{Entry, Event};
use crate::flow::FlowId;
use std::collections::VecDeque;
use std::mem::size_of;

/// How many bytes of entries are kept unless the test sets another limit.
pub(super) const BYTES: usize = 256 * 1024 * 1024;
/// Beyond this many entries, queries of the journal take too long.
const ENTRIES: usize = 100_000;

/// Numbered entries, in order. Flows that have ended are removed whole, the oldest first; those under way are kept.
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<(u64, Entry)>,
    /// The number of the next entry.
    next: u64,
    /// Entries with smaller numbers may have been removed.
    gap: u64,
    bytes: usize,
    limit: usize,
    known: Known,
    /// Flows that have ended, in the order of their ends.
    ended: VecDeque<FlowId>,
    /// How many flows were removed.
    forgotten: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            next: 0,
            gap: 0,
            bytes: 0,
            limit: BYTES,
            known: Known::default(),
            ended: VecDeque::new(),
            forgotten: 0,
        }
    }
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry) {
        self.note(&entry.event);
        let bytes = size_of::<(u64, Entry)>() + entry.event.size();
        self.bytes += bytes;
        // What comes late, of a flow that has gone already, is of no flow.
        let flow = entry.event.flow().and_then(|flow| self.known.get_mut(flow)).filter(|flow| flow.is_known);
        if let Some(flow) = flow {
            (flow.bytes, flow.entries) = (flow.bytes + bytes, flow.entries + 1);
        }
        self.entries.push_back((self.next, entry));
        self.next += 1;
        self.make_room();
    }

    pub(super) fn limit(&mut self, bytes: usize) {
        self.limit = bytes;
        self.make_room();
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    /// Returns the entries from a number on, and whether some of that range may have been removed.
    pub(super) fn since(&self, number: u64) -> (impl Iterator<Item = &Entry>, bool) {
        let from = self.entries.partition_point(|(at, _)| *at < number);
        (self.entries.range(from..).map(|(_, entry)| entry), number < self.gap)
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn is_live(&self, flow: FlowId) -> bool {
        self.known.get(flow).is_some_and(|flow| flow.is_live)
    }

    /// Returns how many flows were removed to make room.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn note(&mut self, event: &Event) {
        let Some(id) = event.flow().filter(|id| *id == id.whole()) else { return };
        if matches!(event, Event::Began { .. }) {
            self.known.begin(id);
        }
        let Some(flow) = self.known.get_mut(id) else { return };
        match event {
            Event::Answered { response, .. } => flow.is_socket |= response.status().as_u16() == 101,
            Event::Ended { outcome, .. } => {
                flow.is_live = false;
                flow.is_socket &= outcome.is_delivered();
                if !flow.is_socket {
                    self.ended.push_back(id);
                }
            }
            // One that closes before its flow has ended goes with that.
            Event::Closed { .. } if flow.is_socket => {
                flow.is_socket = false;
                if !flow.is_live {
                    self.ended.push_back(id);
                }
            }
            _ => {}
        }
    }

    /// Removes a quarter more than needed, so that it runs rarely.
    fn make_room(&mut self) {
        if self.bytes <= self.limit && self.entries.len() <= ENTRIES {
            return;
        }
        let (bytes, entries) = (self.limit / 4 * 3, ENTRIES / 4 * 3);
        let (mut left_bytes, mut left_entries, mut going) = (self.bytes, self.entries.len(), Vec::new());
        while (left_bytes > bytes || left_entries > entries)
            && let Some(id) = self.ended.pop_front()
        {
            if let Some(flow) = self.known.get_mut(id).filter(|flow| flow.is_known && !flow.is_going) {
                (left_bytes, left_entries) = (left_bytes - flow.bytes, left_entries - flow.entries);
                flow.is_going = true;
                going.push(id);
            }
        }
        self.forgotten += going.len() as u64;
        self.forget_flows(self.entries.len() - left_entries);
        for flow in going {
            self.known.get_mut(flow).into_iter().for_each(|flow| *flow = Flow::default());
        }
        self.known.trim();
        if self.bytes > bytes || self.entries.len() > entries {
            self.forget_parts(bytes, entries);
        }
        self.gap = self.next;
    }

    /// Removes the entries of the flows that go: so many, and most of them are the oldest of all.
    fn forget_flows(&mut self, mut count: usize) {
        let mut kept = Vec::new();
        while count > 0
            && let Some((number, entry)) = self.entries.pop_front()
        {
            let flow = entry.event.flow().and_then(|flow| self.known.get(flow));
            if flow.is_some_and(|flow| flow.is_going) {
                self.bytes -= size_of::<(u64, Entry)>() + entry.event.size();
                count -= 1;
            } else {
                kept.push((number, entry));
            }
        }
        kept.into_iter().rev().for_each(|entry| self.entries.push_front(entry));
    }

    /// Removes the oldest parts of flows under way, and other old entries. Requests, response heads and parkings stay.
    fn forget_parts(&mut self, bytes: usize, entries: usize) {
        let (mut over_bytes, mut over_entries) =
            (self.bytes.saturating_sub(bytes), self.entries.len().saturating_sub(entries));
        self.forget(|event| {
            let stays = matches!(event, Event::Began { .. } | Event::Answered { .. } | Event::Parked { .. });
            if stays || (over_bytes == 0 && over_entries == 0) {
                return false;
            }
            over_bytes = over_bytes.saturating_sub(size_of::<(u64, Entry)>() + event.size());
            over_entries = over_entries.saturating_sub(1);
            true
        });
    }

    fn forget(&mut self, mut goes: impl FnMut(&Event) -> bool) {
        let (bytes, known) = (&mut self.bytes, &mut self.known);
        self.entries.retain(|(_, entry)| {
            let goes = goes(&entry.event);
            if goes {
                let size = size_of::<(u64, Entry)>() + entry.event.size();
                *bytes -= size;
                let flow = entry.event.flow().and_then(|flow| known.get_mut(flow));
                if let Some(flow) = flow.filter(|flow| flow.is_known) {
                    // What is written of a flow before its request is not counted.
                    flow.bytes = flow.bytes.saturating_sub(size);
                    flow.entries = flow.entries.saturating_sub(1);
                }
            }
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Message, Outcome, Part, Request};
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::time::Duration;

    fn entry(event: Event) -> Entry {
        Entry { at: Duration::ZERO, event }
    }

    fn began(n: u64, header: usize) -> Event {
        let mut request = Request::get("http://a/").expect("a URL");
        let value = http::HeaderValue::from_str(&"x".repeat(header)).expect("a value");
        request.headers.insert("x-long", value);
        Event::Began { flow: FlowId::new(n), request: Arc::new(request) }
    }

    fn ended(n: u64) -> Event {
        Event::Ended { flow: FlowId::new(n), outcome: Outcome::Delivered }
    }

    #[test]
    fn the_oldest_flows_go_whole_and_those_under_way_stay() {
        let mut log = Log::default();
        log.limit(1 << 20);
        log.push(entry(began(1, 60_000)));
        for n in 2..200 {
            log.push(entry(began(n, 60_000)));
            log.push(entry(ended(n)));
            assert!(log.bytes <= 1 << 20, "{} bytes", log.bytes);
        }
        let flows: Vec<_> = log.iter().filter_map(|entry| entry.event.flow()).map(FlowId::number).collect();
        assert_eq!((flows[0], flows[flows.len() - 1]), (1, 199));
        // Each of the others has two entries: begun and ended.
        assert!(flows[1..].chunks(2).all(|two| two[0] == two[1]), "{flows:?}");
        assert_eq!(log.forgotten(), 198 - (flows.len() as u64 - 1) / 2);
        assert!(log.is_live(FlowId::new(1)) && !log.is_live(FlowId::new(2)));
        assert!(log.since(3).1 && !log.since(log.next()).1);
    }

    #[test]
    fn a_socket_that_never_closes_forgets_its_oldest_messages() {
        let mut log = Log::default();
        log.limit(1 << 20);
        log.push(entry(began(1, 10)));
        for n in 1..1_000 {
            let part = Arc::new(Part::Message(Message::to_client("x".repeat(5_000))));
            log.push(entry(Event::Part { flow: FlowId::new(1).part(n), part, size: 0 }));
            assert!(log.bytes <= 1 << 20, "{} bytes", log.bytes);
        }
        assert!(matches!(log.iter().next().map(|entry| &entry.event), Some(Event::Began { .. })));
        assert_eq!(log.iter().next_back().and_then(|entry| entry.event.flow()), Some(FlowId::new(1).part(999)));
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_entries(flows in prop::collection::vec((1..30u64, 0..9_000usize, any::<bool>()), 0..200)) {
            let mut log = Log::default();
            log.limit(100_000);
            for (n, header, ends) in flows {
                log.push(entry(if ends { ended(n) } else { began(n, header) }));
                let bytes: usize = log.iter().map(|entry| size_of::<(u64, Entry)>() + entry.event.size()).sum();
                prop_assert_eq!(log.bytes, bytes);
            }
        }
    }
}
