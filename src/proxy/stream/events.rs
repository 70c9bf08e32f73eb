//! An event stream, as `EventSource` reads it (HTML standard, section 9.2.6). Pure.

use crate::flow::ServerEvent;
use bytes::{Bytes, BytesMut};

/// A block that has come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// What of it was not passed on before.
    pub(super) raw: Bytes,
    /// What the page gets; none of a comment, or a block without data.
    pub(super) event: Option<ServerEvent>,
    /// Some of it was passed on before.
    pub(super) is_rest: bool,
}

/// Finds the events of a stream.
#[derive(Debug, Default)]
pub(super) struct Parser {
    buffer: BytesMut,
    /// How much of it belongs to lines that were read, and how much was passed on.
    read: usize,
    passed: usize,
    /// The block is longer than anybody looks at.
    forgotten: bool,
    /// The last line ended in CR: an LF right behind it is of the same end.
    after_cr: bool,
    event: Option<String>,
    data: Option<String>,
    id: Option<String>,
    retry: Option<String>,
}

impl Parser {
    /// Takes what has come, and gives the blocks that have ended.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Block> {
        self.buffer.extend_from_slice(bytes);
        let mut blocks = Vec::new();
        while let Some((line, next)) = self.line() {
            if line.is_empty() {
                blocks.push(self.end(next));
            } else {
                self.field(&line);
                self.read = next;
            }
        }
        blocks
    }

    /// What has come of a block that has not ended. It will not come again.
    pub(super) fn take_tail(&mut self) -> Bytes {
        // The end of the line before: no part of a block.
        if self.buffer[..] == *b"\n" && self.read == 1 {
            return Bytes::new();
        }
        let tail = Bytes::copy_from_slice(&self.buffer[self.passed..]);
        self.passed = self.buffer.len();
        tail
    }

    /// Whether a part of a block has gone out, and its end has not.
    pub(super) fn is_inside(&self) -> bool {
        self.passed > 0 || self.forgotten
    }

    /// Keeps nothing of a block that is too long: the rest of it passes too.
    pub(super) fn forget(&mut self) {
        self.buffer.clear();
        (self.read, self.passed, self.forgotten) = (0, 0, true);
    }

    /// How much is kept.
    pub(super) fn size(&self) -> usize {
        self.buffer.len()
    }

    /// The next whole line, and where the one after it begins.
    fn line(&mut self) -> Option<(String, usize)> {
        let mut rest = &self.buffer[self.read..];
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            if rest[0] == b'\n' {
                self.read += 1;
                rest = &rest[1..];
            }
        }
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        let line = String::from_utf8_lossy(&rest[..length]).trim_start_matches('\u{feff}').to_owned();
        let mut next = self.read + length + 1;
        match (rest[length], rest.get(length + 1)) {
            (b'\r', Some(b'\n')) => next += 1,
            (b'\r', None) => self.after_cr = true,
            _ => {}
        }
        Some((line, next))
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => *data = format!("{data}\n{value}"),
                none => *none = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => self.retry = Some(value.to_owned()),
            _ => {}
        }
    }

    fn end(&mut self, at: usize) -> Block {
        let block = self.buffer.split_to(at).freeze();
        let (event, id, retry) = (self.event.take(), self.id.take(), self.retry.take());
        let event = self.data.take().map(|data| ServerEvent {
            event: event.filter(|event| !event.is_empty()).unwrap_or_else(|| "message".to_owned()),
            data,
            id,
            retry,
        });
        let passed = std::mem::take(&mut self.passed).min(block.len());
        self.read = 0;
        // Of what was forgotten nobody knows what it was.
        let is_forgotten = std::mem::take(&mut self.forgotten);
        let event = event.filter(|_| !is_forgotten);
        Block { raw: block.slice(passed..), event, is_rest: passed > 0 || is_forgotten }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn events(blocks: &[Block]) -> Vec<String> {
        let of = |event: &ServerEvent| format!("{}|{}|{}", event.event(), event.data(), event.id().unwrap_or("-"));
        blocks.iter().filter_map(|block| block.event.as_ref().map(of)).collect()
    }

    const STREAM: &str =
        "\u{feff}: hello\n\ndata: a\n\nevent: tick\r\nid: 7\r\ndata: b\r\ndata:c\r\n\r\nretry: 5\n\nid\ndata\r\rid: x";

    #[test]
    fn a_stream_is_read_as_a_browser_reads_it() {
        let blocks = Parser::default().push(STREAM.as_bytes());
        assert_eq!(events(&blocks), ["message|a|-", "tick|b\nc|7", "message||"]);
        assert_eq!(blocks.len(), 5, "{blocks:?}");
    }

    #[test]
    fn what_was_passed_on_does_not_come_again() {
        let mut parser = Parser::default();
        assert_eq!(parser.push(b"data: a"), []);
        assert_eq!(parser.take_tail(), "data: a");
        assert_eq!(parser.push(b"b\n"), []);
        assert_eq!(parser.take_tail(), "b\n");
        let blocks = parser.push(b"\ndata: c\n\n");
        assert_eq!((&blocks[0].raw[..], blocks[0].is_rest), (&b"\n"[..], true));
        assert_eq!(events(&blocks), ["message|ab|-", "message|c|-"]);
        assert!(!blocks[1].is_rest);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_it_is_cut(cuts in prop::collection::vec(0..STREAM.len(), 0..9), tails in any::<bool>()) {
            let (mut cuts, mut parser) = (cuts, Parser::default());
            cuts.sort_unstable();
            cuts.push(STREAM.len());
            let (mut at, mut all, mut blocks) = (0, Vec::new(), Vec::new());
            for cut in cuts {
                for block in parser.push(&STREAM.as_bytes()[at..cut]) {
                    all.extend_from_slice(&block.raw);
                    blocks.push(block);
                }
                if tails {
                    all.extend_from_slice(&parser.take_tail());
                }
                at = cut;
            }
            all.extend_from_slice(&parser.take_tail());
            prop_assert_eq!(String::from_utf8_lossy(&all), STREAM);
            prop_assert_eq!(events(&blocks), ["message|a|-", "tick|b\nc|7", "message||"]);
        }
    }
}
