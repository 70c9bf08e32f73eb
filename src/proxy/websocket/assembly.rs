//! Assembles frames into messages: joins fragments, and inflates what is compressed (RFC 7692). Pure.

use super::frame::{CONTINUATION, Frame};
use crate::flow::{Direction, Message, Opcode};
use bytes::{Bytes, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};

/// A message, with the frames that it arrived in.
#[derive(Debug)]
pub(super) struct Assembled {
    pub(super) message: Message,
    pub(super) frames: Vec<Bytes>,
    pub(super) compressed: bool,
}

/// The cost of a frame in bytes besides its payload, which may be empty.
const FRAME: usize = 64;

/// Why a direction can no longer be read.
pub(super) type Unreadable = &'static str;

/// The frames of a message that cannot be read, and the reason.
pub(super) type Unread = (Vec<Bytes>, Unreadable);

/// Assembles the messages of one direction.
#[derive(Debug)]
pub(super) struct Assembly {
    direction: Direction,
    open: Option<Open>,
    /// Set if both ends have agreed on compression.
    inflate: Option<Decompress>,
    limit: usize,
}

/// A message whose last frame has not arrived.
#[derive(Debug)]
struct Open {
    opcode: Opcode,
    compressed: bool,
    payload: BytesMut,
    frames: Vec<Bytes>,
}

impl Assembly {
    pub(super) fn new(direction: Direction, inflates: bool, limit: usize) -> Self {
        Self { direction, open: None, inflate: inflates.then(|| Decompress::new(false)), limit }
    }

    /// Returns whether a message is incomplete.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Adds a frame of a message, and returns the message if it was the last one.
    pub(super) fn push(&mut self, frame: &Frame) -> Result<Option<Assembled>, Unread> {
        let mut open = match (self.open.take(), frame.kind()) {
            (Some(open), None) if frame.opcode() == CONTINUATION => open,
            (None, Some(opcode)) => {
                let compressed = frame.is_compressed();
                Open { opcode, compressed, payload: BytesMut::new(), frames: Vec::new() }
            }
            (open, _) => {
                let mut frames = open.map(|open| open.frames).unwrap_or_default();
                frames.push(frame.raw.clone());
                return Err((frames, "frames are out of order"));
            }
        };
        open.payload.extend_from_slice(&frame.payload());
        open.frames.push(frame.raw.clone());
        if open.payload.len() + open.frames.len() * FRAME > self.limit {
            return Err((open.frames, "a message is too long"));
        }
        if !frame.is_final() {
            self.open = Some(open);
            return Ok(None);
        }
        let Open { opcode, compressed, payload, frames } = open;
        let payload = if compressed { self.inflate(&payload) } else { Ok(payload.freeze()) };
        let payload = match payload {
            Ok(payload) => payload,
            Err(why) => return Err((frames, why)),
        };
        Ok(Some(Assembled { message: Message { direction: self.direction, opcode, payload }, frames, compressed }))
    }

    /// Inflates one message, and keeps the data that later ones refer to.
    fn inflate(&mut self, payload: &[u8]) -> Result<Bytes, Unreadable> {
        const TAIL: &[u8] = &[0, 0, 0xff, 0xff];
        const STEP: usize = 16 * 1024;
        let inflate = self.inflate.as_mut().ok_or("a message is compressed, which was not negotiated")?;
        let input = [payload, TAIL].concat();
        let (mut at, mut output) = (0, Vec::with_capacity(payload.len() * 3));
        while at < input.len() || output.len() == output.capacity() {
            output.reserve(STEP);
            let (read, written) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress_vec(&input[at..], &mut output, FlushDecompress::Sync);
            at += usize::try_from(inflate.total_in() - read).unwrap_or(usize::MAX);
            match status {
                Err(_) => return Err("a message cannot be inflated"),
                Ok(_) if output.len() > self.limit => return Err("a message is too long"),
                // The sender has ended its deflate stream, and begins another with the next message.
                Ok(Status::StreamEnd) => {
                    inflate.reset(false);
                    break;
                }
                Ok(_) if inflate.total_in() == read && inflate.total_out() == written => break,
                Ok(_) => {}
            }
        }
        Ok(output.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::write;
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};

    fn frame(raw: &[u8]) -> Frame {
        Frame::take(&mut BytesMut::from(raw), usize::MAX).expect("short").expect("whole")
    }

    #[test]
    fn fragments_are_joined() {
        let mut assembly = Assembly::new(Direction::ToClient, false, 999);
        assert!(assembly.push(&frame(&[0x01, 2, b'a', b'b'])).expect("fine").is_none());
        assert!(assembly.is_open());
        let whole = assembly.push(&frame(&[0x80, 1, b'c'])).expect("fine").expect("whole");
        assert_eq!((whole.message.text().as_ref(), whole.frames.len()), ("abc", 2));
        assert_eq!(assembly.push(&frame(&[0x80, 1, b'c'])).expect_err("nothing is open").1, "frames are out of order");
    }

    #[test]
    fn compressed_messages_refer_to_each_other() {
        let mut assembly = Assembly::new(Direction::ToClient, true, 1 << 20);
        let mut deflate = Compress::new(Compression::default(), false);
        for text in ["hello, hello".to_owned(), "hello again".to_owned(), "x".repeat(100_000), String::new()] {
            let mut payload = Vec::with_capacity(text.len() + 64);
            deflate.compress_vec(text.as_bytes(), &mut payload, FlushCompress::Sync).expect("deflates");
            payload.truncate(payload.len().saturating_sub(4));
            let mut raw = write(Opcode::Text, &payload, None).to_vec();
            raw[0] |= 0x40;
            let whole = assembly.push(&frame(&raw)).expect("readable").expect("whole");
            assert!(whole.compressed);
            assert_eq!(whole.message.text(), text);
        }
    }

    #[test]
    fn what_inflates_beyond_the_limit_is_told() {
        let mut payload = Vec::with_capacity(4096);
        let mut deflate = Compress::new(Compression::default(), false);
        deflate.compress_vec(&vec![0; 1 << 20], &mut payload, FlushCompress::Sync).expect("deflates");
        let mut raw = write(Opcode::Binary, &payload[..payload.len() - 4], None).to_vec();
        raw[0] |= 0x40;
        let mut assembly = Assembly::new(Direction::ToClient, true, 1 << 19);
        assert_eq!(assembly.push(&frame(&raw)).expect_err("a bomb").1, "a message is too long");
    }
}
