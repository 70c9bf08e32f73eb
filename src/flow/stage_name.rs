//! The names of the stages at which a rule may act on a flow.

use std::fmt;

/// The name of a stage, as written before the colon of a verb: `hold!(response: ..)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    /// The browser has sent a request that the upstream has not received.
    Request,
    /// The upstream has sent a response that the browser has not received.
    Response,
    /// A WebSocket message is on its way, in either direction.
    Message,
    /// The upstream has sent an event of an event stream.
    Event,
    /// The upstream has sent a piece of its response body.
    Chunk,
}

impl StageName {
    /// Returns whether this is a stage of parts of a stream.
    pub(crate) fn is_part(self) -> bool {
        self > Self::Response
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Message => "message",
            Self::Event => "event",
            Self::Chunk => "chunk",
        })
    }
}
