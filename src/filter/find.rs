//! Finds the values of a field in a flow.

use super::found::{Found, NOTHING, known, no_response};
use super::{Field, Need, Side, View, parts, reading};
use http::HeaderMap;
use std::borrow::Cow;

impl Field {
    pub(super) fn find<'a>(&self, view: &View<'a>) -> Found<'a> {
        let request = view.request;
        match self {
            Self::Url => one(request.url()),
            Self::Scheme => one(request.target.scheme()),
            Self::Host => one(request.target.host.as_str()),
            Self::Port => one(request.target.port.to_string()),
            Self::Path => one(request.path()),
            Self::Query(key) => known(request.query(key).collect()),
            Self::Method => one(request.method.as_str()),
            Self::Cookie(name) => known(request.cookie(name).map(Cow::Borrowed).into_iter().collect()),
            Self::Status => from_response(view, |r| r.status.as_u16().to_string()),
            Self::Header(side, name) => headers(*side, name, view),
            Self::ContentType(side) => headers(*side, "content-type", view),
            Self::Body(side) => reading::bodies(*side, view),
            Self::Size(side) => reading::sizes(*side, view),
            Self::Json(side, pointer) => reading::json(*side, pointer, view),
            Self::Form(key) => reading::form(key, view),
            Self::Operation => reading::operations(view),
            Self::Headers(side) => blocks(*side, view),
            Self::Client => known(request.client.iter().map(|client| client.to_string().into()).collect()),
            Self::Server => one(format!("{}:{}", request.target.host, request.target.port)),
            Self::Resource => known(resource(request).into_iter().map(Cow::Borrowed).collect()),
            Self::Elapsed => elapsed(view),
            Self::Occurrence => occurrence(view),
            Self::Message | Self::Direction | Self::Opcode => parts::find(self, view),
            Self::Event | Self::Data | Self::Id => parts::find(self, view),
            Self::Chunk | Self::Offset => parts::find(self, view),
            Self::Marker => one(view.marks.marker),
            Self::Comment => one(view.marks.comment),
        }
    }
}

fn one<'a>(value: impl Into<Cow<'a, str>>) -> Found<'a> {
    known(vec![value.into()])
}

fn from_response<'a>(view: &View<'a>, read: impl Fn(&'a crate::flow::Response) -> String) -> Found<'a> {
    let values = view.response.map(|response| Cow::Owned(read(response)));
    Found { values: values.into_iter().collect(), missing: no_response(view) }
}

/// A response that does not come from an upstream has no elapsed time.
fn elapsed<'a>(view: &View<'a>) -> Found<'a> {
    let value = view.response.and_then(crate::flow::Response::elapsed).map(|elapsed| super::time(elapsed).into());
    Found { values: value.into_iter().collect(), missing: no_response(view) }
}

fn occurrence<'a>(view: &View<'a>) -> Found<'a> {
    match view.occurrence {
        Some(n) => one(n.to_string()),
        None => Found { values: vec![], missing: Some(Need { occurrence: true, ..NOTHING }) },
    }
}

fn headers<'a>(side: Side, name: &str, view: &View<'a>) -> Found<'a> {
    let mut values = Vec::new();
    let mut missing = None;
    if side != Side::Response {
        values.extend(texts(&view.request.headers, name));
    }
    if side != Side::Request {
        values.extend(view.response.into_iter().flat_map(|response| texts(&response.headers, name)));
        missing = no_response(view);
    }
    Found { values, missing }
}

/// Returns the purpose of a browser's request. Other clients do not send it.
fn resource(request: &crate::flow::Request) -> Option<&str> {
    match request.header("sec-fetch-dest")? {
        "empty" => Some("xhr"),
        other => Some(other),
    }
}

fn blocks<'a>(side: Side, view: &View<'a>) -> Found<'a> {
    let mut values = Vec::new();
    let mut missing = None;
    if side != Side::Response {
        values.push(block(&view.request.headers));
    }
    if side != Side::Request {
        values.extend(view.response.map(|response| block(&response.headers)));
        missing = no_response(view);
    }
    Found { values, missing }
}

/// Formats headers as HTTP/1 sends them.
fn block<'a>(headers: &HeaderMap) -> Cow<'a, str> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect::<String>().into()
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    headers.get_all(name).into_iter().map(|value| String::from_utf8_lossy(value.as_bytes()))
}
