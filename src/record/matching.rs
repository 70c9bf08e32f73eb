//! Which recorded request a request is: method, URL with its query in any order, and body by its meaning. Pure.

use super::placeholder::PLACEHOLDER;
use super::played::Played;
use crate::flow::Request;
use crate::sanitize::shorten;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

/// What is left out of the comparison.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ignored {
    /// Names of query parameters, and of fields of forms.
    pub(crate) parameters: Vec<String>,
    /// JSON pointers into bodies: `/id`.
    pub(crate) pointers: Vec<String>,
    pub(crate) host: bool,
}

/// What is compared of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Key {
    method: String,
    host: String,
    path: String,
    query: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone, Debug, PartialEq)]
enum Body {
    /// Not in the recording: equal to any.
    Unknown,
    Bytes(Bytes),
    Json(Value),
    /// In any order.
    Form(Vec<(String, String)>),
}

impl Key {
    pub(crate) fn of_request(request: &Request, ignored: &Ignored) -> Self {
        let body = request.body().cloned().unwrap_or_default();
        Self::new(request.method().as_str(), &request.url(), request.headers(), Some(&body), ignored)
    }

    pub(crate) fn of_played(played: &Played, ignored: &Ignored) -> Self {
        Self::new(&played.method, &played.url, &played.request_headers, played.request_body.as_ref(), ignored)
    }

    fn new(method: &str, url: &str, headers: &HeaderMap, body: Option<&Bytes>, ignored: &Ignored) -> Self {
        let (before, query) = url.split_once('?').unwrap_or((url, ""));
        let after_scheme = before.find("://").map_or(0, |at| at + 3);
        let path_at = before[after_scheme..].find('/').map_or(before.len(), |at| after_scheme + at);
        let (host, path) = before.split_at(path_at);
        Self {
            method: method.to_ascii_uppercase(),
            host: if ignored.host { String::new() } else { host.to_ascii_lowercase() },
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: pairs(query.as_bytes(), ignored),
            body: body.map_or(Body::Unknown, |body| meaning(headers, body, ignored)),
        }
    }

    /// Returns whether this is the recorded request.
    pub(crate) fn is(&self, recorded: &Self) -> bool {
        // The body last: it can be long.
        self.method == recorded.method && self.path_is(recorded) && self.same(recorded) == [true; 5]
    }

    /// Returns how many things differ.
    pub(crate) fn distance_to(&self, recorded: &Self) -> usize {
        self.same(recorded).iter().filter(|is_same| !**is_same).count()
    }

    fn path_is(&self, recorded: &Self) -> bool {
        is_same_text(&self.path, &recorded.path)
    }

    /// Compares method, host, path, query and body.
    fn same(&self, recorded: &Self) -> [bool; 5] {
        [
            self.method == recorded.method,
            self.host == recorded.host,
            self.path_is(recorded),
            are_same_pairs(&self.query, &recorded.query),
            self.body.is(&recorded.body),
        ]
    }

    /// Returns in what it differs from the recorded request, in words.
    pub(crate) fn differs_from(&self, recorded: &Self) -> Vec<String> {
        let words = |key: &Self| {
            let query = pairs_in_words(&key.query);
            [key.method.clone(), key.host.clone(), key.path.clone(), query, key.body.in_words()]
        };
        let (names, mine, its) = (["method", "host", "path", "query", "body"], words(self), words(recorded));
        let differing = self.same(recorded).into_iter().enumerate().filter(|(_, is_same)| !is_same);
        differing.map(|(at, _)| format!("{} is {}, recorded {}", names[at], mine[at], its[at])).collect()
    }
}

/// Returns whether a text is the recorded one. What was masked in the recording can be any.
fn is_same_text(text: &str, recorded: &str) -> bool {
    if text == recorded || !recorded.contains("<masked ") {
        return text == recorded;
    }
    let mut pieces = PLACEHOLDER.split(recorded);
    let Some(mut rest) = pieces.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let mut pieces: Vec<_> = pieces.collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(end)
}

fn is_placeholder(text: &str) -> bool {
    PLACEHOLDER.find(text).is_some_and(|found| found.as_str() == text)
}

fn are_same_pairs(pairs: &[(String, String)], recorded: &[(String, String)]) -> bool {
    let is_same = |((name, value), (its_name, its)): (&(String, String), &(String, String))| {
        name == its_name && is_same_text(value, its)
    };
    pairs.len() == recorded.len() && pairs.iter().zip(recorded).all(is_same)
}

fn is_same_json(value: &Value, recorded: &Value) -> bool {
    match (value, recorded) {
        (Value::String(text), Value::String(recorded)) => is_same_text(text, recorded),
        // Masked numbers are recorded as texts.
        (Value::Number(_), Value::String(recorded)) => is_placeholder(recorded),
        (Value::Array(items), Value::Array(its)) => {
            items.len() == its.len() && items.iter().zip(its).all(|(item, its)| is_same_json(item, its))
        }
        (Value::Object(fields), Value::Object(its)) => {
            fields.len() == its.len()
                && fields.iter().all(|(name, field)| its.get(name).is_some_and(|its| is_same_json(field, its)))
        }
        _ => value == recorded,
    }
}

fn pairs_in_words(pairs: &[(String, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{:?}", pairs.join("&"))
}

impl Body {
    fn is(&self, recorded: &Self) -> bool {
        match (self, recorded) {
            (_, Self::Unknown) => true,
            (Self::Json(json), Self::Json(recorded)) => is_same_json(json, recorded),
            (Self::Bytes(bytes), Self::Bytes(recorded)) if recorded.windows(8).any(|it| it == b"<masked ") => {
                is_same_text(&String::from_utf8_lossy(bytes), &String::from_utf8_lossy(recorded))
            }
            (Self::Form(pairs), Self::Form(recorded)) => are_same_pairs(pairs, recorded),
            _ => self == recorded,
        }
    }

    fn in_words(&self) -> String {
        const WIDTH: usize = 200;
        let text = match self {
            Self::Unknown => "unknown".to_owned(),
            Self::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
            Self::Json(json) => json.to_string(),
            Self::Form(pairs) => pairs_in_words(pairs),
        };
        shorten(&text, WIDTH).0
    }
}

fn pairs(form: &[u8], ignored: &Ignored) -> Vec<(String, String)> {
    let mut pairs: Vec<_> =
        form_urlencoded::parse(form).into_owned().filter(|(name, _)| !ignored.parameters.contains(name)).collect();
    pairs.sort();
    pairs
}

/// Returns what a body means: JSON as a value, a form as a set, multipart without its boundary, GraphQL as what it asks.
fn meaning(headers: &HeaderMap, body: &Bytes, ignored: &Ignored) -> Body {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Body::Form(pairs(body, ignored));
    }
    if let Some(boundary) = kind.starts_with("multipart/").then(|| kind.split("boundary=").nth(1)).flatten() {
        let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"').to_owned();
        let text = String::from_utf8_lossy(body).into_owned();
        // The header was read in lower case, and the boundary stands in the body as it was written.
        let parts = split_ignoring_case(&text, &boundary);
        return Body::Bytes(Bytes::from(parts.join("--")));
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(json) if json.is_object() || json.is_array() => Body::Json(without(json, ignored)),
        _ => Body::Bytes(body.clone()),
    }
}

fn split_ignoring_case<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let lower = text.to_ascii_lowercase();
    let (mut parts, mut from) = (Vec::new(), 0);
    while let Some(at) = lower[from..].find(separator).filter(|_| !separator.is_empty()) {
        parts.push(&text[from..from + at]);
        from += at + separator.len();
    }
    parts.push(&text[from..]);
    parts
}

/// Removes what is ignored; of GraphQL, the layout of the query.
fn without(mut json: Value, ignored: &Ignored) -> Value {
    for pointer in &ignored.pointers {
        let (parent, last) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        match json.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(&last.replace("~1", "/").replace("~0", "~"))),
            Some(Value::Array(items)) => {
                if let Some(item) = last.parse().ok().and_then(|at: usize| items.get_mut(at)) {
                    *item = Value::Null;
                }
            }
            _ => {}
        }
    }
    if let Some(query) = json.get("query").and_then(Value::as_str).filter(|query| query.contains('{')) {
        json["query"] = query.split_whitespace().collect::<Vec<_>>().join(" ").into();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str, kind: &str, body: &str) -> Request {
        let request = Request::new("POST", url).expect("a URL").with_header("content-type", kind).expect("a header");
        request.with_body(body.to_owned())
    }

    #[test]
    fn what_means_the_same_is_the_same() {
        let ignored = Ignored { parameters: vec!["ts".to_owned()], pointers: vec!["/id".to_owned()], host: false };
        let same =
            |one: Request, other: Request| Key::of_request(&one, &ignored).is(&Key::of_request(&other, &ignored));
        let json = "application/json";
        assert!(same(request("https://a/x?a=1&b=2", json, "{}"), request("https://A/x?b=2&a=1&ts=9", json, "{ }")));
        assert!(same(
            request("https://a/", json, "{\"id\": 1, \"b\": 2}"),
            request("https://a", json, "{\"b\":2,\"id\":7}")
        ));
        assert!(!same(request("https://a/", json, "{\"b\": 1}"), request("https://a/", json, "{\"b\": 2}")));
        let masked = Played {
            method: "POST".to_owned(),
            url: "https://a/?token=<masked 1>".to_owned(),
            request_body: Some(Bytes::from("{\"b\":\"<masked 2>\"}")),
            ..Played::default()
        };
        let any = Key::of_request(&request("https://a/?token=1", json, "{\"b\": \"s\"}"), &ignored);
        assert!(any.is(&Key::of_played(&masked, &ignored)));
        for (text, recorded, is_same) in [
            ("Bearer x", "Bearer <masked 1>", true),
            ("a.b.c/d", "a.<masked 1>/d", true),
            ("a.b.c/e", "a.<masked 1>/d", false),
            ("<masked 2>", "<masked 1>", true),
            ("xay", "<masked 1>a<masked 2>", true),
            ("", "x", false),
        ] {
            assert_eq!(is_same_text(text, recorded), is_same, "{text} {recorded}");
        }
        assert!(!is_same_json(&5.into(), &"".into()) && is_same_json(&5.into(), &"<masked 1>".into()));
        let form = "application/x-www-form-urlencoded";
        assert!(same(request("https://a/", form, "a=1&b=2"), request("https://a/", form, "b=2&a=1")));
        let multipart = |boundary: &str| {
            request(
                "https://a/",
                &format!("multipart/form-data; boundary={boundary}"),
                &format!("--{boundary}\r\nx\r\n--{boundary}--"),
            )
        };
        assert!(same(multipart("AbC1"), multipart("dEf2")));
        let graphql = |query: &str| {
            request("https://a/", json, &format!("{{\"query\": \"{query}\", \"variables\": {{\"a\": 1}}}}"))
        };
        assert!(same(graphql("query Cart { items }"), graphql("query Cart {\\n  items\\n}")));
    }
}
