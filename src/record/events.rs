//! Event streams in recordings: a body, cut into its events, and the times of those. Pure.

use super::played::{Played, PlayedPart};
use crate::flow::Direction;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};

fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
}

/// Gives the flow of an event stream its parts. `times` are those of its events, where the recording has them.
pub(super) fn cut(flow: &mut Played, times: &[f64]) {
    let Some(answer) = flow.answer.as_ref().filter(|answer| is_event_stream(&answer.headers)) else { return };
    let Some(body) = answer.body.clone() else { return };
    let (mut times, mut last) = (times.iter(), answer.at);
    flow.parts = blocks(&body)
        .into_iter()
        .map(|content| {
            if is_event(&content) {
                last = times.next().copied().or(last);
            }
            PlayedPart { at: last, direction: Direction::ToClient, is_text: true, content }
        })
        .collect();
}

/// Marks the streams that their server has not ended, as far as the recording tells: an `EventSource` connects again when
/// its stream ends, so the last stream of a URL had not.
pub(super) fn mark_open(flows: &mut [Played]) {
    let mut later = std::collections::BTreeSet::new();
    for flow in flows.iter_mut().rev() {
        let is_last = later.insert(flow.url.clone());
        let accepts = flow.request_headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let is_event_source = accepts.is_some_and(|accept| accept.contains("text/event-stream"));
        if let Some(answer) = flow.answer.as_mut().filter(|answer| is_event_stream(&answer.headers)) {
            answer.stays_open |= is_last && is_event_source;
        }
    }
}

/// Whether a block is an event, and not only a comment or a number for reconnecting.
fn is_event(block: &[u8]) -> bool {
    block.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| line.starts_with(b"data"))
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

    #[test]
    fn a_stream_is_cut_behind_blank_lines() {
        let body = Bytes::from_static(b"retry: 1\n\ndata: a\r\n\r\n: hi\rdata: b\r\rdata: c\n");
        let blocks = blocks(&body);
        let texts: Vec<_> = blocks.iter().map(|block| String::from_utf8_lossy(block).into_owned()).collect();
        assert_eq!(texts, ["retry: 1\n\n", "data: a\r\n\r\n", ": hi\rdata: b\r\r", "data: c\n"]);
        assert_eq!(blocks.iter().map(|block| is_event(block)).collect::<Vec<_>>(), [false, true, true, true]);
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
