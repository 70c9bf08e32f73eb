//! Rewrites the text of bodies in their charsets, and adapts heads to changed bodies. Pure.

use super::hop;
use crate::flow::{Request, text};
use bytes::Bytes;
use encoding_rs::Encoding;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use regex::Regex;
use std::borrow::Cow;

/// The `accept-encoding` that is sent to the server when the proxy must read the body.
pub(super) const DECODABLE: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// Replaces all matches of `pattern` in the text of a decoded body.
///
/// Returns `None` when nothing changes, when the body is not text, or when its charset cannot encode the new text.
pub(super) fn rewrite(headers: &HeaderMap, body: &[u8], pattern: &Regex, with: &str) -> Option<Bytes> {
    if !text::is_text(headers, body) {
        return None;
    }
    change_text(headers, body, |text| match pattern.replace_all(text, with) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => (changed != text).then_some(changed),
    })
}

/// Changes the text of a decoded body, and keeps its charset and byte order mark.
///
/// Returns `None` when nothing changes, when the body is not text, or when its charset cannot encode the new text.
pub(super) fn change_text(
    headers: &HeaderMap,
    body: &[u8],
    change: impl FnOnce(&str) -> Option<String>,
) -> Option<Bytes> {
    let (encoding, mark) = text::encoding(headers, body);
    let (mark, body) = body.split_at(mark);
    let text = encoding.decode_without_bom_handling_and_without_replacement(body)?;
    let changed = change(&text)?;
    let mut bytes = mark.to_vec();
    bytes.extend(encode(encoding, &changed)?);
    Some(Bytes::from(bytes))
}

/// Encodes a text; `None` when the charset cannot encode it.
fn encode(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    // `encoding_rs` does not encode to UTF-16, since the web does not send it.
    if encoding == encoding_rs::UTF_16LE {
        return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    }
    if encoding == encoding_rs::UTF_16BE {
        return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    let (bytes, _, unmappable) = encoding.encode(text);
    (!unmappable).then(|| bytes.into_owned())
}

/// Headers that describe the bytes of a body, and are wrong once those change.
const ABOUT_BYTES: [HeaderName; 8] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::ACCEPT_RANGES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// Adapts a head to a replaced body of this many bytes.
pub(super) fn fit_head(headers: &mut HeaderMap, length: u64) {
    hop::remove(headers, &ABOUT_BYTES);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
}

/// Returns the trailers that are still valid for a replaced body.
pub(super) fn fit_trailers(mut trailers: HeaderMap) -> HeaderMap {
    hop::remove(&mut trailers, &ABOUT_BYTES);
    trailers
}

/// Keeps a changed response out of every cache. `no-cache`, not `no-store`: with the latter Chromium keeps no timing
/// entry.
pub(super) fn forbid_caching(headers: &mut HeaderMap) {
    hop::remove(headers, &[header::ETAG, header::LAST_MODIFIED, header::EXPIRES, header::AGE, header::PRAGMA]);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// Makes a browser revalidate a cached response before each use.
///
/// This way, rules that are declared later see the request. Validators stay, so that the server can still respond with
/// 304.
pub(super) fn revalidate(headers: &mut HeaderMap) {
    let never_kept = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("no-store"));
    if !headers.get_all(header::CACHE_CONTROL).into_iter().any(never_kept) {
        hop::remove(headers, &[header::EXPIRES]);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

/// Removes the validators of scripts and styles that a page may pin by `integrity`.
///
/// They are then fetched anew: Chromium checks a revalidated resource against the `integrity` of its first copy, even
/// when the page no longer has one.
pub(super) fn forget_pinned(request: &Request, headers: &mut HeaderMap) {
    // Only CORS requests can have an `integrity`, or load a module.
    let may_be_pinned = matches!(request.header("sec-fetch-dest"), Some("script" | "style"));
    if may_be_pinned && request.header("sec-fetch-mode") == Some("cors") {
        hop::remove(headers, &[header::ETAG, header::LAST_MODIFIED]);
    }
}

/// Makes the server send the whole body, in a coding that the proxy can decode.
pub(super) fn ask_for_whole_body(headers: &mut HeaderMap) {
    hop::remove(headers, &[header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE, header::IF_RANGE, header::RANGE]);
    if headers.contains_key(header::ACCEPT_ENCODING) {
        headers.insert(header::ACCEPT_ENCODING, DECODABLE);
    }
}

/// Makes the server send the body without a content-encoding, since a stream is read piece by piece.
pub(super) fn ask_uncoded(headers: &mut HeaderMap) {
    if headers.contains_key(header::ACCEPT_ENCODING) {
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "the cat and the dog; caf\u{e9}";

    fn headers(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[test]
    fn a_rewrite_keeps_the_charset() {
        let the = Regex::new("the").expect("a regex");
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
        for kind in ["text/html; charset=iso-8859-1", "text/html"] {
            let changed = rewrite(&headers(kind), &latin, &the, "teh").expect("changed");
            let (text, _, _) = encoding_rs::WINDOWS_1252.decode(&changed);
            assert_eq!(text, "teh cat and teh dog; caf\u{e9}");
        }
    }

    #[test]
    fn the_page_may_name_its_charset() {
        let (page, _, _) = encoding_rs::SHIFT_JIS.encode("<meta charset=\"shift_jis\">the \u{65e5}\u{672c}");
        let the = Regex::new("the").expect("a regex");
        let changed = rewrite(&headers("text/html"), &page, &the, "teh").expect("changed");
        assert!(encoding_rs::SHIFT_JIS.decode(&changed).0.ends_with("teh \u{65e5}\u{672c}"));
    }

    #[test]
    fn byte_order_marks_and_utf16_stay() {
        let the = Regex::new("the").expect("a regex");
        let marked = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
        let changed = rewrite(&headers("text/html; charset=iso-8859-1"), &marked, &the, "teh").expect("changed");
        assert_eq!(changed, [b"\xef\xbb\xbf", "teh cat and teh dog; caf\u{e9}".as_bytes()].concat());
        let wide: Vec<u8> = "the".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let changed = rewrite(&headers("text/html; charset=utf-16le"), &wide, &the, "teh").expect("changed");
        assert_eq!(&changed[..], b"t\0e\0h\0");
        assert_eq!(rewrite(&headers("text/plain; charset=iso-8859-1"), b"the", &the, "\u{65e5}"), None);
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let the = Regex::new("the").expect("a regex");
        assert_eq!(rewrite(&headers("text/plain; charset=utf-8"), b"the \xff", &the, "teh"), None);
    }
}
