//! Fields of the parts of a stream: WebSocket messages, server-sent events, chunks.

use super::found::{Found, NOTHING, known};
use super::{Field, Need, View};
use crate::flow::{Part, StageName};
use std::borrow::Cow;

impl Field {
    /// Returns the stage whose parts have this field, if it is a field of parts.
    pub(super) fn of_part(&self) -> Option<StageName> {
        match self {
            Self::Message | Self::Direction | Self::Opcode => Some(StageName::Message),
            Self::Event | Self::Data | Self::Id => Some(StageName::Event),
            Self::Chunk | Self::Offset => Some(StageName::Chunk),
            _ => None,
        }
    }
}

/// Returns the value of a field of a part.
pub(super) fn find<'a>(field: &Field, view: &View<'a>) -> Found<'a> {
    let value = match (view.part, field) {
        (None, _) => return Found { values: vec![], missing: missing(view, field.of_part()) },
        (Some(Part::Message(message)), Field::Message) => Some(message.text()),
        (Some(Part::Message(message)), Field::Direction) => Some(message.direction.as_str().into()),
        (Some(Part::Message(message)), Field::Opcode) => Some(message.opcode.as_str().into()),
        (Some(Part::Event(event)), Field::Event) => Some(event.event().into()),
        (Some(Part::Event(event)), Field::Data) => Some(event.data().into()),
        (Some(Part::Event(event)), Field::Id) => event.id().map(Into::into),
        (Some(Part::Chunk(chunk)), Field::Chunk) => Some(String::from_utf8_lossy(&chunk.bytes)),
        (Some(Part::Chunk(chunk)), Field::Offset) => Some(chunk.offset.to_string().into()),
        _ => None,
    };
    known(value.into_iter().collect())
}

/// Returns the need for a part, if the rule can wait for one.
fn missing(view: &View<'_>, stage: Option<StageName>) -> Option<Need> {
    stage.is_none_or(|stage| stage == view.horizon).then_some(Need { part: true, ..NOTHING })
}

/// Returns the content of a part, for the fields that mean a whole body elsewhere.
pub(super) fn content<'a>(view: &View<'a>) -> Found<'a> {
    match view.part {
        Some(part) => known(vec![part.text()]),
        None => Found { values: vec![], missing: missing(view, None) },
    }
}

pub(super) fn size<'a>(view: &View<'a>) -> Found<'a> {
    match view.part {
        Some(part) => known(vec![Cow::Owned(part.content().len().to_string())]),
        None => Found { values: vec![], missing: missing(view, None) },
    }
}
