//! What a filter can ask of a flow.

use crate::flow::StageName;
use crate::sanitize::{is_secret, is_unambiguous};

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
}
