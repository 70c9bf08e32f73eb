//! What a filter can ask of a flow.

use super::{Need, View, parts, reading};
use crate::flow::StageName;
use crate::sanitize::{is_secret, is_unambiguous};
use http::HeaderMap;
use std::borrow::Cow;

/// Which side of a flow a field is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Whichever side has been seen.
    Either,
    /// The request's.
    Request,
    /// The response's.
    Response,
}

/// One thing that a filter can ask of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The absolute URL.
    Url,
    /// `http` or `https`.
    Scheme,
    /// The host name, lower case.
    Host,
    /// The port, said or implied.
    Port,
    /// The path without the query.
    Path,
    /// A query parameter, decoded.
    Query(String),
    /// The method.
    Method,
    /// A header by name.
    Header(Side, String),
    /// A cookie that the browser sent.
    Cookie(String),
    /// The body with its content-encoding undone.
    Body(Side),
    /// The `content-type` header.
    ContentType(Side),
    /// The answer's status.
    Status,
    /// How many bytes the body has, as it is sent.
    Size(Side),
    /// What stands at a JSON pointer (RFC 6901) of the body: texts as they are, all else as JSON.
    Json(Side, String),
    /// A field of the form that the request sends (`application/x-www-form-urlencoded`).
    Form(String),
    /// The GraphQL operations that the request asks for, by name.
    Operation,
    /// The header block: a line `name: value` for each header.
    Headers(Side),
    /// The address of the browser's end of the connection: `127.0.0.1:50123`.
    Client,
    /// Where the request goes, by name: `shop.test:443`.
    Server,
    /// What the browser wants it for, by `sec-fetch-dest`: `document`, `script`, `style`, `image`, .. and `xhr` for what a
    /// script fetches.
    Resource,
    /// How long the upstream took to answer: `elapsed > 300ms`.
    Elapsed,
    /// The how-manieth flow it is to meet the rest of the filter, from 1 on.
    Occurrence,
    /// The content of a WebSocket message.
    Message,
    /// Which way a WebSocket message goes: `to_server` or `to_client`.
    Direction,
    /// What a WebSocket message is made of: `text` or `binary`.
    Opcode,
    /// The type of a server-sent event.
    Event,
    /// The data of a server-sent event.
    Data,
    /// The id of a server-sent event.
    Id,
    /// The content of a chunk.
    Chunk,
    /// How many bytes of the body come before a chunk.
    Offset,
    /// What somebody marked it with.
    Marker,
    /// What somebody wrote about it.
    Comment,
}

/// What a field has to say of a flow.
pub(super) struct Found<'a> {
    pub(super) values: Vec<Cow<'a, str>>,
    /// Set when there may be more values than these.
    pub(super) missing: Option<Need>,
}

pub(super) const NOTHING: Need =
    Need { request_body: false, response_body: false, response: false, part: false, occurrence: false };

impl Field {
    /// The earliest stage at which there is a value.
    pub(super) fn stage(&self) -> StageName {
        match self {
            Self::Status
            | Self::Elapsed
            | Self::Header(Side::Response, _)
            | Self::Headers(Side::Response)
            | Self::Size(Side::Response)
            | Self::Json(Side::Response, _)
            | Self::Body(Side::Response)
            | Self::ContentType(Side::Response) => StageName::Response,
            part => part.of_part().unwrap_or(StageName::Request),
        }
    }

    pub(super) fn is_of_whole_answer(&self) -> bool {
        matches!(self, Self::Body(Side::Response) | Self::Json(Side::Response, _) | Self::Size(Side::Response))
    }

    /// Whether its values are numbers, to compare by size.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Port | Self::Status | Self::Size(_) | Self::Elapsed | Self::Occurrence | Self::Offset)
    }

    /// Whether its values must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        match self {
            Self::Cookie(_) | Self::Headers(_) => true,
            Self::Header(_, name) | Self::Json(_, name) => is_unambiguous(name),
            Self::Query(name) | Self::Form(name) => is_secret(name),
            _ => false,
        }
    }

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

pub(super) fn known(values: Vec<Cow<'_, str>>) -> Found<'_> {
    Found { values, missing: None }
}

fn one<'a>(value: impl Into<Cow<'a, str>>) -> Found<'a> {
    known(vec![value.into()])
}

/// The need for a response, where the rule can wait for one.
pub(super) fn no_response(view: &View<'_>) -> Option<Need> {
    (view.response.is_none() && view.horizon >= StageName::Response).then_some(Need { response: true, ..NOTHING })
}

fn from_response<'a>(view: &View<'a>, read: impl Fn(&'a crate::flow::Response) -> String) -> Found<'a> {
    let values = view.response.map(|response| Cow::Owned(read(response)));
    Found { values: values.into_iter().collect(), missing: no_response(view) }
}

/// An answer that no upstream gave took no time of one.
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

/// What a browser wants a request for. Other clients do not say.
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

/// As HTTP/1 sends it.
fn block<'a>(headers: &HeaderMap) -> Cow<'a, str> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        format!("{name}: {}\r\n", String::from_utf8_lossy(value.as_bytes()))
    };
    headers.iter().map(line).collect::<String>().into()
}

fn texts<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    headers.get_all(name).into_iter().map(|value| String::from_utf8_lossy(value.as_bytes()))
}
