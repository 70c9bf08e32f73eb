//! The requests of a client that is no browser, as lines of a test. Pure.

use super::recorded::{Kept, Recorded, masked, masked_body};
use crate::flow::{FlowId, Outcome, text};
use crate::journal::{Entry, Event};
use crate::sanitize::sanitize_line;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use std::collections::BTreeMap;

/// The position of a flow's begin among all entries, and that of its end.
type Span = (usize, Option<usize>);

/// Returns the requests of a client, each with its place among all entries, and at last what awaits their responses.
/// `verdicts` are the places of what a person decides: no response is awaited before one.
pub(super) fn requests(entries: &[Entry], flows: &[Recorded], verdicts: &[usize]) -> Vec<(f64, String)> {
    let spans = spans(entries);
    let begins = flows.iter().filter_map(|flow| spans.get(&flow.id).map(|(began, _)| *began));
    let steps: Vec<_> = begins.chain(verdicts.iter().copied()).collect();
    let (mut lines, mut awaited) = (Vec::new(), Vec::new());
    for flow in flows {
        let Some((began, ended)) = spans.get(&flow.id).copied() else { continue };
        let next = steps.iter().filter(|step| **step > began).min();
        let is_alone = ended.is_some_and(|ended| next.is_none_or(|next| ended < *next));
        let fails = flow.outcome.as_ref().is_some_and(|outcome| *outcome != Outcome::Delivered);
        let (call, rank) = (call(flow), began as f64);
        if flow.response.as_ref().is_some_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS) {
            lines.push((rank, format!("// a WebSocket: {}\n", sanitize_line(&masked(&flow.request.url())))));
        } else if is_alone {
            lines.push((rank, if fails { format!("drop({call}.await);\n") } else { format!("{call}.await?;\n") }));
        } else {
            let name = if awaited.is_empty() { "asking".to_owned() } else { format!("asking_{}", awaited.len() + 1) };
            lines.push((rank, format!("let {name} = tokio::spawn({call});\n")));
            awaited.push(if fails { format!("drop({name}.await?);\n") } else { format!("{name}.await??;\n") });
        }
    }
    lines.extend(awaited.into_iter().map(|line| (f64::MAX, line)));
    lines
}

fn spans(entries: &[Entry]) -> BTreeMap<FlowId, Span> {
    let mut spans = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        match &entry.event {
            Event::Began { flow, .. } => drop(spans.insert(*flow, (at, None))),
            Event::Ended { flow, .. } => {
                if let Some((_, ended)) = spans.get_mut(flow) {
                    *ended = Some(at);
                }
            }
            _ => {}
        }
    }
    spans
}

/// Returns the call that sends a request.
fn call(flow: &Recorded) -> String {
    let (request, url) = (&flow.request, masked(&flow.request.url()));
    let named = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD];
    let start = match named.contains(request.method()) {
        true => format!("client.{}({url:?})", request.method().as_str().to_lowercase()),
        false => format!("client.request({:?}.parse()?, {url:?})", request.method().as_str()),
    };
    let body = flow.request_body.as_ref().filter(|body| body.size > 0).map(|body| {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.map(|kind| format!(".header(\"content-type\", {kind:?})")).unwrap_or_default();
        match said(flow, body) {
            Some(text) => format!("{kind}.body({text:?})"),
            None => format!("{kind} /* a body of {} bytes */", body.size),
        }
    });
    format!("{start}{}.send()", body.unwrap_or_default())
}

/// Returns a body that is text, and known to its end.
fn said(flow: &Recorded, body: &Kept) -> Option<String> {
    let (headers, bytes) = masked_body(flow.request.headers(), &body.start).filter(|_| body.is_whole())?;
    String::from_utf8(bytes.to_vec()).ok().filter(|text| text::is_text(&headers, text.as_bytes()))
}
