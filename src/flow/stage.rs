//! The points of a flow at which a rule can act.

use super::{Chunk, Message, Request, Response, ServerEvent};
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

/// What a [`Hold`](crate::Hold) parks.
///
/// A [`Request`], a [`Response`], a [`Message`], a [`ServerEvent`] or a [`Chunk`]. Sealed: the proxy defines the
/// stages.
pub trait Stage: sealed::Sealed + Send + Sync + 'static {
    /// The name of the stage.
    const NAME: StageName;
}

/// The stages at which a flow is whole: [`Request`] and [`Response`].
pub trait Whole: Stage {}

impl Whole for Request {}
impl Whole for Response {}

macro_rules! stage {
    ($what:ty, $name:ident) => {
        impl sealed::Sealed for $what {}
        impl Stage for $what {
            const NAME: StageName = StageName::$name;
        }
    };
}
stage!(Request, Request);
stage!(Response, Response);
stage!(Message, Message);
stage!(ServerEvent, Event);
stage!(Chunk, Chunk);

mod sealed {
    pub trait Sealed {}
}
