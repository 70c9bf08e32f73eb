//! Held parts of streams: WebSocket messages, server-sent events, chunks.

use super::{Delivery, Held, Verbs};
use crate::flow::{Chunk, FlowId, Message, Part, Place, ServerEvent, Stage};
use crate::proxy::Verdict;
use crate::report::Failure;

/// A part that can be injected into a stream: a [`Message`] or a [`ServerEvent`].
pub trait IntoPart: Stage {
    #[doc(hidden)]
    fn into_part(self) -> Part;
}

impl IntoPart for Message {
    fn into_part(self) -> Part {
        Part::Message(self)
    }
}

impl IntoPart for ServerEvent {
    fn into_part(self) -> Part {
        Part::Event(self)
    }
}

impl Verbs {
    /// Injects a message or an event into an open stream.
    ///
    /// It is sent at once, before parked parts. `flow` is the flow of the WebSocket's request or of the event stream;
    /// `watch!(websocket).next().await?.id` returns it.
    ///
    /// # Errors
    /// When there is no such stream, or it has ended.
    #[track_caller]
    pub fn inject(&self, flow: FlowId, part: impl IntoPart) -> Result<(), Failure> {
        let place = Place::here();
        let part = part.into_part();
        if self.context().inject(flow.whole(), &part) {
            return Ok(());
        }
        let what = format!("{} has no open stream for this {}", flow.whole(), part.stage());
        Err(Failure::bare(what)
            .at(place)
            .help("a WebSocket is open from its 101 to its close, an event stream to its end"))
    }
}

impl<S: IntoPart> Held<S> {
    /// Drops the part, so that it never arrives. Its stream continues.
    #[track_caller]
    pub fn discard(self) -> Delivery {
        self.decide("discarded", Place::here(), |_| Verdict::Discard)
    }

    /// Injects a message or an event into the same stream.
    ///
    /// It is sent at once, before parked parts.
    ///
    /// # Errors
    /// When the stream has ended.
    #[track_caller]
    pub fn inject(&self, part: impl IntoPart) -> Result<(), Failure> {
        Verbs::new(self.context.clone()).inject(self.flow(), part)
    }
}

macro_rules! held_part {
    ($what:ident, $variant:ident, $name:ident, $says:literal) => {
        impl Held<$what> {
            #[doc = $says]
            #[must_use]
            pub fn $name(&self) -> &$what {
                match &self.parts.part {
                    Some(Part::$variant(part)) => part,
                    other => unreachable!("what is parked at this stage is a part of it, not {other:?}"),
                }
            }
        }
    };
}
held_part!(Message, Message, message, "The message, with the edits made so far.");
held_part!(ServerEvent, Event, event, "The event, with the edits made so far.");
held_part!(Chunk, Chunk, chunk, "The piece of the body that is parked. What follows it waits behind it.");

macro_rules! edited_part {
    ($what:ident, $variant:ident) => {
        impl Held<$what> {
            /// Edits the part before it is sent on.
            pub fn edit(&mut self, change: impl FnOnce(&mut $what)) {
                if let Some(Part::$variant(part)) = &mut self.parts.part {
                    change(part);
                    self.edited = true;
                }
            }
        }
    };
}
edited_part!(Message, Message);
edited_part!(ServerEvent, Event);
