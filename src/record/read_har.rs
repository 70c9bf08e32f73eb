//! Reads HAR as browsers, Playwright, mitmproxy and this crate write it: what is missing is left out. Pure.

use super::tape::{Played, PlayedAnswer, add, without_fragment};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

/// Reads a file. The error is why it is no HAR, for people.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Played>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    // Chrome writes NaN where it knows no number, which is no JSON.
    let json: Value = serde_json::from_str(text)
        .or_else(|error| serde_json::from_str(&without_nan(text)).map_err(|_| error))
        .map_err(|error| format!("it is not JSON: {error}"))?;
    let entries = json["log"]["entries"].as_array().ok_or("it is no HAR: `log.entries` is missing")?;
    let mut flows: Vec<_> =
        entries.iter().enumerate().map(|(at, entry)| played(at, entry)).collect::<Result<_, _>>()?;
    flows.sort_by(|one, other| one.began.total_cmp(&other.began));
    Ok(flows)
}

/// Replaces the bare words NaN and Infinity outside of strings.
fn without_nan(text: &str) -> String {
    let (mut out, mut rest, mut in_string) = (String::with_capacity(text.len()), text, false);
    while let Some(char) = rest.chars().next() {
        if in_string && char == '\\' {
            let end = rest.char_indices().nth(2).map_or(rest.len(), |(end, _)| end);
            out.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        in_string ^= char == '"';
        let word = ["NaN", "-Infinity", "Infinity"].into_iter().find(|word| !in_string && rest.starts_with(word));
        let length = word.map_or(char.len_utf8(), str::len);
        out.push_str(if word.is_some() { "-1" } else { &rest[..length] });
        rest = &rest[length..];
    }
    out
}

fn played(at: usize, entry: &Value) -> Result<Played, String> {
    let (request, response) = (&entry["request"], &entry["response"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let what = |what: &str| format!("entry {}: `{what}` is missing", at + 1);
    let url = text(&request["url"]).ok_or_else(|| what("request.url"))?;
    let method = text(&request["method"]).ok_or_else(|| what("request.method"))?;
    let data = &request["postData"];
    let status = response["status"].as_i64().unwrap_or(0);
    let mut answer = (status > 0).then(|| answer(status, response));
    if let Some(answer) = answer.as_mut().filter(|_| entry["_holdup"]["truncated"] == true) {
        answer.body = None;
    }
    Ok(Played {
        method,
        url: without_fragment(&of_handshake(&url)),
        request_headers: headers(&request["headers"]),
        request_body: if data.is_object() { body(data) } else { Some(Bytes::new()) },
        answer,
        began: began(entry).unwrap_or(at as f64),
    })
}

/// Returns the URL of the request that opens a WebSocket: Chrome writes `ws:` there.
fn of_handshake(url: &str) -> String {
    match url.strip_prefix("ws") {
        Some(rest) if rest.starts_with("://") || rest.starts_with("s://") => format!("http{rest}"),
        _ => url.to_owned(),
    }
}

fn began(entry: &Value) -> Option<f64> {
    let date = time::OffsetDateTime::parse(entry["startedDateTime"].as_str()?, &Rfc3339).ok()?;
    Some(date.unix_timestamp_nanos() as f64 / 1e9)
}

fn answer(status: i64, response: &Value) -> PlayedAnswer {
    let mut headers = headers(&response["headers"]);
    // The content is recorded without it.
    headers.remove(http::header::CONTENT_ENCODING);
    let content = &response["content"];
    let is_empty = content["size"].as_i64() == Some(0) && content["text"].is_null();
    let body = if is_empty { Some(Bytes::new()) } else { body(content) };
    PlayedAnswer { status: u16::try_from(status).unwrap_or(0), headers, body }
}

/// Headers are pairs, or an object in some old files.
fn headers(value: &Value) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for pair in value.as_array().into_iter().flatten() {
        let (name, value) = (text(&pair["name"]), text(&pair["value"]));
        // Firefox joins several cookies by line breaks.
        value.split('\n').for_each(|value| add(&mut headers, name.as_bytes(), value.as_bytes()));
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        add(&mut headers, name.as_bytes(), text(value).as_bytes());
    }
    headers
}

/// Returns the text of a `content` or `postData`.
fn body(content: &Value) -> Option<Bytes> {
    if let Some(text) = content["text"].as_str() {
        return match content["encoding"].as_str() {
            Some("base64") => BASE64_STANDARD.decode(text).ok().map(Bytes::from),
            _ => Some(Bytes::from(text.to_owned())),
        };
    }
    let pairs = content["params"].as_array()?;
    let mut form = form_urlencoded::Serializer::new(String::new());
    for pair in pairs {
        form.append_pair(pair["name"].as_str()?, pair["value"].as_str().unwrap_or_default());
    }
    Some(Bytes::from(form.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_writers_leave_out_or_write_otherwise_is_read() {
        let har = "\u{feff}{\"log\": {\"entries\": [
            {\"request\": {\"method\": \"GET\", \"url\": \"https://a/x#y\", \"headers\": {\"Accept\": \"*/*\"}},
             \"response\": {\"status\": 200, \"headers\": [{\"name\": \"Set-Cookie\", \"value\": \"a=1\\nb=2\"}],
             \"content\": {\"size\": NaN, \"text\": \"a NaN \\\" text\"}}, \"time\": Infinity},
            {\"request\": {\"method\": \"POST\", \"url\": \"https://a/y\", \"postData\": {\"params\": [{\"name\": \"a\", \"value\": \"1 2\"}]}},
             \"response\": {\"status\": 0}}]}}";
        let flows = read(har.as_bytes()).expect("a HAR");
        assert_eq!((&*flows[0].url, flows[0].request_headers["accept"].as_bytes()), ("https://a/x", &b"*/*"[..]));
        let answer = flows[0].answer.as_ref().expect("an answer");
        assert_eq!(answer.body.as_deref(), Some(&b"a NaN \" text"[..]));
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(flows[1].request_body.as_deref(), Some(&b"a=1+2"[..]));
        assert!(flows[1].answer.is_none());
    }

    #[test]
    fn what_is_no_har_says_why() {
        for (text, why) in [
            ("", "not JSON"),
            ("{}", "`log.entries` is missing"),
            ("{\"log\": {\"entries\": [{}]}}", "entry 1: `request.url`"),
        ] {
            let said = read(text.as_bytes()).expect_err(text);
            assert!(said.contains(why), "{said}");
        }
    }
}
