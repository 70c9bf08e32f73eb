//! Content-encodings and charsets: decodes bodies, and rewrites their text. Pure.

use super::hop;
use crate::flow::{Fault, FaultStage, Request, text};
use bytes::{Bytes, BytesMut};
use encoding_rs::Encoding;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use regex::Regex;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use std::borrow::Cow;
use std::io::Read;

/// The `accept-encoding` that is sent to the server when the proxy must read the body.
pub(super) const DECODABLE: HeaderValue = HeaderValue::from_static("gzip, deflate, br, zstd");

/// Undoes the content-encoding.
///
/// Fails when a coding is unknown, when the data is corrupt, and when it decodes to more than `limit` bytes.
pub(super) fn decode(headers: &HeaderMap, raw: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let fields = headers.get_all(header::CONTENT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut codings: Vec<_> = fields.flat_map(|field| field.split(',')).map(str::trim).collect();
    let mut bytes = raw;
    // Codings are listed in the order in which they were applied.
    while let Some(coding) = codings.pop() {
        bytes = decode_one(coding, bytes, limit)?;
    }
    Ok(bytes)
}

fn decode_one(coding: &str, bytes: Bytes, limit: usize) -> Result<Bytes, Fault> {
    let broken = |error: &(dyn std::error::Error + 'static)| {
        Fault::from_error(FaultStage::Rule, &format!("the body is not valid {coding}"), error)
    };
    match coding.to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        // No encoder produces empty output, but servers that respond to HEAD or with 304 do send the header.
        _ if bytes.is_empty() => Ok(bytes),
        "gzip" | "x-gzip" => read_up_to(flate2::read::MultiGzDecoder::new(&bytes[..]), limit, &broken),
        "deflate" => read_up_to(flate2::read::ZlibDecoder::new(&bytes[..]), limit, &broken)
            // Some servers send raw deflate data under this name.
            .or_else(|_| read_up_to(flate2::read::DeflateDecoder::new(&bytes[..]), limit, &broken)),
        "br" => read_up_to(brotli_decompressor::Decompressor::new(&bytes[..], 4096), limit, &broken),
        "zstd" => decode_zstd(&bytes, limit, &broken),
        other => Err(Fault::new(FaultStage::Rule, format!("content-encoding {other:?} is not one that can be read"))),
    }
}

/// Decodes all frames in turn, and skips those without data (RFC 8878, section 3).
fn decode_zstd(
    mut bytes: &[u8],
    limit: usize,
    broken: &dyn Fn(&(dyn std::error::Error + 'static)) -> Fault,
) -> Result<Bytes, Fault> {
    let mut out = BytesMut::new();
    while !bytes.is_empty() {
        match StreamingDecoder::new(&mut bytes) {
            Ok(frame) => out.extend_from_slice(&read_up_to(frame, limit - out.len(), broken)?),
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                bytes = bytes.get(length as usize..).ok_or_else(|| broken(&FrameDecoderError::FailedToSkipFrame))?;
            }
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(out.freeze())
}

fn read_up_to(
    decoder: impl Read,
    limit: usize,
    broken: &dyn Fn(&(dyn std::error::Error + 'static)) -> Fault,
) -> Result<Bytes, Fault> {
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|error| broken(&error))?;
    if out.len() > limit {
        return Err(Fault::new(FaultStage::Rule, format!("a body decodes to more than {limit} bytes")));
    }
    Ok(out.into())
}

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
    use std::io::Write;

    const TEXT: &str = "the cat and the dog; caf\u{e9}";

    fn headers(coding: &str, kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (header::CONTENT_ENCODING, HeaderValue::from_str(coding).expect("ascii")),
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        ])
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        out.write_all(text).expect("memory");
        out.finish().expect("memory")
    }

    #[test]
    fn codings_are_undone_last_first() {
        let twice = gzip(&gzip(TEXT.as_bytes()));
        let decoded = decode(&headers("gzip, gzip", "text/html"), twice.into(), LIMIT).expect("gzip");
        assert_eq!(decoded, TEXT.as_bytes());
    }

    const LIMIT: usize = 1 << 20;

    /// One uncompressed frame for each text.
    fn zstd(texts: &[&str]) -> Vec<u8> {
        let frame = |text: &&str| {
            let level = ruzstd::encoding::CompressionLevel::Uncompressed;
            ruzstd::encoding::compress_to_vec(text.as_bytes(), level)
        };
        texts.iter().flat_map(frame).collect()
    }

    #[test]
    fn all_frames_of_zstd_and_all_members_of_gzip_are_read() {
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
        let frames = [zstd(&["one "]), skipped.clone(), zstd(&["two ", "three"]), skipped].concat();
        assert_eq!(decode(&headers("zstd", "text/plain"), frames.into(), LIMIT).expect("zstd"), "one two three");
        let members = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(&headers("gzip", "text/plain"), members.into(), LIMIT).expect("gzip"), "one two");
        let bomb = zstd(&[&"x".repeat(LIMIT - 1), "xx"]);
        decode(&headers("zstd", "text/plain"), bomb.into(), LIMIT).expect_err("too large");
    }

    #[test]
    fn what_is_cut_or_has_junk_behind_it_is_no_coding() {
        let (gzip, zstd) = (gzip(TEXT.as_bytes()), zstd(&[TEXT]));
        let bodies = [
            ("gzip", [&gzip[..], b"junk"].concat()),
            ("gzip", gzip[..gzip.len() - 9].to_vec()),
            ("zstd", [&zstd[..], b"junk"].concat()),
            ("zstd", zstd[..zstd.len() - 1].to_vec()),
            ("br", b"\x0b\x02".to_vec()),
            ("none", TEXT.as_bytes().to_vec()),
        ];
        for (coding, body) in bodies {
            let decoded = decode(&headers(coding, "text/plain"), body.into(), LIMIT);
            assert!(decoded.is_err(), "{coding}: {decoded:?}");
        }
    }

    #[test]
    fn a_bomb_is_an_error_that_says_the_limit() {
        let bomb = gzip(&vec![0; LIMIT + 1]);
        let fault = decode(&headers("gzip", "text/html"), bomb.into(), LIMIT).expect_err("too large");
        assert!(fault.to_string().contains("1048576"), "{fault}");
    }

    #[test]
    fn a_rewrite_keeps_the_charset() {
        let the = Regex::new("the").expect("a regex");
        let (latin, _, _) = encoding_rs::WINDOWS_1252.encode(TEXT);
        for kind in ["text/html; charset=iso-8859-1", "text/html"] {
            let changed = rewrite(&headers("", kind), &latin, &the, "teh").expect("changed");
            let (text, _, _) = encoding_rs::WINDOWS_1252.decode(&changed);
            assert_eq!(text, "teh cat and teh dog; caf\u{e9}");
        }
    }

    #[test]
    fn the_page_may_name_its_charset() {
        let (page, _, _) = encoding_rs::SHIFT_JIS.encode("<meta charset=\"shift_jis\">the \u{65e5}\u{672c}");
        let the = Regex::new("the").expect("a regex");
        let changed = rewrite(&headers("", "text/html"), &page, &the, "teh").expect("changed");
        assert!(encoding_rs::SHIFT_JIS.decode(&changed).0.ends_with("teh \u{65e5}\u{672c}"));
    }

    #[test]
    fn byte_order_marks_and_utf16_stay() {
        let the = Regex::new("the").expect("a regex");
        let marked = [b"\xef\xbb\xbf", TEXT.as_bytes()].concat();
        let changed = rewrite(&headers("", "text/html; charset=iso-8859-1"), &marked, &the, "teh").expect("changed");
        assert_eq!(changed, [b"\xef\xbb\xbf", "teh cat and teh dog; caf\u{e9}".as_bytes()].concat());
        let wide: Vec<u8> = "the".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let changed = rewrite(&headers("", "text/html; charset=utf-16le"), &wide, &the, "teh").expect("changed");
        assert_eq!(&changed[..], b"t\0e\0h\0");
        assert_eq!(rewrite(&headers("", "text/plain; charset=iso-8859-1"), b"the", &the, "\u{65e5}"), None);
    }

    #[test]
    fn what_is_no_text_stays_as_it_is() {
        let the = Regex::new("the").expect("a regex");
        assert_eq!(rewrite(&headers("", "text/plain; charset=utf-8"), b"the \xff", &the, "teh"), None);
    }
}
