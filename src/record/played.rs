//! What a recording says, whatever its format: requests with their answers, in the order of the requests. Pure.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The most bytes that a body of a recording is decoded to.
pub(super) const DECODED: usize = 64 * 1024 * 1024;

/// Returns the content of a file beside the recording, by its name.
pub(super) type Files<'a> = &'a dyn Fn(&str) -> Option<Bytes>;

/// One recorded flow.
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
    /// When it began, in seconds; `None` if the recording does not tell.
    pub(crate) began: Option<f64>,
}

#[derive(Clone, Debug)]
pub(crate) struct PlayedAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Without its content-encoding; `None` if the recording does not have it.
    pub(crate) body: Option<Bytes>,
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
