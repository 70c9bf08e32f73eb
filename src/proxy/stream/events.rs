//! Parses event streams as `EventSource` does (HTML standard, section 9.2.6). Pure.

use crate::flow::ServerEvent;
use bytes::{Bytes, BytesMut};

/// A complete block, or a piece of one that is too long to be parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The bytes that were not passed on before.
    pub(super) raw: Bytes,
    /// The event; `None` for a comment, a block without data, or one that is too long.
    pub(super) event: Option<ServerEvent>,
    /// Whether some of it was passed on before.
    pub(super) is_rest: bool,
}

/// The longest block that is parsed, in bytes.
pub(super) const LONGEST: usize = 16 * 1024 * 1024;

/// Finds the events of a stream, in linear time, and with memory for no more than the longest block.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// The bytes of the block that are kept; its beginning may have been removed.
    buffer: BytesMut,
    /// How many bytes of the block were removed from the buffer.
    gone: usize,
    /// Positions in the buffer: `scanned` is the end of the search for line ends, `line` the start of the incomplete
    /// line, and `passed` the end of the bytes that were passed on.
    scanned: usize,
    line: usize,
    passed: usize,
    /// Whether the beginning of the line was removed from the buffer.
    line_has_gone: bool,
    /// Whether the block is longer than [`LONGEST`].
    too_long: bool,
    /// Whether the last line ended in CR: an LF right after it belongs to the same line end.
    after_cr: bool,
    /// Whether the first line of the stream was read: only that may begin with a byte order mark.
    has_begun: bool,
    fields: Fields,
}

/// The fields of a block, from its complete lines.
#[derive(Debug, Default)]
struct Fields {
    event: Option<String>,
    data: Option<String>,
    id: Option<String>,
    retry: Option<String>,
}

impl Parser {
    /// Adds bytes, and returns the blocks that they complete.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Block> {
        self.buffer.extend_from_slice(bytes);
        let mut blocks = Vec::new();
        while self.scanned < self.buffer.len() {
            if std::mem::take(&mut self.after_cr) && self.buffer[self.scanned] == b'\n' {
                self.scanned += 1;
                self.line = self.scanned;
                // The LF belongs to the end of the previous block.
                if self.scanned + self.gone == 1 {
                    blocks.push(self.end());
                }
                continue;
            }
            let Some(length) = self.buffer[self.scanned..].iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.scanned = self.buffer.len();
                break;
            };
            blocks.extend(self.end_line(self.scanned + length));
        }
        blocks.extend(self.limit());
        blocks
    }

    /// Reads the line that ends at `end`; an empty one ends the block.
    fn end_line(&mut self, end: usize) -> Option<Block> {
        let is_empty = end == self.line && !self.line_has_gone;
        if !is_empty && !self.too_long {
            let line = String::from_utf8_lossy(&self.buffer[self.line..end]);
            let marked = line.strip_prefix('\u{feff}').filter(|_| !self.has_begun);
            self.fields.read(marked.unwrap_or(&line));
        }
        self.has_begun = true;
        let is_cr = self.buffer[end] == b'\r';
        let has_lf = is_cr && self.buffer.get(end + 1) == Some(&b'\n');
        self.scanned = end + 1 + usize::from(has_lf);
        self.after_cr = is_cr && !has_lf;
        (self.line, self.line_has_gone) = (self.scanned, false);
        is_empty.then(|| self.end())
    }

    /// Returns the kept bytes of a block that is too long. The rest of it is not parsed.
    fn limit(&mut self) -> Option<Block> {
        if !self.too_long && self.buffer.len() + self.gone > LONGEST {
            (self.too_long, self.fields) = (true, Fields::default());
        }
        if !self.too_long || self.buffer.is_empty() {
            return None;
        }
        let raw = self.take_tail();
        self.line_has_gone |= self.line < self.buffer.len();
        self.gone += self.buffer.len();
        self.buffer.clear();
        (self.scanned, self.line, self.passed) = (0, 0, 0);
        (!raw.is_empty()).then_some(Block { raw, event: None, is_rest: true })
    }

    /// Returns the bytes of the incomplete block that were not passed on. They are not returned again.
    pub(super) fn take_tail(&mut self) -> Bytes {
        let tail = Bytes::copy_from_slice(&self.buffer[self.passed..]);
        // Lines that were read and passed on need not be kept.
        self.gone += self.line;
        drop(self.buffer.split_to(self.line));
        (self.scanned, self.line, self.passed) = (self.scanned - self.line, 0, self.buffer.len());
        tail
    }

    /// Returns whether a block was passed on in part.
    pub(super) fn is_inside(&self) -> bool {
        self.passed + self.gone > 0
    }

    /// Returns whether the current block is too long to be parsed.
    pub(super) fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Returns whether there are bytes that were not passed on.
    pub(super) fn has_tail(&self) -> bool {
        self.buffer.len() > self.passed
    }

    /// Ends the block at `scanned`.
    fn end(&mut self) -> Block {
        let block = self.buffer.split_to(self.scanned).freeze();
        let passed = self.passed.min(block.len());
        let is_rest = passed + self.gone > 0;
        let event = std::mem::take(&mut self.fields).event().filter(|_| !self.too_long);
        let (after_cr, has_begun) = (self.after_cr, self.has_begun);
        *self = Self { buffer: std::mem::take(&mut self.buffer), after_cr, has_begun, ..Self::default() };
        Block { raw: block.slice(passed..), event, is_rest }
    }
}

impl Fields {
    fn read(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => self.event = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                none => *none = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" => self.retry = Some(value.to_owned()),
            _ => {}
        }
    }

    fn event(self) -> Option<ServerEvent> {
        let Self { event, data, id, retry } = self;
        let event = event.filter(|event| !event.is_empty()).unwrap_or_else(|| "message".to_owned());
        data.map(|data| ServerEvent { event, data, id, retry })
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
    fn only_a_stream_begins_with_a_byte_order_mark() {
        let blocks = Parser::default().push("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: \u{feff}c\n\n".as_bytes());
        assert_eq!(events(&blocks), ["message|a|-", "message|\u{feff}c|-"]);
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

    /// A block that is too long passes in pieces, and the blocks after it are parsed again.
    #[test]
    fn a_block_that_is_too_long_passes_in_pieces() {
        let mut parser = Parser::default();
        let long = ["data: ", &"x".repeat(LONGEST), "\ndata: y"].concat();
        let (mut came, mut went, mut most) = (0, 0, 0);
        for piece in long.as_bytes().chunks(1 << 20) {
            came += piece.len();
            for block in parser.push(piece) {
                assert!(block.event.is_none() && block.is_rest);
                went += block.raw.len();
            }
            most = most.max(came - went);
        }
        assert!(parser.is_too_long() && most <= LONGEST, "{most}");
        let blocks = parser.push(b"\n\ndata: z\n\n");
        assert_eq!((went + blocks[0].raw.len(), &blocks[0].event), (long.len() + 2, &None));
        assert_eq!(events(&blocks), ["message|z|-"]);
        assert!(!parser.is_too_long());
    }

    /// Each byte is searched once, so that a block of many lines and a line of many pieces are fast even in a test
    /// build. (In quadratic time, these took minutes.)
    #[test]
    fn long_blocks_are_read_in_linear_time() {
        let mut parser = Parser::default();
        assert_eq!(parser.push("data:x\n".repeat(300_000).as_bytes()), []);
        assert_eq!(parser.push(b"\n")[0].event.as_ref().map(|event| event.data().len()), Some(599_999));
        for _ in 0..12_000 {
            assert_eq!(parser.push(&[b'x'; 1_000]), []);
        }
    }

    #[test]
    fn an_lf_alone_behind_a_cr_is_kept() {
        let mut parser = Parser::default();
        let blocks = parser.push(b"data: a\r\r");
        assert_eq!(events(&blocks), ["message|a|-"]);
        let blocks = parser.push(b"\n");
        assert_eq!((&blocks[0].raw[..], &blocks[0].event), (&b"\n"[..], &None));
        assert!(!parser.is_inside());
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
