//! The points of a flow at which a rule can act.

use super::{Chunk, Message, Request, Response, ServerEvent, StageName};

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
