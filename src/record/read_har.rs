//! Reads HAR as browsers, Playwright, mitmproxy and this crate write it: what is missing is left out. Pure.

use super::events;
use super::har_entry::{Times, messages, never_left_the_browser, parked, stream, was_left};
use super::har_json::entries;
use super::placeholder::readable;
use super::played::{DECODED, Files, Played, PlayedAnswer, add, in_order, without_fragment};
use crate::flow::{Target, coding};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

/// Reads a file. The error is why it is no HAR, for people.
pub(super) fn read(bytes: &[u8], file: Files<'_>) -> Result<Vec<Played>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| format!("it is not UTF-8: {error}"))?;
    // Chrome writes NaN where it knows no number, which is no JSON.
    let mut flows = match all_played(text, file) {
        Err(Wrong::Json(error)) => all_played(&without_nan(text), file).map_err(|_| Wrong::Json(error)),
        read => read,
    }
    .map_err(Wrong::in_words)?;
    in_order(&mut flows);
    events::mark_open(&mut flows);
    Ok(flows)
}

/// Why a file is no HAR.
enum Wrong {
    Json(serde_json::Error),
    Har(String),
}

impl Wrong {
    fn in_words(self) -> String {
        match self {
            Self::Json(error) if error.is_data() => "it is no HAR: `log.entries` is missing".to_owned(),
            Self::Json(error) => format!("it is not JSON: {error}"),
            Self::Har(why) => why,
        }
    }
}

fn all_played(text: &str, file: Files<'_>) -> Result<Vec<Played>, Wrong> {
    let (mut flows, mut wrong) = (Vec::new(), None);
    let take = &mut |at, entry: Value| match played(at, &entry, file) {
        _ if never_left_the_browser(&entry) => {}
        Ok(flow) => flows.push(flow),
        Err(why) => drop(wrong.get_or_insert(why)),
    };
    match entries(text, take).map_err(Wrong::Json)? {
        true => wrong.map_or(Ok(flows), |why| Err(Wrong::Har(why))),
        false => Err(Wrong::Har("it is no HAR: `log.entries` is missing".to_owned())),
    }
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

fn played(at: usize, entry: &Value, file: Files<'_>) -> Result<Played, String> {
    let (request, response) = (&entry["request"], &entry["response"]);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let what = |what: &str| format!("entry {}: `{what}` is missing", at + 1);
    let url = text(&request["url"]).ok_or_else(|| what("request.url"))?;
    let method = text(&request["method"]).ok_or_else(|| what("request.method"))?;
    let mut request_headers = headers(&request["headers"]);
    if let Some(kind) = request["postData"]["mimeType"].as_str().filter(|_| !request_headers.contains_key(CONTENT_TYPE))
    {
        add(&mut request_headers, b"content-type", kind.as_bytes());
    }
    let is_cut = |side: &str| match &entry["_holdup"]["truncated"] {
        Value::Array(sides) => sides.iter().any(|it| it == side),
        truncated => truncated == true,
    };
    let request_body = request_body(request, &request_headers, file).filter(|_| !is_cut("request"));
    let status = response["status"].as_i64().unwrap_or(0);
    let (own, stream_events) = (&entry["_holdup"], &entry["_eventSourceMessages"]);
    let times = Times::of(entry);
    let mut answer = (status > 0).then(|| answer(status, response, file));
    if let Some(answer) = &mut answer {
        answer.body = answer.body.take().filter(|_| !is_cut("response"));
        if let Some(stream) = stream(stream_events).filter(|_| response["content"]["text"].is_null()) {
            answer.body = Some(stream);
        }
        answer.at = times.answered;
    }
    let mut flow = Played {
        method,
        url: on_the_wire(&url),
        request_headers,
        request_body,
        answer,
        was_left: false,
        began: times.began,
        ended: times.ended,
        is_exact: own["times"].is_object(),
        parts: messages(&entry["_webSocketMessages"]),
        has_cut_parts: entry["_webSocketMessages"].as_array().into_iter().flatten().any(|it| it["_truncated"] == true),
        parked: parked(own),
    };
    flow.end(was_left(entry), own.is_null() || own["outcome"] == "delivered");
    let at = |event: &Value| event["time"].as_f64();
    events::cut(&mut flow, &stream_events.as_array().into_iter().flatten().filter_map(at).collect::<Vec<_>>());
    Ok(flow)
}

/// Returns a URL as requests have it: without a fragment and a usual port. Chrome writes `ws:` for WebSockets.
fn on_the_wire(url: &str) -> String {
    let url = without_fragment(url);
    let parsed = url.parse::<http::Uri>().ok();
    let parsed = parsed.and_then(|uri| Some((Target::of(&uri)?, uri.path_and_query()?.as_str().to_owned())));
    readable(&parsed.map_or(url, |(target, path)| format!("{target}{path}")))
}

/// Returns the body of a request; `None` if the recorder has not kept it.
fn request_body(request: &Value, headers: &HeaderMap, file: Files<'_>) -> Option<Bytes> {
    let data = &request["postData"];
    let kind = data["mimeType"].as_str().unwrap_or_default();
    if !data.is_object() {
        let size = request["bodySize"].as_i64().unwrap_or(0);
        let may_have_one = !matches!(request["method"].as_str(), Some("GET" | "HEAD" | "OPTIONS"));
        return (size == 0 || size < 0 && !may_have_one).then(Bytes::new);
    }
    let is_form = kind.is_empty() || kind.contains("x-www-form-urlencoded");
    if data["text"].as_str().is_none_or(|text| text.is_empty() && kind.contains("octet-stream"))
        && !is_form
        && data["_file"].is_null()
    {
        return None;
    }
    let body = body(data, file)?;
    Some(coding::decode(headers, body.clone(), DECODED).unwrap_or(body))
}

fn answer(status: i64, response: &Value, file: Files<'_>) -> PlayedAnswer {
    let mut headers = headers(&response["headers"]);
    // The content is recorded without it.
    headers.remove(http::header::CONTENT_ENCODING);
    let content = &response["content"];
    let is_empty = content["size"].as_i64() == Some(0) && content["text"].is_null() && content["_file"].is_null();
    let body = if is_empty { Some(Bytes::new()) } else { body(content, file) };
    if content["encoding"].is_null() && body.as_ref().is_some_and(|body| !body.is_ascii()) {
        to_utf8(&mut headers);
    }
    PlayedAnswer { status: u16::try_from(status).unwrap_or(0), headers, body, ..PlayedAnswer::default() }
}

/// The text in a HAR is UTF-8, whatever the server had sent.
fn to_utf8(headers: &mut HeaderMap) {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).filter(|kind| kind.starts_with("text/"));
    let kind = kind.map(|kind| format!("{}; charset=utf-8", kind.split(';').next().unwrap_or(kind).trim()));
    if let Some(kind) = kind.and_then(|kind| kind.parse().ok()) {
        headers.insert(CONTENT_TYPE, kind);
    }
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

/// Returns the text of a `content` or `postData`. Playwright keeps it in a file beside the HAR.
fn body(content: &Value, file: Files<'_>) -> Option<Bytes> {
    if let Some(name) = content["_file"].as_str() {
        return file(name);
    }
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
    use serde_json::json;

    #[test]
    fn what_writers_leave_out_or_write_otherwise_is_read() {
        let har = "\u{feff}{\"log\": {\"entries\": [
            {\"request\": {\"method\": \"GET\", \"url\": \"https://a/x#y\", \"headers\": {\"Accept\": \"*/*\"}},
             \"response\": {\"status\": 200, \"headers\": [{\"name\": \"Set-Cookie\", \"value\": \"a=1\\nb=2\"}],
             \"content\": {\"size\": NaN, \"text\": \"a NaN \\\" text\"}}, \"time\": Infinity},
            {\"request\": {\"method\": \"POST\", \"url\": \"https://a/y\", \"postData\": {\"params\": [{\"name\": \"a\", \"value\": \"1 2\"}]}},
             \"response\": {\"status\": 0}}]}}";
        let flows = read(har.as_bytes(), &|_| None).expect("a HAR");
        assert_eq!((&*flows[0].url, flows[0].request_headers["accept"].as_bytes()), ("https://a/x", &b"*/*"[..]));
        let answer = flows[0].answer.as_ref().expect("an answer");
        assert_eq!(answer.body.as_deref(), Some(&b"a NaN \" text"[..]));
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(flows[1].request_body.as_deref(), Some(&b"a=1+2"[..]));
        assert!(flows[1].answer.is_none());
    }

    /// Reads one entry.
    fn one(request: &Value, response: &Value, own: &Value) -> Played {
        let mut entry = json!({ "request": { "method": "POST", "url": "https://a:443/x" }, "response": { "status": 200 }, "_holdup": own });
        for (side, fields) in [("request", request), ("response", response)] {
            fields.as_object().into_iter().flatten().for_each(|(key, value)| entry[side][key] = value.clone());
        }
        let har = json!({ "log": { "entries": [entry] } }).to_string();
        read(har.as_bytes(), &|name| (name == "a.js").then(|| Bytes::from("beside"))).expect("a HAR").remove(0)
    }

    #[test]
    fn bodies_are_whole_or_unknown() {
        let (none, own) = (json!({}), json!(null));
        let request = |data: &Value| one(data, &none, &own).request_body;
        assert_eq!(request(&json!({ "bodySize": 0 })).as_deref(), Some(&b""[..]));
        assert_eq!(request(&json!({ "bodySize": 24 })), None, "mitmproxy, DELETE");
        assert_eq!(request(&json!({ "bodySize": -1 })), None, "of a POST");
        assert_eq!(
            request(&json!({ "postData": { "mimeType": "application/octet-stream", "text": "" } })),
            None,
            "Playwright"
        );
        assert_eq!(
            request(&json!({ "postData": { "mimeType": "application/json", "text": "", "_file": "a.js" } })).as_deref(),
            Some(&b"beside"[..])
        );
        let answer = |content: &Value, own: &Value| one(&none, &json!({ "content": content }), own).answer?.body;
        assert_eq!(answer(&json!({ "size": -1 }), &own), None);
        assert_eq!(answer(&json!({ "size": 6, "_file": "a.js" }), &own).as_deref(), Some(&b"beside"[..]));
        let text = json!({ "size": 1, "text": "x" });
        for (own, is_whole) in [
            (json!({ "outcome": "delivered" }), true),
            (json!({ "outcome": "client gone" }), false),
            (json!({ "outcome": null }), false),
            (json!({ "outcome": "delivered", "truncated": ["response"] }), false),
            (json!({ "outcome": "delivered", "truncated": ["request"] }), true),
        ] {
            assert_eq!(answer(&text, &own).is_some(), is_whole, "{own}");
        }
    }

    #[test]
    fn what_is_recorded_as_it_is_shown_is_sent_as_it_was() {
        let flow = one(
            &json!({}),
            &json!({ "headers": [{ "name": "content-type", "value": "text/html; charset=iso-8859-1" }], "content": { "text": "ä" } }),
            &json!(null),
        );
        assert_eq!((&*flow.url, flow.began), ("https://a/x", None));
        assert_eq!(flow.answer.expect("an answer").headers[CONTENT_TYPE], "text/html; charset=utf-8");
        let events = json!([{ "eventName": "tick", "eventId": "1", "data": "a\nb" }, { "eventName": "", "data": "c" }]);
        assert_eq!(stream(&events).as_deref(), Some(&b"event: tick\nid: 1\ndata: a\ndata: b\n\ndata: c\n\n"[..]));
    }

    #[test]
    fn what_is_no_har_says_why() {
        for (text, why) in [
            ("", "not JSON"),
            ("{}", "`log.entries` is missing"),
            ("{\"log\": {\"entries\": [{}]}}", "entry 1: `request.url`"),
        ] {
            let said = read(text.as_bytes(), &|_| None).expect_err(text);
            assert!(said.contains(why), "{said}");
        }
    }
}
