//! Event streams in recordings: a body, cut into its events, and the times of those. Pure.

use super::played::{Played, PlayedPart};
use crate::flow::Direction;
use bytes::Bytes;
use http::header::ACCEPT;

/// Gives the flow of an event stream its parts: its events, each with what stands before it. `times` are those of the events,
/// where the recording has them.
pub(super) fn cut(flow: &mut Played, times: &[f64]) {
    let Some(answer) = flow.answer.as_ref().filter(|_| flow.is_event_stream()) else { return };
    let Some(body) = answer.body.clone() else { return };
    let (mut times, mut last, mut start, mut end) = (times.iter(), answer.at, 0, 0);
    for block in blocks(&body) {
        end += block.len();
        // Comments and numbers for reconnecting are no events: they come with the next.
        if is_event(&block) {
            last = times.next().copied().or(last);
            let content = body.slice(start..end);
            flow.parts.push(PlayedPart { at: last, direction: Direction::ToClient, is_text: true, content });
            start = end;
        }
    }
    if let Some(part) = flow.parts.last_mut() {
        // What follows the last event, whole or not, comes with it.
        part.content = body.slice(start - part.content.len()..);
    }
}

/// Marks the streams that their server has not ended, as far as the recording tells: an `EventSource` connects again when
/// its stream ends, so the last stream of a URL had not.
pub(super) fn mark_open(flows: &mut [Played]) {
    let mut later = std::collections::BTreeSet::new();
    for flow in flows.iter_mut().rev() {
        let is_last = later.insert(flow.url.clone());
        let accepts = flow.request_headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let is_event_source = accepts.is_some_and(|accept| accept.contains("text/event-stream"));
        if flow.is_event_stream()
            && let Some(answer) = &mut flow.answer
        {
            answer.stays_open |= is_last && is_event_source;
        }
    }
}

/// Whether a block is an event: it has data, and a blank line at its end.
fn is_event(block: &[u8]) -> bool {
    let mut lines = block.split(|byte| matches!(byte, b'\n' | b'\r'));
    let has_data = lines.any(|line| line == b"data" || line.starts_with(b"data:"));
    has_data
        && [&b"\n\n"[..], b"\r\r", b"\r\n\r\n", b"\n\r\n", b"\r\n\n", b"\n\r"].iter().any(|end| block.ends_with(end))
}

/// Cuts a stream behind each blank line. What follows the last is a block, too.
fn blocks(body: &Bytes) -> Vec<Bytes> {
    let (mut blocks, mut start, mut line_start, mut at) = (Vec::new(), 0, 0, 0);
    while at < body.len() {
        let length = match &body[at..] {
            [b'\r', b'\n', ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            _ => {
                at += 1;
                continue;
            }
        };
        let is_blank = line_start == at;
        at += length;
        line_start = at;
        if is_blank {
            blocks.push(body.slice(start..at));
            start = at;
        }
    }
    if start < body.len() {
        blocks.push(body.slice(start..));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::played::PlayedAnswer;
    use http::HeaderValue;
    use http::header::{CONTENT_TYPE, HeaderMap};

    #[test]
    fn a_stream_is_cut_behind_blank_lines() {
        let body = Bytes::from_static(b"retry: 1\n\ndata: a\r\n\r\n: hi\rdata: b\r\rdata: c\n");
        let blocks = blocks(&body);
        let texts: Vec<_> = blocks.iter().map(|block| String::from_utf8_lossy(block).into_owned()).collect();
        assert_eq!(texts, ["retry: 1\n\n", "data: a\r\n\r\n", ": hi\rdata: b\r\r", "data: c\n"]);
        assert_eq!(blocks.iter().map(|block| is_event(block)).collect::<Vec<_>>(), [false, true, true, false]);
    }

    /// So the proxy counts the same events as the recording.
    #[test]
    fn what_is_no_event_comes_with_one() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let body = Some(Bytes::from_static(b": hi\n\nretry: 1\n\ndata: a\n\ndatabase: x\n\ndata: b\n\ndata: cut"));
        let answer = PlayedAnswer { headers, body, ..PlayedAnswer::default() };
        let mut flow = Played { answer: Some(answer), ..Played::default() };
        cut(&mut flow, &[1.0, 2.0]);
        let parts: Vec<_> = flow.parts.iter().map(|part| (part.at, &part.content[..])).collect();
        let first = &b": hi\n\nretry: 1\n\ndata: a\n\n"[..];
        assert_eq!(parts, [(Some(1.0), first), (Some(2.0), &b"database: x\n\ndata: b\n\ndata: cut"[..])]);
    }

    #[test]
    fn the_last_stream_of_an_event_source_stays_open() {
        let stream = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
            let body = Some(Bytes::from_static(b"data: a\n\n"));
            let answer = PlayedAnswer { status: 200, headers, body, ..PlayedAnswer::default() };
            let mut flow = Played { url: "https://a/".to_owned(), answer: Some(answer), ..Played::default() };
            flow.request_headers.insert(ACCEPT, HeaderValue::from_static(accept));
            flow
        };
        let mut flows = [stream("text/event-stream"), stream("text/event-stream")];
        mark_open(&mut flows);
        let open = |flow: &Played| flow.answer.as_ref().is_some_and(|answer| answer.stays_open);
        assert_eq!(flows.iter().map(open).collect::<Vec<_>>(), [false, true]);
        let mut called = [stream("*/*")];
        mark_open(&mut called);
        assert!(!open(&called[0]), "the answer to a call ends");
        cut(&mut called[0], &[3.0]);
        assert_eq!(called[0].parts[0].at, Some(3.0));
    }
}
