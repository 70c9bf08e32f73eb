//! What a recording says, whatever its format: requests with their answers, in the order of the requests. Pure.

use crate::flow::Direction;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The most bytes that a body of a recording is decoded to.
pub(super) const DECODED: usize = 64 * 1024 * 1024;

/// Returns the content of a file beside the recording, by its name.
pub(super) type Files<'a> = &'a dyn Fn(&str) -> Option<Bytes>;

/// One recorded flow. Times are seconds since 1970.
#[derive(Clone, Debug, Default)]
pub(crate) struct Played {
    pub(crate) method: String,
    /// Absolute, without a fragment.
    pub(crate) url: String,
    pub(crate) request_headers: HeaderMap,
    /// As it was sent; `None` if the recording does not have it.
    pub(crate) request_body: Option<Bytes>,
    /// `None` if no answer came.
    pub(crate) answer: Option<PlayedAnswer>,
    /// Whether the client left before its answer had come.
    pub(crate) was_left: bool,
    /// When it began; `None` if the recording does not tell.
    pub(crate) began: Option<f64>,
    /// When its last byte, or its failure, had come.
    pub(crate) ended: Option<f64>,
    /// Whether the times are exact enough to tell what came first within a millisecond.
    pub(crate) is_exact: bool,
    /// The messages of a WebSocket, or the blocks of an event stream.
    pub(crate) parts: Vec<PlayedPart>,
    /// Whether one of them is not whole.
    pub(crate) has_cut_parts: bool,
    /// What has parked it.
    pub(crate) parked: Vec<Parked>,
}

/// A rule that has parked a flow at a stage, and its line.
#[derive(Clone, Debug)]
pub(crate) struct Parked {
    pub(crate) stage: String,
    pub(crate) rule: String,
    pub(crate) line: String,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct PlayedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Without its content-encoding; `None` if the recording does not have it.
    pub(crate) body: Option<Bytes>,
    /// When its head came.
    pub(crate) at: Option<f64>,
    /// Whether its body was still open when the recording ended, or when the client left it.
    pub(crate) stays_open: bool,
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlayedPart {
    pub(crate) at: Option<f64>,
    pub(crate) direction: Direction,
    pub(crate) is_text: bool,
    pub(crate) content: Bytes,
}

impl Played {
    pub(super) fn is_socket(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.status == 101)
    }

    /// Notes how it has ended: whether its client had left, or else whether its answer is whole.
    pub(super) fn end(&mut self, is_left: bool, is_whole: bool) {
        let (is_stream, is_event_stream) = (self.is_stream(), self.is_event_stream());
        if is_left && !is_stream {
            (self.was_left, self.answer) = (true, None);
        }
        if let Some(answer) = &mut self.answer {
            let is_open = is_left && is_event_stream;
            answer.stays_open = is_open;
            answer.body = answer.body.take().filter(|_| is_whole || is_open).or_else(|| is_open.then(Bytes::new));
        }
    }

    pub(super) fn is_event_stream(&self) -> bool {
        let kind =
            self.answer.as_ref().and_then(|answer| answer.headers.get(http::header::CONTENT_TYPE)?.to_str().ok());
        kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/event-stream"))
    }

    /// Whether its answer comes before it ends.
    pub(super) fn is_stream(&self) -> bool {
        self.is_socket() || self.is_event_stream()
    }

    /// Returns what a person calls it: `GET https://shop.test/`.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.url)
    }
}

/// Adds a header, unless it is not one: recordings of HTTP/2 have `:method` and the like.
pub(super) fn add(headers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

/// Sorts flows by their requests. One without a time stays behind the one before it.
pub(super) fn in_order(flows: &mut Vec<Played>) {
    let mut last = f64::MIN;
    let mut timed: Vec<_> = flows
        .drain(..)
        .map(|flow| {
            last = flow.began.unwrap_or(last);
            (last, flow)
        })
        .collect();
    timed.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    flows.extend(timed.into_iter().map(|(_, flow)| flow));
}

/// Returns a URL without its fragment.
pub(super) fn without_fragment(url: &str) -> String {
    url.split('#').next().unwrap_or(url).to_owned()
}
