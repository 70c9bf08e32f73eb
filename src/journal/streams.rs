//! What was delivered of streams that are open, by what a page can count of it.

use super::Event;
use crate::flow::{Direction, FlowId, Part, Request, Response};
use std::collections::BTreeMap;

/// How many events of each type: all messages of a WebSocket are of the type `message`.
pub(crate) type Tally = BTreeMap<String, u64>;

/// The WebSockets and event streams that are open.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<FlowId, Open>,
    /// Parts that are on their way to the page, by their type.
    coming: BTreeMap<FlowId, String>,
}

#[derive(Debug)]
struct Open {
    url: String,
    is_socket: bool,
    delivered: Tally,
}

impl Streams {
    /// What was delivered of each stream of this URL.
    pub(crate) fn of<'a>(&'a self, url: &'a str) -> impl Iterator<Item = &'a Tally> {
        self.open.values().filter(move |open| open.url == url).map(|open| &open.delivered)
    }

    pub(super) fn answered(&mut self, flow: FlowId, request: &Request, response: &Response) {
        let is_socket = response.status().as_u16() == 101 && request.header("sec-websocket-key").is_some();
        let is_events = response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if is_socket || is_events {
            let open = Open { url: request.url(), is_socket, delivered: Tally::new() };
            self.open.insert(flow, open);
        }
    }

    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::Part { flow, part } | Event::Changed { flow, part } => {
                if let Some(kind) = counted(part) {
                    self.coming.insert(*flow, kind);
                }
            }
            Event::Closed { flow } => drop(self.open.remove(flow)),
            Event::Ended { flow, outcome } if *flow == flow.whole() => {
                // The flow of a WebSocket ends when that is open.
                let goes_on = self.open.get(flow).is_some_and(|open| open.is_socket) && outcome.is_delivered();
                if !goes_on {
                    self.open.remove(flow);
                }
            }
            Event::Ended { flow, outcome } => {
                let Some(kind) = self.coming.remove(flow) else { return };
                if let Some(open) = self.open.get_mut(&flow.whole()).filter(|_| outcome.is_delivered()) {
                    *open.delivered.entry(kind).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

/// The type of event by which a page hears of a part; none of what only passes it by.
fn counted(part: &Part) -> Option<String> {
    match part {
        Part::Message(message) => (message.direction == Direction::ToClient).then(|| "message".to_owned()),
        Part::Event(event) => Some(event.event.clone()),
        Part::Chunk(_) => None,
    }
}
