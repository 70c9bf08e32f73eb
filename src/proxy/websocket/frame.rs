//! WebSocket frames (RFC 6455, section 5). Pure. A frame keeps its bytes, so that unchanged ones pass unchanged.

use crate::flow::Opcode;
use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(super) const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
/// The bit set on the first frame of a compressed message (RFC 7692).
const RSV1: u8 = 0x40;

/// A WebSocket frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    first: u8,
    mask: Option<[u8; 4]>,
    payload_at: usize,
    /// The whole frame, still masked.
    pub(super) raw: Bytes,
}

/// A frame is longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Frame {
    /// Takes a frame off the front of the buffer, and returns `None` until it is complete. Fails if its payload is
    /// longer than `limit` bytes.
    pub(super) fn take(buffer: &mut BytesMut, limit: usize) -> Result<Option<Self>, TooLong> {
        let Some((payload_at, length, mask)) = head(buffer) else { return Ok(None) };
        let length = usize::try_from(length).ok().filter(|length| *length <= limit).ok_or(TooLong)?;
        if buffer.len() < payload_at + length {
            buffer.reserve(payload_at + length - buffer.len());
            return Ok(None);
        }
        let raw = buffer.split_to(payload_at + length).freeze();
        Ok(Some(Self { first: raw[0], mask, payload_at, raw }))
    }

    pub(super) fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }

    pub(super) fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    pub(super) fn is_control(&self) -> bool {
        self.opcode() >= CLOSE
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.first & RSV1 != 0
    }

    /// Returns the opcode of the message, if this frame begins one.
    pub(super) fn kind(&self) -> Option<Opcode> {
        match self.opcode() {
            TEXT => Some(Opcode::Text),
            BINARY => Some(Opcode::Binary),
            _ => None,
        }
    }

    /// Returns the payload, unmasked.
    pub(super) fn payload(&self) -> Bytes {
        let payload = self.raw.slice(self.payload_at..);
        match self.mask {
            None => payload,
            Some(mask) => payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
        }
    }
}

/// Reads a frame's head: the offset of the payload, its length, and its mask.
fn head(bytes: &[u8]) -> Option<(usize, u64, Option<[u8; 4]>)> {
    let mut rest = bytes;
    let second = *rest.get(1)?;
    rest.advance(2);
    let length = match second & 0x7f {
        126 => u64::from(rest.try_get_u16().ok()?),
        127 => rest.try_get_u64().ok()?,
        short => u64::from(short),
    };
    let mask = match second & 0x80 {
        0 => None,
        _ => Some(rest.try_get_u32().ok()?.to_be_bytes()),
    };
    Some((bytes.len() - rest.len(), length, mask))
}

/// Builds a message in a single frame, masked if a mask is given.
pub(super) fn write(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Bytes {
    let mut raw = BytesMut::with_capacity(payload.len() + 14);
    raw.put_u8(0x80 | if opcode == Opcode::Text { TEXT } else { BINARY });
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match (payload.len(), u16::try_from(payload.len())) {
        (0..=125, Ok(short)) => raw.put_u8(masked | short as u8),
        (_, Ok(medium)) => {
            raw.put_u8(masked | 126);
            raw.put_u16(medium);
        }
        (long, Err(_)) => {
            raw.put_u8(masked | 127);
            raw.put_u64(long as u64);
        }
    }
    match mask {
        None => raw.put_slice(payload),
        Some(mask) => {
            raw.put_slice(&mask);
            raw.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
    }
    raw.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(payload in prop::collection::vec(any::<u8>(), 0..70_000), mask in any::<Option<[u8; 4]>>(), cut in any::<prop::sample::Index>()) {
            let raw = write(Opcode::Binary, &payload, mask);
            let cut = cut.index(raw.len());
            let mut buffer = BytesMut::from(&raw[..cut]);
            prop_assert_eq!(Frame::take(&mut buffer, usize::MAX), Ok(None));
            buffer.extend_from_slice(&raw[cut..]);
            buffer.extend_from_slice(b"next");
            let frame = Frame::take(&mut buffer, 70_000).expect("short enough").expect("whole");
            prop_assert_eq!(&frame.payload()[..], &payload[..]);
            prop_assert!(frame.is_final() && !frame.is_control() && frame.kind() == Some(Opcode::Binary));
            prop_assert_eq!(&buffer[..], b"next");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_told_by_its_head() {
        let mut head = BytesMut::from(&[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..]);
        assert_eq!(Frame::take(&mut head, 1 << 20), Err(TooLong));
    }
}
