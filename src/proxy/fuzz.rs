//! Properties of the proxy's own parsers that hold for any bytes. See [`crate::fuzz`].

use super::{heads as lines, stream, websocket};
use crate::flow::coding;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderValue};

/// Checks that an event stream loses no byte, however it is split.
pub fn event_streams(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    stream::fuzz(stream, usize::from(*size).max(1));
}

/// Checks that WebSocket frames lose no byte, however they are split.
pub fn websockets(bytes: &[u8]) {
    let Some((size, stream)) = bytes.split_first() else { return };
    websocket::fuzz(stream, usize::from(*size).max(1));
}

/// Checks that a body is decoded to no more than the limit, or refused.
pub fn content_codings(bytes: &[u8]) {
    const LIMIT: usize = 64 * 1024;
    const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip, br", "none"];
    let Some((coding, body)) = bytes.split_first() else { return };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(coding))]);
    if let Ok(decoded) = coding::decode(&headers, Bytes::copy_from_slice(body), LIMIT) {
        assert!(decoded.len() <= LIMIT.max(body.len()), "{} bytes", decoded.len());
    }
}

/// Checks that cleaning a head never makes it longer, and that a second pass finds nothing to remove.
pub fn heads(bytes: &[u8]) {
    let Some(end) = lines::end_of(bytes) else { return };
    let head = &bytes[..end];
    lines::refusal(head);
    lines::answer_refusal(head);
    if let Some((kept, _)) = lines::without_bad_lines(head) {
        assert!(kept.len() <= head.len());
        assert!(lines::without_bad_lines(&kept).is_none());
    }
}
