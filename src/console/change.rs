//! What a person has changed in a message, as code of a test: lines of a closure with the argument `it`. Pure.

use crate::flow::{Content, Request, Response};
use http::header::{self, HeaderMap};

/// Returns what makes `now` of the request that came.
pub(super) fn request_code(came: &Request, now: &Request) -> Vec<String> {
    let mut code = Vec::new();
    if came.method() != now.method() {
        code.push(format!(
            "it.set_method(holdup::http::Method::from_bytes(b{:?}).expect(\"a method\"));",
            now.method().as_str()
        ));
    }
    if came.target() != now.target() {
        // A test gives a name another server by `redirect!`.
        code.push(format!("// its URL was {} in the session", now.url()));
    }
    if came.path_and_query != now.path_and_query {
        code.push(format!("it.set_path_and_query({:?});", now.path_and_query));
    }
    code.extend(header_code(came.headers(), now.headers()));
    code.extend(body_code(&now.content));
    code
}

/// Returns what makes `now` of the response that came.
pub(super) fn response_code(came: &Response, now: &Response) -> Vec<String> {
    let mut code = Vec::new();
    if came.status() != now.status() {
        let status = now.status().as_u16();
        code.push(format!("it.set_status(holdup::http::StatusCode::from_u16({status}).expect(\"a status\"));"));
    }
    code.extend(header_code(came.headers(), now.headers()));
    code.extend(body_code(&now.content));
    code
}

fn header_code(came: &HeaderMap, now: &HeaderMap) -> Vec<String> {
    // They follow from the body.
    let counts = |name: &&header::HeaderName| **name != header::CONTENT_LENGTH && **name != header::CONTENT_ENCODING;
    let same = |name: &header::HeaderName| came.get_all(name).iter().eq(now.get_all(name));
    let gone = came.keys().filter(counts).filter(|name| !now.contains_key(*name));
    let mut code: Vec<_> = gone.map(|name| format!("it.headers_mut().remove({:?});", name.as_str())).collect();
    for name in now.keys().filter(counts).filter(|name| !same(name)) {
        for (nth, value) in now.get_all(name).iter().enumerate() {
            let how = if nth == 0 { "insert" } else { "append" };
            let value = value.as_bytes().escape_ascii();
            code.push(format!(
                "it.headers_mut().{how}({:?}, holdup::http::HeaderValue::from_bytes(b\"{value}\").expect(\"a value\"));",
                name.as_str()
            ));
        }
    }
    code
}

/// A body that was not edited is only read.
fn body_code(now: &Content) -> Option<String> {
    match now {
        Content::Edited(body) => Some(format!("it.set_body({:?});", String::from_utf8_lossy(body))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::message::{edit_response, response_text};

    #[test]
    fn only_what_was_changed_is_code() {
        let came = Response::new(200).expect("a status").with_header("x-a", "1").expect("a header");
        let came = came.with_header("x-b", "2").expect("a header").with_body("one");
        let text = response_text(&came, came.body());
        let edited = |from: &str, to: &str| {
            let mut now = came.clone();
            edit_response(&mut now, &text.replace(from, to)).expect("it can be read");
            response_code(&came, &now)
        };
        assert_eq!(edited("nothing", ""), [""; 0]);
        assert_eq!(edited("one", "two"), ["it.set_body(\"two\");"]);
        assert_eq!(
            edited("200", "503"),
            ["it.set_status(holdup::http::StatusCode::from_u16(503).expect(\"a status\"));"]
        );
        assert_eq!(edited("x-b: 2\n", ""), ["it.headers_mut().remove(\"x-b\");"]);
        let inserted =
            "it.headers_mut().insert(\"x-b\", holdup::http::HeaderValue::from_bytes(b\"3\").expect(\"a value\"));";
        assert_eq!(edited("x-b: 2", "x-b: 3"), [inserted]);
    }
}
