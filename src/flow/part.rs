//! The parts of a stream: WebSocket messages, server-sent events, chunks of a body.

use super::StageName;
use crate::sanitize::shorten;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Which way a WebSocket message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the browser.
    ToServer,
    /// From the upstream.
    ToClient,
}

impl Direction {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ToServer => "to_server",
            Self::ToClient => "to_client",
        }
    }
}

/// What a WebSocket message is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// Text, in UTF-8.
    Text,
    /// Bytes.
    Binary,
}

impl Opcode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// One WebSocket message: whole, and inflated if it was sent compressed.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    pub(crate) direction: Direction,
    pub(crate) opcode: Opcode,
    pub(crate) payload: Bytes,
}

impl Message {
    /// A text for the browser, to [inject](crate::Verbs::inject).
    #[must_use]
    pub fn to_client(text: impl Into<String>) -> Self {
        Self { direction: Direction::ToClient, opcode: Opcode::Text, payload: text.into().into() }
    }

    /// A text for the upstream, to [inject](crate::Verbs::inject).
    #[must_use]
    pub fn to_server(text: impl Into<String>) -> Self {
        Self { direction: Direction::ToServer, ..Self::to_client(text) }
    }

    /// Which way it goes.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Whether it is text or bytes.
    #[must_use]
    pub fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Its content.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Its content as text; of bytes that are no UTF-8, what is readable.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.payload)
    }

    /// Replaces its content by a text.
    pub fn set_text(&mut self, text: impl Into<String>) {
        (self.opcode, self.payload) = (Opcode::Text, text.into().into());
    }

    /// Replaces its content by bytes.
    pub fn set_bytes(&mut self, bytes: impl Into<Bytes>) {
        (self.opcode, self.payload) = (Opcode::Binary, bytes.into());
    }
}

/// One server-sent event, as the page's `EventSource` gets it.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerEvent {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
}

impl ServerEvent {
    /// One with this data, of the type `message`.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self { event: "message".to_owned(), data: data.into(), id: None, retry: None }
    }

    /// The same, of another type.
    #[must_use]
    pub fn of_type(mut self, event: impl Into<String>) -> Self {
        self.event = event.into();
        self
    }

    /// The same, with an id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Its type: `message` unless it says another.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Its data; lines are joined by `\n`.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Its own id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Replaces its data.
    pub fn set_data(&mut self, data: impl Into<String>) {
        self.data = data.into();
    }

    /// Replaces its type.
    pub fn set_event(&mut self, event: impl Into<String>) {
        self.event = event.into();
    }

    /// As it is sent. What cannot stand in a line is left out.
    pub(crate) fn wire(&self) -> Bytes {
        let line = |text: &str| text.replace(['\r', '\n', '\0'], "");
        let mut wire = String::new();
        if self.event != "message" {
            wire += &format!("event: {}\n", line(&self.event));
        }
        if let Some(id) = &self.id {
            wire += &format!("id: {}\n", line(id));
        }
        if let Some(retry) = &self.retry {
            wire += &format!("retry: {retry}\n");
        }
        for data in self.data.split('\n') {
            wire += &format!("data: {}\n", data.replace('\r', ""));
        }
        (wire + "\n").into()
    }
}

/// A piece of an answer's body, as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Chunk {
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

impl Chunk {
    /// How many bytes of the body, as it is sent, come before it.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its bytes, as they are sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// At the stage `message`.
    Message(Message),
    /// At the stage `event`.
    Event(ServerEvent),
    /// At the stage `chunk`.
    Chunk(Chunk),
}

impl Part {
    /// Whether it is a message that a page sends.
    pub(crate) fn is_to_server(&self) -> bool {
        matches!(self, Self::Message(message) if message.direction == Direction::ToServer)
    }

    pub(crate) fn stage(&self) -> StageName {
        match self {
            Self::Message(_) => StageName::Message,
            Self::Event(_) => StageName::Event,
            Self::Chunk(_) => StageName::Chunk,
        }
    }

    /// What it brings.
    pub(crate) fn content(&self) -> &[u8] {
        match self {
            Self::Message(message) => &message.payload,
            Self::Event(event) => event.data.as_bytes(),
            Self::Chunk(chunk) => &chunk.bytes,
        }
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.content())
    }

    /// What the journal keeps of it: the beginning of what is long.
    pub(crate) fn record(&self) -> Arc<Self> {
        const LONG: usize = 64 * 1024;
        let start = |bytes: &Bytes| Bytes::copy_from_slice(&bytes[..bytes.len().min(LONG)]);
        Arc::new(match self {
            Self::Message(message) => Self::Message(Message { payload: start(&message.payload), ..*message }),
            Self::Event(event) if event.data.len() > LONG => {
                Self::Event(ServerEvent { data: event.data.chars().take(LONG).collect(), ..event.clone() })
            }
            Self::Event(event) => Self::Event(event.clone()),
            Self::Chunk(chunk) => Self::Chunk(Chunk { offset: chunk.offset, bytes: start(&chunk.bytes) }),
        })
    }
}

/// As the journal shows it: cut to a line.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 80;
        match self {
            Self::Message(message) => write!(f, "message {}, ", message.direction.as_str())?,
            Self::Event(event) => write!(f, "event {:?}, ", event.event)?,
            Self::Chunk(chunk) => write!(f, "chunk at {}, ", chunk.offset)?,
        }
        let size = self.content().len();
        if matches!(self, Self::Message(Message { opcode: Opcode::Binary, .. })) {
            return write!(f, "{size} bytes");
        }
        match shorten(&String::from_utf8_lossy(self.content()), WIDTH) {
            (all, false) => write!(f, "{all:?}"),
            (start, true) => write!(f, "{start:?}.. ({size} bytes)"),
        }
    }
}

/// The same text: a payload may be long, and have secrets in it.
macro_rules! debug_as_part {
    ($($kind:ident => $part:ident),*) => {$(
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&Part::$part(self.clone()), f)
            }
        }
    )*};
}

debug_as_part!(Message => Message, ServerEvent => Event, Chunk => Chunk);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_written_line_by_line() {
        let event = ServerEvent::new("a\nb").of_type("tick\n").with_id("7");
        assert_eq!(event.wire(), "event: tick\nid: 7\ndata: a\ndata: b\n\n");
        assert_eq!(ServerEvent::new("").wire(), "data: \n\n");
    }

    #[test]
    fn a_long_part_is_cut() {
        let long = Part::Message(Message::to_client("x".repeat(99)));
        assert_eq!(long.to_string(), format!("message to_client, {:?}.. (99 bytes)", "x".repeat(80)));
    }
}
