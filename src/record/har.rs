//! Flows as HAR 1.2 (ahmadnassri/har-spec), with what Chrome's DevTools adds for sockets and event streams. Pure.

use super::placeholder::masked_url;
use super::recorded::{Kept, ParkedTime, Recorded, RecordedPart, masked, masked_body, masked_headers};
use crate::flow::{Direction, Opcode, Outcome, Part, Response, StageName, text};
use crate::sanitize::{is_secret, placeholder};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Version;
use http::header::{self, HeaderMap};
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// Returns the beginning of a file, up to its entries.
pub(super) fn head() -> String {
    let creator = json!({ "name": "Holdup", "version": env!("CARGO_PKG_VERSION") });
    format!("{{\"log\": {{\"version\": \"1.2\", \"creator\": {creator}, \"pages\": [], \"entries\": [\n")
}

/// Returns what follows the entries.
pub(super) fn tail() -> &'static str {
    "\n]}}\n"
}

/// Returns one flow as an entry.
pub(super) fn entry_text(flow: &Recorded, started: SystemTime) -> String {
    entry(flow, started).to_string()
}

/// Returns a whole file.
pub(crate) fn har(flows: &[Recorded], started: SystemTime) -> String {
    let entries: Vec<_> = flows.iter().map(|flow| entry_text(flow, started)).collect();
    format!("{}{}{}", head(), entries.join(",\n"), tail())
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// `2026-11-28T07:34:57.123Z`
fn date(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let (hour, minute, second, milli) = (at.hour(), at.minute(), at.second(), at.millisecond());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

fn entry(flow: &Recorded, started: SystemTime) -> Value {
    let end = flow.ended.or(flow.answered).unwrap_or(flow.began);
    let sent = flow.sent.unwrap_or(flow.began);
    let answered = flow.answered.unwrap_or(end);
    let (blocked, wait, receive) =
        (sent.saturating_sub(flow.began), answered.saturating_sub(sent), end.saturating_sub(answered));
    let mut entry = json!({
        "startedDateTime": date(started + flow.began),
        "time": ms(blocked + wait + receive),
        "request": request(flow),
        "response": response(flow),
        "cache": {},
        "timings": {
            "blocked": ms(blocked), "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": ms(wait), "receive": ms(receive),
        },
        "_holdup": own(flow, started),
    });
    let messages = messages(flow, started);
    if !messages.is_empty() {
        entry["_webSocketMessages"] = Value::Array(messages);
        entry["_resourceType"] = json!("websocket");
    }
    let events = events(flow, started);
    if !events.is_empty() {
        entry["_eventSourceMessages"] = Value::Array(events);
        entry["_resourceType"] = json!("eventsource");
    }
    entry
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        // mitmproxy reads only this spelling as HTTP/2.
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

fn headers(headers: &HeaderMap) -> Value {
    let one = |(name, value): (http::HeaderName, http::HeaderValue)| json!({ "name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes()) });
    masked_headers(headers).into_iter().map(one).collect()
}

fn request(flow: &Recorded) -> Value {
    let head = &flow.request;
    let query = head.path_and_query.split_once('?').map_or("", |(_, query)| query);
    let pairs = form_urlencoded::parse(query.as_bytes());
    let pair = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let value = if is_secret(&name) && !value.is_empty() { placeholder(&value) } else { masked(&value) };
        json!({ "name": name, "value": value })
    };
    let mut request = json!({
        "method": head.method().as_str(),
        "url": masked_url(&head.url()),
        "httpVersion": version(head.version()),
        "cookies": [],
        "headers": headers(head.headers()),
        "queryString": pairs.map(pair).collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": flow.request_body.as_ref().map_or(if flow.lacks_request_body() { -1 } else { 0 }, |it| it.size as i64),
    });
    if let Some(body) = &flow.request_body {
        let kind = head.header("content-type").unwrap_or("application/octet-stream");
        let mut data = json!({ "mimeType": kind, "text": "" });
        write_content(&mut data, content(head.headers(), body));
        request["postData"] = data;
    }
    request
}

fn write_content(into: &mut Value, content: Option<(String, Option<&'static str>)>) {
    if let Some((text, encoding)) = content {
        into["text"] = json!(text);
        if let Some(encoding) = encoding {
            into["encoding"] = json!(encoding);
        }
    }
}

/// Returns a body as text, or in base64 with the name of that encoding; `None` if it may have secrets that cannot be found.
fn content(headers: &HeaderMap, body: &Kept) -> Option<(String, Option<&'static str>)> {
    let coded = headers.contains_key(header::CONTENT_ENCODING);
    if !body.is_whole() {
        // A character may be cut.
        let end = std::str::from_utf8(&body.start).map_or_else(|error| error.valid_up_to(), str::len);
        let is_text = !coded && text::is_text(headers, &body.start[..end]) && end + 4 > body.start.len();
        return is_text.then(|| (masked(&String::from_utf8_lossy(&body.start[..end])), None));
    }
    let (headers, bytes) = masked_body(headers, &body.start)?;
    let coded = headers.contains_key(header::CONTENT_ENCODING);
    Some(match std::str::from_utf8(&bytes) {
        Ok(text) if !coded && text::is_text(&headers, &bytes) => (text.to_owned(), None),
        _ => (BASE64_STANDARD.encode(&bytes), Some("base64")),
    })
}

fn response(flow: &Recorded) -> Value {
    let Some(head) = &flow.response else {
        let why = flow.outcome.as_ref().map_or_else(|| "under way".to_owned(), ToString::to_string);
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": { "size": 0, "mimeType": "x-unknown" }, "redirectURL": "", "headersSize": -1, "bodySize": -1,
            "_error": masked(&why),
        });
    };
    let mut said = head_of(head);
    let size = flow.response_body.as_ref().map_or(0, |body| body.size);
    let mut shown = json!({ "size": size, "mimeType": head.header("content-type").unwrap_or("x-unknown") });
    if let Some(body) = &flow.response_body {
        write_content(&mut shown, decoded(head, body));
    }
    said["content"] = shown;
    said["bodySize"] = json!(size);
    if let Some(outcome) = flow.outcome.as_ref().filter(|outcome| !outcome.is_delivered()) {
        said["_error"] = json!(masked(&outcome.to_string()));
    }
    said
}

/// A response's content is recorded without its content-encoding, as browsers record it.
fn decoded(head: &Response, body: &Kept) -> Option<(String, Option<&'static str>)> {
    let decoded =
        crate::flow::coding::decode(head.headers(), body.start.clone(), LIMIT).ok().filter(|_| body.is_whole());
    let Some(bytes) = decoded else { return content(head.headers(), body) };
    let mut headers = head.headers().clone();
    headers.remove(header::CONTENT_ENCODING);
    let size = bytes.len() as u64;
    content(&headers, &Kept { start: bytes, size })
}

/// The most bytes that a body is decoded to.
const LIMIT: usize = 64 * 1024 * 1024;

fn head_of(head: &Response) -> Value {
    let to = head.header("location").filter(|_| head.status().is_redirection()).unwrap_or_default();
    json!({
        "status": head.status().as_u16(),
        "statusText": head.status().canonical_reason().unwrap_or_default(),
        "httpVersion": version(head.version()),
        "cookies": [],
        "headers": headers(head.headers()),
        "redirectURL": masked_url(to),
        "headersSize": -1,
    })
}

/// What no other recorder knows.
fn own(flow: &Recorded, started: SystemTime) -> Value {
    let parked = |it: &ParkedTime| {
        json!({
            "stage": it.stage.to_string(),
            "from": ms(it.from),
            "ms": it.to.map(|to| ms(to.saturating_sub(it.from))),
            "rule": masked(&it.rule),
            "line": it.place.to_string(),
        })
    };
    let is_cut = |body: &Option<Kept>| body.as_ref().is_some_and(|body| !body.is_whole());
    let mut own = Map::new();
    own.insert("id".to_owned(), json!(flow.id.to_string()));
    own.insert("order".to_owned(), json!({ "request": flow.id.number(), "answer": flow.delivered }));
    // `startedDateTime` has milliseconds, which do not tell what came first.
    let time = |at: Option<Duration>| at.map(|at| seconds(started, at));
    own.insert(
        "times".to_owned(),
        json!({ "request": time(Some(flow.began)), "answer": time(flow.answered), "end": time(flow.ended) }),
    );
    own.insert("outcome".to_owned(), json!(flow.outcome.as_ref().map(|outcome| outcome_name(outcome))));
    if !flow.parked.is_empty() {
        let at = |stage| ms(flow.parked_for(stage));
        own.insert("parked".to_owned(), flow.parked.iter().map(parked).collect());
        own.insert(
            "parkedMs".to_owned(),
            json!({ "request": at(StageName::Request), "response": at(StageName::Response) }),
        );
    }
    let bodies = [("request", &flow.request_body), ("response", &flow.response_body)];
    let cut: Vec<_> = bodies.into_iter().filter(|(_, body)| is_cut(body)).map(|(name, _)| name).collect();
    if !cut.is_empty() {
        own.insert("truncated".to_owned(), json!(cut));
    }
    Value::Object(own)
}

fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::ClientGone => "client gone",
        Outcome::Aborted => "aborted",
        Outcome::Failed(_) => "failed",
    }
}

fn seconds(started: SystemTime, at: Duration) -> f64 {
    (started + at).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn messages(flow: &Recorded, started: SystemTime) -> Vec<Value> {
    let message = |recorded: &RecordedPart| {
        let RecordedPart { at, part, is_delivered, .. } = recorded;
        let Part::Message(message) = &**part else { return None };
        let kind = if message.direction() == Direction::ToServer { "send" } else { "receive" };
        let (opcode, data) = match message.opcode() {
            Opcode::Text => (1, masked(&message.text())),
            Opcode::Binary => (2, BASE64_STANDARD.encode(message.payload())),
        };
        let mut json = json!({ "type": kind, "time": seconds(started, *at), "opcode": opcode, "data": data });
        if !is_delivered {
            json["_dropped"] = json!(true);
        }
        if !recorded.is_whole() {
            json["_truncated"] = json!(true);
        }
        Some(json)
    };
    flow.parts.iter().filter_map(message).collect()
}

fn events(flow: &Recorded, started: SystemTime) -> Vec<Value> {
    let event = |RecordedPart { at, part, is_delivered, .. }: &RecordedPart| {
        let Part::Event(event) = &**part else { return None };
        if !is_delivered {
            return None;
        }
        let (name, id) = (event.event(), event.id().unwrap_or_default());
        Some(json!({ "time": seconds(started, *at), "eventName": name, "eventId": id, "data": masked(event.data()) }))
    };
    flow.parts.iter().filter_map(event).collect()
}
