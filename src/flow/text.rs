//! Bodies as text: which are text, and in which charset a browser reads them.

use encoding_rs::Encoding;
use http::header::{self, HeaderMap};
use std::borrow::Cow;

/// How much of a body a browser looks at to tell text from bytes (WHATWG MIME Sniffing, "resource header").
const HEADER: usize = 1445;

/// Returns whether a body is text: its media type is one of text, or there is none that says anything and no byte of it
/// is one that no text has (WHATWG MIME Sniffing, sections 3 and 7.2).
pub(crate) fn is_text(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = content_type(headers).unwrap_or_default().to_ascii_lowercase();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let says_nothing = ["", "unknown/unknown", "application/unknown", "*/*"].contains(&essence);
    if says_nothing || essence.starts_with("multipart/") {
        return Encoding::for_bom(body).is_some() || !body.iter().take(HEADER).any(|byte| is_binary(*byte));
    }
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let is_of_text = ["json", "xml", "javascript", "ecmascript", "x-javascript", "x-www-form-urlencoded", "graphql"];
    essence.starts_with("text/")
        || is_of_text.contains(&subtype)
        || ["+json", "+xml", "-json", "+text"].iter().any(|suffix| subtype.ends_with(suffix))
        || kind.contains("charset=")
}

/// A byte that no text has (WHATWG MIME Sniffing, "binary data byte").
fn is_binary(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f)
}

/// Returns a body as text, for filters and reports: in its charset if it is text, else what is readable of it as UTF-8.
pub(crate) fn readable<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    let in_charset = if is_text(headers, body) { text(headers, body) } else { None };
    in_charset.unwrap_or_else(|| String::from_utf8_lossy(body))
}

/// Returns a body's text as a browser reads it, or `None` if it is not text in its charset.
pub(crate) fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Option<Cow<'a, str>> {
    let (encoding, mark) = encoding(headers, body);
    encoding.decode_without_bom_handling_and_without_replacement(&body[mark..])
}

/// Returns the encoding of a body, and the length of its byte order mark.
pub(crate) fn encoding(headers: &HeaderMap, body: &[u8]) -> (&'static Encoding, usize) {
    Encoding::for_bom(body).unwrap_or_else(|| (charset(headers, body), 0))
}

/// Returns the charset in the header or in the page, else the one that a browser guesses.
fn charset(headers: &HeaderMap, body: &[u8]) -> &'static Encoding {
    let header = content_type(headers);
    let by_header = header.and_then(named_charset);
    let start = String::from_utf8_lossy(&body[..body.len().min(1024)]);
    let by_page = || header.is_some_and(|kind| kind.contains("html")).then(|| named_charset(&start)).flatten();
    let guessed = || if std::str::from_utf8(body).is_ok() { encoding_rs::UTF_8 } else { encoding_rs::WINDOWS_1252 };
    by_header.or_else(by_page).unwrap_or_else(guessed)
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

fn named_charset(text: &str) -> Option<&'static Encoding> {
    let lower = text.to_ascii_lowercase();
    let (_, after) = lower.split_once("charset=")?;
    let name = after.trim_start_matches(['"', '\'', ' ']);
    let end = name.find(['"', '\'', ' ', ';', '>', '/']).unwrap_or(name.len());
    Encoding::for_label(&name.as_bytes()[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn of(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[test]
    fn what_browsers_show_is_text_and_pictures_are_not() {
        for kind in [
            "text/html",
            "text/plain; charset=shift_jis",
            "application/json",
            "application/problem+json",
            "image/svg+xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
            "application/x-thing; charset=utf-8",
        ] {
            assert!(is_text(&of(kind), b"the"), "{kind}");
        }
        for kind in
            ["image/png", "font/woff2", "application/wasm", "application/octet-stream", "video/mp4", "application/pdf"]
        {
            assert!(!is_text(&of(kind), b"the"), "{kind}");
        }
        let none = HeaderMap::new();
        assert!(is_text(&none, b"the") && is_text(&none, "k\u{e4}se".as_bytes()) && is_text(&none, b"\xff\xfet\0"));
        assert!(!is_text(&none, b"\x89PNG\r\n\x1a\n\0\0the"));
    }

    #[test]
    fn filters_read_a_body_in_its_charset() {
        assert_eq!(readable(&of("text/plain; charset=iso-8859-1"), b"k\xe4se"), "k\u{e4}se");
        assert_eq!(readable(&of("text/html"), b"<meta charset=shift_jis>\x93\xfa"), "<meta charset=shift_jis>\u{65e5}");
        assert_eq!(readable(&of("text/plain"), b"\xff\xfea\0"), "a");
        assert_eq!(readable(&of("image/png"), b"k\xe4se"), "k\u{fffd}se");
    }
}
