//! The fields that a filter can test.

use crate::flow::StageName;
use crate::sanitize::{is_secret, is_unambiguous};

/// The side of a flow that a field is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Either side, as far as it is known.
    Either,
    /// The request.
    Request,
    /// The response.
    Response,
}

/// A field of a flow that a filter can test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// The absolute URL.
    Url,
    /// `http` or `https`.
    Scheme,
    /// The host name, lower case.
    Host,
    /// The port, explicit or implied by the scheme.
    Port,
    /// The path without the query.
    Path,
    /// A query parameter by name, decoded.
    Query(String),
    /// The method.
    Method,
    /// A header by name.
    Header(Side, String),
    /// A cookie of the request by name.
    Cookie(String),
    /// The body with its content-encoding undone.
    Body(Side),
    /// The `content-type` header.
    ContentType(Side),
    /// The status of the response.
    Status,
    /// The size of the body in bytes: its `content-length`, or the length of the body that was read.
    Size(Side),
    /// The value at a JSON pointer (RFC 6901) in the body: strings as they are, everything else as JSON.
    Json(Side, String),
    /// A field of the request's form (`application/x-www-form-urlencoded`).
    Form(String),
    /// The names of the GraphQL operations in the request.
    Operation,
    /// The header block: a line `name: value` for each header.
    Headers(Side),
    /// The address of the browser's end of the connection, such as `127.0.0.1:50123`.
    Client,
    /// The host and port that the request goes to, such as `shop.test:443`.
    Server,
    /// The purpose of the request, by `sec-fetch-dest`: `document`, `script`, `style`, `image` and others, and `xhr`
    /// for requests by a script.
    Resource,
    /// How long the upstream took to respond: `elapsed > 300ms`.
    Elapsed,
    /// The number of this flow among those that match the rest of the filter, from 1.
    Occurrence,
    /// The content of a WebSocket message.
    Message,
    /// The direction of a WebSocket message: `to_server` or `to_client`.
    Direction,
    /// The type of a WebSocket message: `text` or `binary`.
    Opcode,
    /// The type of a server-sent event.
    Event,
    /// The data of a server-sent event.
    Data,
    /// The id of a server-sent event.
    Id,
    /// The content of a chunk.
    Chunk,
    /// The number of bytes of the body before a chunk.
    Offset,
    /// The marker that a user has set on a recorded flow.
    Marker,
    /// The comment that a user has written on a recorded flow.
    Comment,
}

impl Field {
    /// Returns the earliest stage at which the field has a value.
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

    /// Returns whether its values are numbers, which compare by size.
    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Port | Self::Status | Self::Size(_) | Self::Elapsed | Self::Occurrence | Self::Offset)
    }

    /// Returns whether its values must not be shown.
    pub(super) fn is_secret(&self) -> bool {
        match self {
            Self::Cookie(_) | Self::Headers(_) => true,
            Self::Header(_, name) | Self::Json(_, name) => is_unambiguous(name),
            Self::Query(name) | Self::Form(name) => is_secret(name),
            _ => false,
        }
    }
}
