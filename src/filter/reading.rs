//! Fields that are read from bodies: their values, and the bodies that must be read for them.

use super::found::{Found, NOTHING, known, no_response};
use super::{Side, View, parts};
use crate::flow::text::readable;
use crate::flow::{Request, StageName};
use bytes::Bytes;
use serde_json::Value;
use std::borrow::Cow;

pub(super) fn bodies<'a>(side: Side, view: &View<'a>) -> Found<'a> {
    if side == Side::Either && view.horizon.is_part() {
        return parts::content(view);
    }
    let (mut values, mut need) = (Vec::new(), NOTHING);
    if side != Side::Response {
        match view.request.body() {
            Some(bytes) => values.push(readable(view.request.headers(), bytes)),
            None => need.request_body = true,
        }
    }
    if side != Side::Request {
        match view.response.map(|response| (response, response.body())) {
            Some((response, Some(bytes))) => values.push(readable(response.headers(), bytes)),
            Some((_, None)) => need.response_body = true,
            None if no_response(view).is_some() => (need.response, need.response_body) = (true, true),
            None => {}
        }
    }
    Found { values, missing: (need != NOTHING).then_some(need) }
}

/// Reads `content-length`, or the length of the body if it was read.
pub(super) fn sizes<'a>(side: Side, view: &View<'a>) -> Found<'a> {
    if side == Side::Either && view.horizon.is_part() {
        return parts::size(view);
    }
    let (mut values, mut need) = (Vec::new(), NOTHING);
    // At the response, an unqualified size is that of the response.
    let of_answer = side == Side::Response || (side == Side::Either && no_response(view).is_some());
    if let Some(response) = view.response.filter(|_| side != Side::Request) {
        match size(response.header("content-length"), response.body()) {
            Some(size) => values.push(size.into()),
            None => need.response_body = true,
        }
    } else if of_answer {
        need.response = no_response(view).is_some();
    } else {
        let request = view.request;
        match size(request.header("content-length"), request.body()) {
            Some(size) => values.push(size.into()),
            // Without a length, requests with these methods have no body.
            None if matches!(request.method().as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE") => {
                values.push("0".into());
            }
            None => need.request_body = true,
        }
    }
    Found { values, missing: (need != NOTHING).then_some(need) }
}

fn size(said: Option<&str>, body: Option<&Bytes>) -> Option<String> {
    let said = said.and_then(|said| said.trim().parse::<u64>().ok());
    Some(said.or_else(|| body.map(|body| body.len() as u64))?.to_string())
}

pub(super) fn json<'a>(side: Side, pointer: &str, view: &View<'a>) -> Found<'a> {
    let Found { values, missing } = bodies(side, view);
    let parsed = values.iter().filter_map(|body| serde_json::from_str::<Value>(body).ok());
    let found = parsed.filter_map(|value| value.pointer(pointer).map(text)).map(Cow::Owned).collect();
    Found { values: found, missing }
}

/// Returns a string as it is, everything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn form<'a>(key: &str, view: &View<'a>) -> Found<'a> {
    let kind = view.request.header("content-type").unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return known(vec![]);
    }
    let Found { values, missing } = bodies(Side::Request, view);
    let pairs = values.iter().flat_map(|body| form_urlencoded::parse(body.as_bytes()));
    let found = pairs.filter(|(k, _)| k == key).map(|(_, value)| Cow::Owned(value.into_owned())).collect();
    Found { values: found, missing }
}

/// Reads the GraphQL operations: of a GET from its query, of a POST from its JSON, which may be a batch of several.
pub(super) fn operations<'a>(view: &View<'a>) -> Found<'a> {
    let said = view.request.query("operationName").next();
    let query = || view.request.query("query").find_map(|query| name_of(&query));
    if let Some(name) = said.map(Cow::into_owned).or_else(query) {
        return known(vec![name.into()]);
    }
    let kind = view.request.header("content-type").unwrap_or_default();
    if !kind.contains("json") {
        return known(vec![]);
    }
    let Found { values, missing } = bodies(Side::Request, view);
    let found = values.iter().filter_map(|body| serde_json::from_str(body).ok()).flat_map(|value: Value| match value {
        Value::Array(batch) => batch.iter().filter_map(operation).collect(),
        one => operation(&one).into_iter().collect::<Vec<_>>(),
    });
    Found { values: found.map(Cow::Owned).collect(), missing }
}

fn operation(call: &Value) -> Option<String> {
    let said = call["operationName"].as_str().map(str::to_owned);
    said.or_else(|| call["query"].as_str().and_then(name_of))
}

/// Returns the GraphQL operations of a request whose body was read, joined by `+`, if it has any.
pub(crate) fn operation_of(request: &Request) -> Option<String> {
    let found = operations(&View::of(request, None, StageName::Request)).values;
    (!found.is_empty()).then(|| found.join("+"))
}

/// Returns the name in `query Name($id: ID) { .. }`.
fn name_of(query: &str) -> Option<String> {
    let mut words = query.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    let kind = words.next()?;
    let head = &query[..query.find(['{', '(']).unwrap_or(query.len())];
    // Of an anonymous operation, the next word stands inside of the braces.
    let name = words
        .next()
        .filter(|name| head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| word == *name))?;
    matches!(kind, "query" | "mutation" | "subscription").then(|| name.to_owned())
}
