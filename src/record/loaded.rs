//! A recording as entries of a journal: flows of the past. Pure.

use super::played::{Played, PlayedAnswer, PlayedPart};
use crate::flow::{Content, Fault, FaultStage, FlowId, Message, Opcode, Outcome, Part, Request, Response, StageName};
use crate::journal::Event;
use bytes::Bytes;
use http::{Method, StatusCode, Version, header};
use std::sync::Arc;
use std::time::Duration;

/// The events of one flow, with their times in seconds since 1970.
struct Events {
    id: FlowId,
    last: f64,
    all: Vec<(f64, Event)>,
}

/// Returns the events of recorded flows in the order of their times, each as time since the first. Every flow has ended.
pub(crate) fn loaded(flows: &[Played], mut next: impl FnMut() -> FlowId) -> Vec<(Duration, Event)> {
    let mut last = flows.iter().filter_map(|flow| flow.began).fold(f64::MAX, f64::min);
    let mut all = Vec::new();
    for flow in flows {
        let Some(request) = request(flow) else { continue };
        last = flow.began.unwrap_or(last);
        let mut events = Events { id: next(), last, all: Vec::new() };
        events.of(flow, request);
        all.extend(events.all);
    }
    all.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let first = all.first().map_or(0.0, |(at, _)| *at);
    all.into_iter().map(|(at, event)| (Duration::try_from_secs_f64(at - first).unwrap_or_default(), event)).collect()
}

impl Events {
    /// Adds an event at a time, but not before the one before it.
    fn add(&mut self, at: Option<f64>, event: Event) {
        self.last = at.unwrap_or(self.last).max(self.last);
        self.all.push((self.last, event));
    }

    fn of(&mut self, flow: &Played, request: Request) {
        let id = self.id;
        self.add(flow.began, Event::Began { flow: id, request: Arc::new(request) });
        if let Some(body) = &flow.request_body {
            self.add(None, whole(id, StageName::Request, body));
        }
        let Some(answer) = &flow.answer else {
            let outcome = match flow.was_left {
                true => Outcome::ClientGone,
                false => Outcome::Failed(Fault::new(FaultStage::Exchange, "the recording has no answer")),
            };
            return self.add(flow.ended, Event::Ended { flow: id, outcome });
        };
        let has_kept_coding = answer.body.is_none();
        self.add(answer.at, Event::Answered { flow: id, response: Arc::new(response(answer, has_kept_coding)) });
        if flow.is_socket() {
            self.add(None, Event::Ended { flow: id, outcome: Outcome::Delivered });
            for (nth, part) in (1..).zip(&flow.parts) {
                self.message(id.part(nth), part);
            }
            return self.add(flow.ended, Event::Closed { flow: id });
        }
        if let Some(body) = &answer.body {
            self.add(flow.ended, whole(id, StageName::Response, body));
        }
        self.add(flow.ended, Event::Ended { flow: id, outcome: Outcome::Delivered });
    }

    fn message(&mut self, id: FlowId, part: &PlayedPart) {
        let opcode = if part.is_text { Opcode::Text } else { Opcode::Binary };
        let (payload, size) = (part.content.clone(), part.content.len());
        let message = Message { direction: part.direction, opcode, payload };
        self.add(part.at, Event::Part { flow: id, part: Arc::new(Part::Message(message)), size });
        self.add(None, Event::Ended { flow: id, outcome: Outcome::Delivered });
    }
}

fn whole(flow: FlowId, stage: StageName, body: &Bytes) -> Event {
    Event::Body { flow, stage, start: body.clone(), size: body.len() as u64 }
}

/// Returns `None` if it is no request: recordings have other things, too.
fn request(flow: &Played) -> Option<Request> {
    // What is masked is no part of a URL.
    let url = flow.url.replace('<', "%3C").replace('>', "%3E").replace(' ', "%20");
    let method = Method::from_bytes(flow.method.as_bytes()).ok()?;
    Some(Request { method, headers: flow.request_headers.clone(), ..Request::get(&url)? })
}

fn response(answer: &PlayedAnswer, has_kept_coding: bool) -> Response {
    let mut headers = answer.headers.clone();
    if !has_kept_coding {
        headers.remove(header::CONTENT_ENCODING);
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    Response { status, version: Version::HTTP_11, headers, content: Content::default(), elapsed: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Direction;

    #[test]
    fn flows_of_the_past_are_in_the_order_of_their_times() {
        let flow = |url: &str, began: f64, ended: f64, status: u16| {
            let answer = PlayedAnswer { status, at: Some(began + 0.5), body: Some("x".into()), ..Default::default() };
            let (method, answer) = ("GET".to_owned(), Some(answer));
            Played { method, url: url.to_owned(), began: Some(began), ended: Some(ended), answer, ..Played::default() }
        };
        let mut socket = flow("https://a.test/socket", 101.0, 104.0, 101);
        let said =
            |at: f64| PlayedPart { at: Some(at), direction: Direction::ToClient, is_text: true, content: "hi".into() };
        socket.parts = vec![said(102.0)];
        let flows =
            [flow("https://a.test/?token=<masked 1>", 100.0, 103.0, 200), socket, flow("no URL", 1.0, 1.0, 200)];
        let mut number = 0;
        let next = || {
            number += 1;
            FlowId::new(number)
        };
        let told: Vec<_> =
            loaded(&flows, next).iter().map(|(at, event)| format!("{} {event}", at.as_secs_f64())).collect();
        assert_eq!(
            told,
            [
                "0 #1 GET https://a.test/?token=%3Cmasked%201%3E",
                "0.5 #1 response 200",
                "1 #2 GET https://a.test/socket",
                "1.5 #2 response 101",
                "1.5 #2 delivered",
                "2 #2.1 message to_client, \"hi\"",
                "2 #2.1 delivered",
                "3 #1 its response's body had 1 bytes",
                "3 #1 delivered",
                "4 #2 closed",
            ]
        );
    }
}
