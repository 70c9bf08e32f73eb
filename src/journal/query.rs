//! Queries of the journal.

use super::{ConsoleMessage, Entry, Event, Journal};
use crate::flow::{Exchange, Fault, FlowId, Place, StageName};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

impl Journal {
    /// Returns every flow so far, in order of arrival.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.gather(|_| true).into_values().filter(|exchange| exchange.part.is_none()).collect()
    }

    /// Returns every part of a stream so far, with the flow that it belongs to.
    pub(crate) fn parts(&self) -> Vec<Exchange> {
        self.gather(|_| true).into_values().filter(|exchange| exchange.part.is_some()).collect()
    }

    /// Returns one flow, or one part of it, if it is still in the log.
    pub(crate) fn exchange(&self, id: FlowId) -> Option<Exchange> {
        self.gather(|flow| flow.whole() == id.whole()).remove(&id)
    }

    fn gather(&self, wanted: impl Fn(FlowId) -> bool) -> BTreeMap<FlowId, Exchange> {
        let mut all: BTreeMap<FlowId, Exchange> = BTreeMap::new();
        for Entry { at, event } in self.lock().iter() {
            match event {
                Event::Began { flow, .. } if !wanted(*flow) => {}
                Event::Began { flow: id, request } => {
                    let request = Arc::clone(request);
                    let exchange = Exchange { id: *id, began: *at, request, response: None, outcome: None, part: None };
                    all.insert(*id, exchange);
                }
                Event::Part { flow, part, .. } => {
                    if let Some(whole) = all.get(&flow.whole()).cloned() {
                        let part = Some(Arc::clone(part));
                        all.insert(*flow, Exchange { id: *flow, began: *at, part, outcome: None, ..whole });
                    }
                }
                Event::Answered { flow, response } => {
                    if let Some(exchange) = all.get_mut(flow) {
                        exchange.response = Some(Arc::clone(response));
                    }
                }
                Event::Read { flow, stage: StageName::Request, body } => {
                    if let Some(exchange) = all.get_mut(flow) {
                        exchange.request = exchange.request.with_read(body);
                    }
                }
                Event::Read { flow, body, .. } => {
                    if let Some(response) = all.get_mut(flow).and_then(|exchange| exchange.response.as_mut()) {
                        *response = response.with_read(body);
                    }
                }
                Event::Ended { flow, outcome } => {
                    if let Some(exchange) = all.get_mut(flow) {
                        exchange.outcome = Some(outcome.clone());
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Returns the entries from a number on, and the number of the next one.
    pub(crate) fn since(&self, number: u64) -> (Vec<Entry>, u64) {
        let log = self.lock();
        let entries = log.since(number).0.cloned().collect();
        (entries, log.next())
    }

    /// Returns the first thing that is found in the entries from a number on, and waits for it.
    pub(crate) async fn until<T>(&self, number: u64, mut find: impl FnMut(&Event) -> Option<T>) -> T {
        let mut next = number;
        loop {
            let mut written = pin!(self.written());
            // From here on no entry is missed.
            written.as_mut().enable();
            let (entries, after) = self.since(next);
            next = after;
            if let Some(found) = entries.iter().find_map(|entry| find(&entry.event)) {
                return found;
            }
            written.await;
        }
    }

    /// Returns the last entries, for the footer of a failure.
    pub(crate) fn tail(&self, lines: usize) -> Vec<Entry> {
        let log = self.lock();
        let mut last: Vec<_> = log.iter().rev().take(lines).cloned().collect();
        last.reverse();
        last
    }

    /// Returns the entries about a flow and its parts.
    pub(crate) fn entries_of(&self, id: FlowId) -> Vec<Entry> {
        let is_of = |entry: &&Entry| entry.event.flow().is_some_and(|flow| flow.whole() == id);
        self.lock().iter().filter(is_of).cloned().collect()
    }

    /// Returns the flows that passed a rule because their bodies could not be read, and the reasons.
    pub(crate) fn unread(&self, rule: &str, of: Place) -> Vec<(FlowId, Arc<str>)> {
        let unread = |entry: &Entry| match &entry.event {
            Event::Unread { flow, rule: text, place, why } if **text == *rule && *place == of => {
                Some((*flow, Arc::clone(why)))
            }
            _ => None,
        };
        self.lock().iter().filter_map(unread).collect()
    }

    /// Returns whether a page rejected the content of a flow.
    pub(crate) fn was_refused(&self, flow: FlowId, of: &str) -> bool {
        let log = self.lock();
        let since = log.iter().skip_while(|entry| !matches!(entry.event, Event::Began { flow: id, .. } if id == flow));
        since.into_iter().any(|entry| matches!(&entry.event, Event::Refused { url } if url == of))
    }

    /// Returns the faults on connections that belong to no flow.
    pub(crate) fn troubles(&self) -> Vec<Fault> {
        let trouble = |entry: &Entry| match &entry.event {
            Event::Trouble { fault } => Some(fault.clone()),
            _ => None,
        };
        self.lock().iter().filter_map(trouble).collect()
    }

    /// Returns when a server has last sent a part of a stream, or opened a socket.
    pub(crate) fn last_talk(&self) -> Option<Duration> {
        let is_talk = |event: &Event| match event {
            Event::Part { part, .. } => !part.is_to_server(),
            Event::Answered { response, .. } => response.status() == http::StatusCode::SWITCHING_PROTOCOLS,
            _ => false,
        };
        self.lock().iter().rev().find(|entry| is_talk(&entry.event)).map(|entry| entry.at)
    }

    /// Returns whether the test is paused now.
    pub(crate) fn is_paused(&self) -> bool {
        self.pauses().1.is_some()
    }

    /// Returns for how long the test was paused, up to now.
    pub(crate) fn paused(&self) -> Duration {
        let (paused, since) = self.pauses();
        paused + since.map_or(Duration::ZERO, |from| self.now().saturating_sub(from))
    }

    /// Returns for how long it was paused, and since when it is now. Two futures of a test may pause it at the same time.
    fn pauses(&self) -> (Duration, Option<Duration>) {
        let (mut paused, mut since, mut depth) = (Duration::ZERO, None, 0_usize);
        for Entry { at, event } in self.lock().iter() {
            match event {
                Event::Paused { .. } => {
                    depth += 1;
                    since.get_or_insert(*at);
                }
                Event::Resumed => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        paused += since.take().map_or(Duration::ZERO, |from| at.saturating_sub(from));
                    }
                }
                _ => {}
            }
        }
        (paused, since)
    }

    /// Returns whether it has the location of a page: the tear-down has begun.
    pub(crate) fn has_location(&self) -> bool {
        self.lock().iter().rev().any(|entry| matches!(entry.event, Event::Page { .. }))
    }

    /// Returns what pages have logged so far.
    pub(crate) fn console(&self) -> Vec<ConsoleMessage> {
        let message = |entry: &Entry| match &entry.event {
            Event::Console { message } => Some(message.clone()),
            _ => None,
        };
        self.lock().iter().filter_map(message).collect()
    }

    /// Returns whether nothing has happened to a flow but that rules acted on it.
    pub(crate) fn is_with_a_rule(&self, flow: FlowId) -> bool {
        let log = self.lock();
        let last = log.iter().rev().find(|entry| entry.event.flow() == Some(flow));
        last.is_some_and(|entry| matches!(entry.event, Event::Began { .. } | Event::Ruled { .. } | Event::Read { .. }))
    }
}
