//! A flow as recordings have it: what the client sent and got, with its times. Pure.

use super::placeholder::PLACEHOLDER;
use crate::flow::{FlowId, Outcome, Part, Place, Request, Response, StageName, coding, text};
use crate::journal::{Entry, Event};
use crate::sanitize::{is_unambiguous, mask, mask_code, placeholder};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The most bytes that a coded body is decoded to, to mask it.
const DECODED: usize = 16 * 1024 * 1024;

/// One flow that has ended, or that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) id: FlowId,
    pub(crate) began: Duration,
    /// As the client sent it.
    pub(crate) request: Arc<Request>,
    pub(crate) request_body: Option<Kept>,
    /// Whether that is as a rule or a person has read it, before it was changed.
    has_read_request: bool,
    pub(crate) sent: Option<Duration>,
    pub(crate) answered: Option<Duration>,
    /// As the client got it.
    pub(crate) response: Option<Arc<Response>>,
    pub(crate) response_body: Option<Kept>,
    pub(crate) ended: Option<Duration>,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) parked: Vec<ParkedTime>,
    /// The position of its end among all ends: the order in which responses were delivered.
    pub(crate) delivered: Option<usize>,
    pub(crate) parts: Vec<RecordedPart>,
    pub(crate) closed: Option<Duration>,
}

/// The start of a body, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) start: Bytes,
    pub(crate) size: u64,
}

impl Kept {
    pub(crate) fn is_whole(&self) -> bool {
        self.start.len() as u64 == self.size
    }
}

/// A time in which a rule parked the flow.
#[derive(Clone, Debug)]
pub(crate) struct ParkedTime {
    pub(crate) stage: StageName,
    pub(crate) from: Duration,
    pub(crate) to: Option<Duration>,
    pub(crate) rule: Arc<str>,
    pub(crate) place: Place,
}

/// A part of a stream. Discarded parts have no end.
#[derive(Clone, Debug)]
pub(crate) struct RecordedPart {
    pub(crate) id: FlowId,
    pub(crate) at: Duration,
    pub(crate) part: Arc<Part>,
    /// Of its content; more than the part has if that is cut.
    pub(crate) size: usize,
    pub(crate) is_delivered: bool,
}

impl RecordedPart {
    pub(crate) fn is_whole(&self) -> bool {
        self.part.content().len() == self.size
    }
}

impl Recorded {
    fn new(id: FlowId, began: Duration, request: &Arc<Request>) -> Self {
        Self {
            id,
            began,
            request: Arc::clone(request),
            request_body: None,
            has_read_request: false,
            sent: None,
            answered: None,
            response: None,
            response_body: None,
            ended: None,
            outcome: None,
            parked: Vec::new(),
            delivered: None,
            parts: Vec::new(),
            closed: None,
        }
    }

    /// Returns how long rules have parked it.
    pub(crate) fn parked_for(&self, stage: StageName) -> Duration {
        let of_stage = self.parked.iter().filter(|parked| parked.stage == stage);
        of_stage.filter_map(|parked| Some(parked.to?.saturating_sub(parked.from))).sum()
    }

    /// Whether the request has a body that is not known, since the flow ended before it was sent.
    pub(crate) fn lacks_request_body(&self) -> bool {
        let has_body = match self.request.header("content-length") {
            Some(length) => length != "0",
            None => self.request.header("transfer-encoding").is_some(),
        };
        self.request_body.is_none() && has_body
    }

    /// Orders the parts, and makes the body of a stream from them, which no capture sees.
    fn join_parts(&mut self) {
        // In the order in which they came: the test may have held one.
        self.parts.sort_by_key(|part| part.at);
        let delivered = || self.parts.iter().filter(|part| part.is_delivered);
        let wire = |part: &RecordedPart| match &*part.part {
            Part::Event(event) => Some(event.wire()),
            Part::Chunk(chunk) => Some(chunk.bytes().clone()),
            Part::Message(_) => None,
        };
        let start: Vec<u8> = delivered().filter_map(wire).flatten().collect();
        if self.response_body.is_none() && !start.is_empty() {
            let missing: usize = delivered().map(|part| part.size - part.part.content().len().min(part.size)).sum();
            let size = (start.len() + missing) as u64;
            self.response_body = Some(Kept { start: start.into(), size });
        }
    }

    fn part(&mut self, id: FlowId) -> Option<&mut RecordedPart> {
        self.parts.iter_mut().find(|part| part.id == id)
    }

    /// Applies an entry about the flow itself.
    fn note(&mut self, Entry { at, event }: &Entry, delivered: usize) {
        match event {
            Event::Parked { stage, rule, place, .. } => {
                let (rule, place) = (Arc::clone(rule), *place);
                self.parked.push(ParkedTime { stage: *stage, from: *at, to: None, rule, place });
            }
            Event::Decided { .. } => {
                self.parked.iter_mut().filter(|it| it.to.is_none()).for_each(|it| it.to = Some(*at));
            }
            Event::Sent { .. } => self.sent = Some(*at),
            Event::Answered { response, .. } => {
                (self.answered, self.response) = (Some(*at), Some(Arc::clone(response)));
            }
            Event::ChangedResponse { response, .. } => self.response = Some(Arc::clone(response)),
            // What was read is decoded: of a coded body only what is sent has the coding of its head.
            Event::Read { stage: StageName::Request, body, .. }
                if !self.has_read_request && !self.request.headers().contains_key(header::CONTENT_ENCODING) =>
            {
                self.has_read_request = true;
                self.request_body = Some(Kept { start: body.clone(), size: body.len() as u64 });
            }
            Event::Body { stage: StageName::Response, start, size, .. } => {
                self.response_body = Some(Kept { start: start.clone(), size: *size });
            }
            Event::Body { start, size, .. } if !self.has_read_request => {
                self.request_body = Some(Kept { start: start.clone(), size: *size });
            }
            Event::Ended { outcome, .. } => {
                (self.ended, self.outcome, self.delivered) = (Some(*at), Some(outcome.clone()), Some(delivered));
            }
            Event::Closed { .. } => self.closed = Some(*at),
            _ => {}
        }
    }

    fn note_part(&mut self, id: FlowId, Entry { at, event }: &Entry) {
        match event {
            Event::Part { part, size, .. } => {
                self.parts.push(RecordedPart { id, at: *at, part: Arc::clone(part), size: *size, is_delivered: false });
            }
            Event::Changed { part: changed, size, .. } => {
                if let Some(part) = self.part(id) {
                    (part.part, part.size) = (Arc::clone(changed), *size);
                }
            }
            Event::Ended { outcome, .. } => {
                if let Some(part) = self.part(id) {
                    (part.at, part.is_delivered) = (*at, outcome.is_delivered());
                }
            }
            _ => {}
        }
    }
}

/// Builds the flows of a journal, in the order of their requests.
pub(crate) fn recorded(entries: &[Entry]) -> Vec<Recorded> {
    let (mut flows, mut ends): (BTreeMap<FlowId, Recorded>, usize) = (BTreeMap::new(), 0);
    for entry in entries {
        let Some(id) = entry.event.flow() else { continue };
        match &entry.event {
            Event::Began { request, .. } => drop(flows.insert(id, Recorded::new(id, entry.at, request))),
            _ if id == id.whole() => {
                ends += usize::from(matches!(entry.event, Event::Ended { .. }));
                if let Some(flow) = flows.get_mut(&id) {
                    flow.note(entry, ends);
                }
            }
            _ => {
                if let Some(flow) = flows.get_mut(&id.whole()) {
                    flow.note_part(id, entry);
                }
            }
        }
    }
    let mut flows: Vec<_> = flows.into_values().collect();
    flows.iter_mut().for_each(Recorded::join_parts);
    flows
}

/// Returns a URL, a path or a header's value with its secrets masked.
pub(super) fn masked(text: &str) -> String {
    mask(text).into_owned()
}

/// Returns headers with secrets masked, in their order.
pub(super) fn masked_headers(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let one = |(name, value): (&HeaderName, &HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let shown = if is_unambiguous(name.as_str()) { placeholder(&text) } else { masked(&text) };
        let value =
            if shown == text { value.clone() } else { HeaderValue::from_str(&shown).unwrap_or_else(|_| value.clone()) };
        (name.clone(), value)
    };
    headers.iter().map(one).collect()
}

fn headers_kind(headers: &HeaderMap) -> String {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().to_ascii_lowercase()
}

/// Returns a text with its secrets masked, such that JSON is still JSON, and code is code.
fn masked_content(kind: &str, text: &str) -> String {
    if let Ok(mut json) = serde_json::from_str::<Value>(text)
        && (json.is_object() || json.is_array())
    {
        let before = json.clone();
        mask_json(&mut json);
        return if json == before { text.to_owned() } else { json.to_string() };
    }
    let is_markup = ["html", "xml", "svg"].iter().any(|markup| kind.contains(markup));
    if is_markup {
        return PLACEHOLDER.replace_all(&mask_code(text), "&lt;masked $1&gt;").into_owned();
    }
    let is_code = ["script", "css"].iter().any(|code| kind.contains(code));
    if is_code { mask_code(text).into_owned() } else { masked(text) }
}

fn mask_json(json: &mut Value) {
    match json {
        Value::String(text) => *text = masked(text),
        Value::Array(items) => items.iter_mut().for_each(mask_json),
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_unambiguous(name) { mask_all(value) } else { mask_json(value) }
            }
        }
        _ => {}
    }
}

/// Masks whatever has the name of a secret.
fn mask_all(json: &mut Value) {
    match json {
        Value::String(text) if !text.is_empty() => *text = placeholder(text),
        Value::Number(number) => *json = placeholder(&number.to_string()).into(),
        Value::Array(items) => items.iter_mut().for_each(mask_all),
        Value::Object(fields) => fields.values_mut().for_each(mask_all),
        _ => {}
    }
}

/// Returns a body with its secrets masked, and the headers that describe it; `None` if it may have secrets that cannot be
/// found. A coded body is decoded if it has any: then it is recorded without its coding.
pub(super) fn masked_body(headers: &HeaderMap, body: &Bytes) -> Option<(HeaderMap, Bytes)> {
    let same = || Some((headers.clone(), body.clone()));
    let decoded = coding::decode(headers, body.clone(), DECODED).ok()?;
    let kind = headers_kind(headers);
    if !text::is_text(headers, &decoded) && !kind.starts_with("multipart/") {
        return same();
    }
    let masked = match std::str::from_utf8(&decoded) {
        Ok(text) => masked_content(&kind, text).into_bytes(),
        // Another charset, or a form with a file: secrets are ASCII, and every byte stays a character.
        Err(_) => {
            let text: String = decoded.iter().map(|byte| char::from(*byte)).collect();
            masked_content(&kind, &text).chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
        }
    };
    if masked == decoded {
        return same();
    }
    let mut headers = headers.clone();
    headers.remove(header::CONTENT_ENCODING);
    if headers.contains_key(header::CONTENT_LENGTH) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(masked.len()));
    }
    Some((headers, masked.into()))
}
