//! One flow as text: heads, bodies, parts, and what happened to it. Pure.

use super::message::{request_text, response_text};
use crate::flow::{Part, Response, coding, text};
use crate::journal::Entry;
use crate::record::{Kept, Recorded, recorded};
use crate::sanitize::sanitize;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

/// The most bytes of a body that are decoded, and shown.
const DECODED: usize = 16 * 1024 * 1024;
const SHOWN: usize = 256 * 1024;

/// Returns the parts of a flow that a person looks at, from its entries of the journal.
pub(super) fn show(entries: &[Entry]) -> Option<Value> {
    let flow = recorded(entries).into_iter().next()?;
    let request_body = flow.request_body.as_ref().and_then(|body| body_text(flow.request.headers(), body));
    let response = flow.response.as_ref().map(|response| shown_response(&flow, response));
    let events = entries.iter().map(|entry| format!("{:>9.1} ms  {}", entry.at.as_secs_f64() * 1e3, entry.event));
    let parts: Vec<_> = flow.parts.iter().filter(|part| !matches!(*part.part, Part::Chunk(_))).collect();
    let parts = parts.iter().map(|part| format!("{} {}", part.id, part.part.in_words(part.size)));
    Some(json!({
        "request": sanitize(&request_text(&flow.request, request_body.as_ref())),
        "response": response.map(|response| sanitize(&response)),
        "parts": parts.map(|part| sanitize(&part)).collect::<Vec<_>>(),
        "events": events.map(|event| sanitize(&event)).collect::<Vec<_>>(),
    }))
}

fn shown_response(flow: &Recorded, response: &Response) -> String {
    let body = flow.response_body.as_ref().and_then(|body| body_text(response.headers(), body));
    response_text(response, body.as_ref())
}

/// Returns a body as a person reads it: decoded, and JSON with line breaks.
fn body_text(headers: &HeaderMap, body: &Kept) -> Option<Bytes> {
    let decoded = coding::decode(headers, body.start.clone(), DECODED).ok().filter(|_| body.is_whole());
    let bytes = decoded.unwrap_or_else(|| body.start.clone());
    if !text::is_text(headers, &bytes) {
        return Some(format!("({} bytes that are no text)", body.size).into());
    }
    let pretty = serde_json::from_slice::<Value>(&bytes).ok().filter(|json| json.is_object() || json.is_array());
    let mut text = match pretty.and_then(|json| serde_json::to_string_pretty(&json).ok()) {
        Some(pretty) => pretty,
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
    if text.len() > SHOWN {
        let end = (0..=SHOWN).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n..");
    } else if !body.is_whole() {
        text.push_str(&format!("\n.. ({} bytes in all)", body.size));
    }
    Some(text.into())
}
