//! The parts of a stream: WebSocket messages, server-sent events, chunks of a body.

use super::StageName;
use crate::sanitize::shorten;
use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The direction of a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// From the browser to the upstream.
    ToServer,
    /// From the upstream to the browser.
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

/// As in filters: `to_server`, `to_client`.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kind of payload of a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opcode {
    /// Text in UTF-8.
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

/// As in filters: `text`, `binary`.
impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One WebSocket message: whole, and inflated if it was sent compressed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Message {
    pub(crate) direction: Direction,
    pub(crate) opcode: Opcode,
    pub(crate) payload: Bytes,
}

impl Message {
    /// Creates a text message to the browser, to [inject](crate::Verbs::inject).
    #[must_use]
    pub fn to_client(text: impl Into<String>) -> Self {
        Self { direction: Direction::ToClient, opcode: Opcode::Text, payload: text.into().into() }
    }

    /// Creates a text message to the upstream, to [inject](crate::Verbs::inject).
    #[must_use]
    pub fn to_server(text: impl Into<String>) -> Self {
        Self { direction: Direction::ToServer, ..Self::to_client(text) }
    }

    /// Returns the direction.
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// Returns whether the payload is text or bytes.
    #[must_use]
    pub fn opcode(&self) -> Opcode {
        self.opcode
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns the payload as text; what is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.payload)
    }

    /// Replaces the payload with a text, and the opcode with [`Opcode::Text`].
    pub fn set_text(&mut self, text: impl Into<String>) {
        (self.opcode, self.payload) = (Opcode::Text, text.into().into());
    }

    /// Replaces the payload with bytes, and the opcode with [`Opcode::Binary`].
    pub fn set_bytes(&mut self, bytes: impl Into<Bytes>) {
        (self.opcode, self.payload) = (Opcode::Binary, bytes.into());
    }
}

/// One server-sent event, as the page's `EventSource` receives it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerEvent {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<String>,
}

impl ServerEvent {
    /// Creates an event of the type `message` with this data.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self { event: "message".to_owned(), data: data.into(), id: None, retry: None }
    }

    /// Sets the type.
    #[must_use]
    pub fn of_type(mut self, event: impl Into<String>) -> Self {
        self.event = event.into();
        self
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Returns the type: `message` unless the event has another.
    #[must_use]
    pub fn event(&self) -> &str {
        &self.event
    }

    /// Returns the data; lines are joined by `\n`.
    #[must_use]
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Returns the event's own id, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Replaces the data.
    pub fn set_data(&mut self, data: impl Into<String>) {
        self.data = data.into();
    }

    /// Replaces the type.
    pub fn set_event(&mut self, event: impl Into<String>) {
        self.event = event.into();
    }

    /// Returns the event as it is sent, without characters that are not allowed in a line.
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

/// A piece of a response body, as it arrived.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Chunk {
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

impl Chunk {
    /// Returns how many bytes of the body, as sent, precede this piece.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the bytes as they are sent.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A WebSocket message, at the stage `message`.
    Message(Message),
    /// A server-sent event, at the stage `event`.
    Event(ServerEvent),
    /// A piece of a body, at the stage `chunk`.
    Chunk(Chunk),
}

impl Part {
    /// Returns whether this is a message from the page.
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

    /// Returns the content.
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

    /// Returns one line about it. A [`record`](Self::record) of a long part does not know the size itself.
    pub(crate) fn in_words(&self, size: usize) -> String {
        const WIDTH: usize = 80;
        let kind = match self {
            Self::Message(message) => format!("message {}, ", message.direction.as_str()),
            Self::Event(event) => format!("event {:?}, ", event.event),
            Self::Chunk(chunk) => format!("chunk at {}, ", chunk.offset),
        };
        if matches!(self, Self::Message(Message { opcode: Opcode::Binary, .. })) {
            return format!("{kind}{size} bytes");
        }
        match shorten(&self.text(), WIDTH) {
            (all, false) => format!("{kind}{all:?}"),
            (start, true) => format!("{kind}{start:?}.. ({size} bytes)"),
        }
    }

    /// Returns the copy that the journal keeps: of long content, the beginning, as of bodies.
    pub(crate) fn record(&self) -> Arc<Self> {
        const LONG: usize = 1024 * 1024;
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

/// As the journal shows it, shortened to one line.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_words(self.content().len()))
    }
}

/// The same text as `Display`: a payload may be long and contain secrets.
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
