//! A message as a text that a person edits: a line, headers, a blank line, the body. Pure.

use crate::flow::{Request, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::fmt::Write;

/// A text body stands there as it is; any other is left out, and stays.
pub(super) const NOT_TEXT: &str = "(a body that is no text: it stays as it is)";

pub(super) fn request_text(request: &Request, body: Option<&Bytes>) -> String {
    let mut text = format!("{} {}\n", request.method(), request.url());
    write_rest(&mut text, request.headers(), body);
    text
}

pub(super) fn response_text(response: &Response, body: Option<&Bytes>) -> String {
    let mut text = format!("{}\n", response.status().as_u16());
    write_rest(&mut text, response.headers(), body);
    text
}

fn write_rest(text: &mut String, headers: &HeaderMap, body: Option<&Bytes>) {
    // The length follows from the body, and the body is shown without its coding.
    let shown =
        headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::CONTENT_ENCODING);
    for (name, value) in shown {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
    }
    text.push('\n');
    match body.map(|body| std::str::from_utf8(body)) {
        Some(Ok(body)) => text.push_str(body),
        Some(Err(_)) => text.push_str(NOT_TEXT),
        None => {}
    }
}

/// Applies an edited text. The error says which line is wrong.
pub(super) fn edit_request(request: &mut Request, text: &str) -> Result<(), String> {
    let (line, headers, body) = split(text)?;
    let (method, url) =
        line.split_once(' ').ok_or("line 1: write the method and the URL, as in `GET https://a.test/`")?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("line 1: {method:?} is no method"))?;
    let url = Request::get(url.trim()).ok_or_else(|| format!("line 1: {url:?} is no absolute URL"))?;
    (request.method, request.target, request.path_and_query) = (method, url.target, url.path_and_query);
    request.headers = keep_coding(&request.headers, headers);
    if let Some(body) = body.filter(|body| Some(*body) != as_text(request.body())) {
        request.set_body(body.to_owned());
    }
    Ok(())
}

/// Applies an edited text. The error says which line is wrong.
pub(super) fn edit_response(response: &mut Response, text: &str) -> Result<(), String> {
    let (line, headers, body) = split(text)?;
    let status = line.split_whitespace().next().and_then(|status| status.parse().ok());
    let status = status.filter(|status| *status >= 200).and_then(|status| StatusCode::from_u16(status).ok());
    response.status = status.ok_or_else(|| format!("line 1: {line:?} is no status of a response: write 200 to 999"))?;
    response.headers = keep_coding(&response.headers, headers);
    if let Some(body) = body.filter(|body| Some(*body) != as_text(response.body())) {
        response.set_body(body.to_owned());
    }
    Ok(())
}

fn as_text(body: Option<&Bytes>) -> Option<&str> {
    body.map_or(Some(""), |body| std::str::from_utf8(body).ok())
}

/// Headers that were not shown stay: the body may be sent on as it came.
fn keep_coding(before: &HeaderMap, mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
        if let Some(value) = before.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// Returns the first line, the headers, and the body unless it is to stay.
fn split(text: &str) -> Result<(&str, HeaderMap, Option<&str>), String> {
    let (line, mut rest) = text.split_once('\n').unwrap_or((text, ""));
    let (mut headers, mut number) = (HeaderMap::new(), 1);
    while !rest.is_empty() {
        let (header, after) = rest.split_once('\n').unwrap_or((rest, ""));
        (rest, number) = (after, number + 1);
        let header = header.trim_end_matches('\r');
        if header.is_empty() {
            break;
        }
        let wrong =
            || format!("line {number}: {header:?} is no header: write `name: value`, or a blank line before the body");
        let (name, value) = header.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok((line.trim(), headers, (rest.trim_end() != NOT_TEXT).then_some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn response(body: &str) -> Response {
        let mut response = Response::made(StatusCode::OK, "");
        response.headers.clear();
        response.headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        response.headers.append("set-cookie", HeaderValue::from_static("a=1"));
        response.headers.append("set-cookie", HeaderValue::from_static("b=2"));
        response.content = crate::flow::Content::Read(body.to_owned().into());
        response
    }

    #[test]
    fn what_is_not_changed_stays() {
        let (mut same, body) = (response("x\n"), Bytes::from("x\n"));
        let text = response_text(&same, Some(&body));
        assert_eq!(text, "200\nset-cookie: a=1\nset-cookie: b=2\n\nx\n");
        edit_response(&mut same, &text).expect("a response");
        assert_eq!(same.headers, response("").headers);
        assert!(matches!(same.content, crate::flow::Content::Read(_)), "it is sent as it came");
        edit_response(&mut same, &text.replace("x\n", "y")).expect("a response");
        assert!(matches!(&same.content, crate::flow::Content::Edited(body) if body == "y"));
    }

    #[test]
    fn a_request_moves_to_another_url() {
        let mut request = Request::get("https://a.test/x").expect("a request");
        edit_request(&mut request, "POST http://b.test:81/y?q=1\nx-a: 1\n\nbody").expect("a request");
        assert_eq!((request.method().as_str(), &*request.url()), ("POST", "http://b.test:81/y?q=1"));
        assert_eq!((request.header("x-a"), request.body().map(|body| &body[..])), (Some("1"), Some(&b"body"[..])));
    }

    #[test]
    fn a_broken_text_names_its_line() {
        let mut same = response("");
        for (text, why) in
            [("", "line 1"), ("99\n", "line 1"), ("200\na: b\nno header\n\n", "line 3"), ("200\n: x\n", "line 2")]
        {
            let said = edit_response(&mut same, text).expect_err(text);
            assert!(said.starts_with(why), "{said}");
        }
        let mut request = Request::get("https://a.test/").expect("a request");
        for text in ["GET", "G T https://a.test/", "GET /x\n\n"] {
            assert!(edit_request(&mut request, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it(text in any::<String>()) {
            drop(edit_response(&mut response("a"), &text));
            drop(edit_request(&mut Request::get("https://a.test/").expect("a request"), &text));
        }
    }
}
