//! What was delivered of open streams, as far as a page can count it.

use super::Event;
use crate::flow::{Direction, FlowId, Part, Request, Response};
use std::collections::{BTreeMap, BTreeSet};

/// How many events of each type. Messages of a WebSocket to the page have the type `message`, those from the page
/// [`TO_SERVER`].
pub(crate) type Tally = BTreeMap<String, u64>;

/// The type of messages from the page.
pub(crate) const TO_SERVER: &str = "to_server";

/// The WebSockets and event streams that are open.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<FlowId, Open>,
    /// Parts on their way to the page, with their types.
    coming: BTreeMap<FlowId, String>,
    /// Those of them that were released.
    released: BTreeSet<FlowId>,
    /// The stream with a part that a replay is about to send.
    due: Option<FlowId>,
}

#[derive(Debug)]
struct Open {
    url: String,
    is_socket: bool,
    delivered: Tally,
    /// The page's last message, if the server has sent nothing since.
    unanswered: Option<FlowId>,
}

impl Streams {
    /// Returns what was delivered of each stream of this URL.
    pub(crate) fn of<'a>(&'a self, url: &'a str) -> impl Iterator<Item = &'a Tally> {
        self.open.values().filter(move |open| open.url == url).map(|open| &open.delivered)
    }

    /// Returns the URLs of streams with a part that is certain to come: it was released, or a replay is about to send it.
    pub(crate) fn coming(&self) -> impl Iterator<Item = &str> {
        let streams = self.released.iter().map(|part| part.whole()).chain(self.due);
        streams.filter_map(|stream| self.open.get(&stream)).map(|open| open.url.as_str())
    }

    /// Returns the last messages of pages to which the server has sent nothing since.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = FlowId> {
        self.open.values().filter_map(|open| open.unanswered)
    }

    pub(super) fn answered(&mut self, flow: FlowId, request: &Request, response: &Response) {
        let is_socket = response.status().as_u16() == 101 && request.header("sec-websocket-key").is_some();
        let is_events = response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if is_socket || is_events {
            let open = Open { url: request.url(), is_socket, delivered: Tally::new(), unanswered: None };
            self.open.insert(flow, open);
        }
    }

    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::Part { flow, part, .. } if part.is_to_server() => {
                if let Some(open) = self.open.get_mut(&flow.whole()) {
                    *open.delivered.entry(TO_SERVER.to_owned()).or_default() += 1;
                    open.unanswered = Some(*flow);
                }
            }
            Event::Part { flow, part, .. } | Event::Changed { flow, part, .. } => {
                if let Some(kind) = counted(part) {
                    self.open.entry(flow.whole()).and_modify(|open| open.unanswered = None);
                    self.coming.insert(*flow, kind);
                }
            }
            Event::Parked { flow, .. } | Event::Stalled { flow } => drop(self.released.remove(flow)),
            Event::Decided { flow, .. } if self.coming.contains_key(flow) => drop(self.released.insert(*flow)),
            Event::Due { stream } => self.due = *stream,
            Event::Closed { flow } => self.close(*flow),
            Event::Ended { flow, outcome } if *flow == flow.whole() => {
                // The flow of a WebSocket ends when the socket opens.
                let goes_on = self.open.get(flow).is_some_and(|open| open.is_socket) && outcome.is_delivered();
                if !goes_on {
                    self.close(*flow);
                }
            }
            Event::Ended { flow, outcome } => {
                self.released.remove(flow);
                let Some(kind) = self.coming.remove(flow) else { return };
                if let Some(open) = self.open.get_mut(&flow.whole()).filter(|_| outcome.is_delivered()) {
                    *open.delivered.entry(kind).or_default() += 1;
                }
            }
            _ => {}
        }
    }

    /// Nothing more of the stream is delivered.
    fn close(&mut self, flow: FlowId) {
        self.open.remove(&flow);
        self.coming.retain(|part, _| part.whole() != flow);
        self.released.retain(|part| part.whole() != flow);
    }
}

/// Returns the type of event by which a page observes a part; `None` for parts that it does not observe.
fn counted(part: &Part) -> Option<String> {
    match part {
        Part::Message(message) => (message.direction == Direction::ToClient).then(|| "message".to_owned()),
        Part::Event(event) => Some(event.event.clone()),
        Part::Chunk(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Message, Outcome};
    use http::{HeaderValue, StatusCode};
    use std::sync::Arc;

    #[test]
    fn what_is_said_on_a_socket_is_followed_to_its_end() {
        let mut request = Request::get("http://a/socket").expect("a URL");
        request.headers.insert("sec-websocket-key", HeaderValue::from_static("x"));
        let response = Response::made(StatusCode::SWITCHING_PROTOCOLS, "");
        let (mut streams, flow) = (Streams::default(), FlowId::new(1));
        streams.answered(flow, &request, &response);
        let part =
            |number, message| Event::Part { flow: flow.part(number), part: Arc::new(Part::Message(message)), size: 0 };
        streams.follow(&part(1, Message::to_server("join")));
        assert_eq!(streams.unanswered().collect::<Vec<_>>(), [flow.part(1)]);
        assert_eq!(streams.of("http://a/socket").next().and_then(|tally| tally.get(TO_SERVER)), Some(&1));
        streams.follow(&part(2, Message::to_client("joined")));
        assert_eq!(streams.unanswered().count(), 0);
        streams.follow(&Event::Decided { flow: flow.part(2), verdict: "released", place: None });
        assert_eq!(streams.coming().collect::<Vec<_>>(), ["http://a/socket"]);
        streams.follow(&Event::Ended { flow: flow.part(2), outcome: Outcome::Delivered });
        assert_eq!(streams.coming().count(), 0);
        streams.follow(&part(3, Message::to_server("leave")));
        streams.follow(&Event::Closed { flow });
        assert_eq!(streams.unanswered().count(), 0);
    }
}
