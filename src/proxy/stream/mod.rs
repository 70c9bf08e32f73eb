//! A response body as a stream of parts that rules can act on: server-sent events, or chunks.

mod events;
mod lane;

pub(super) use lane::{Lane, Leaving, Passed};

use super::flow_guard::FlowGuard;
use super::gate::{Gate, PartOutcome, Stream};
use super::shaping::{Broken, Shaped};
use super::socket::Switch;
use crate::flow::{Chunk, Fault, FaultStage, Part, Request, Response, StageName};
use crate::journal::Event;
use crate::rules::AbortKind;
use bytes::Bytes;
use events::Parser;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// A frame of a body, with the flow guard of the part in it.
pub(super) type Sent = (Frame<Bytes>, Option<FlowGuard>);

/// A body on its way to the browser.
pub(super) enum Outgoing {
    /// It passes unsplit.
    Whole(Shaped),
    /// It passes part by part, with the state after the last one.
    Parts(Pin<Box<dyn futures_util::Stream<Item = Result<Sent, Broken>> + Send>>, Arc<Last>),
}

impl Outgoing {
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Sent, Broken>>> {
        match self {
            Self::Whole(body) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map(|frame| (frame, None))))
            }
            Self::Parts(parts, _) => parts.as_mut().poll_next(cx),
        }
    }

    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Parts(_, last) => last.ended.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_cut_at_its_end(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_cut_at_its_end(),
            Self::Parts(_, last) => last.cut.load(Ordering::Relaxed),
        }
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Parts(..) => SizeHint::new(),
        }
    }
}

/// The state after the last part. hyper does not poll further if the length is declared.
#[derive(Debug, Default)]
pub(super) struct Last {
    ended: AtomicBool,
    cut: AtomicBool,
}

/// The kind of parts that a body consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Events,
    Chunks,
}

impl Kind {
    /// Returns the parts that rules can match in a response; `None` if its body passes unsplit.
    pub(super) fn of(gate: &Gate, request: &Request, response: &Response) -> Option<Self> {
        let headers = response.headers();
        if gate.may_want(StageName::Chunk, request, response) {
            return Some(Self::Chunks);
        }
        let is_event_stream = is_of_type(headers, "text/event-stream");
        if is_event_stream && headers.contains_key(http::header::CONTENT_ENCODING) {
            let what = format!("{}: an event stream with a content-encoding passes unread", request.url());
            gate.journal.write(Event::Trouble { fault: Fault::new(FaultStage::Exchange, what) });
            return None;
        }
        // Rules may be declared later.
        is_event_stream.then_some(Self::Events)
    }
}

fn is_of_type(headers: &HeaderMap, kind: &str) -> bool {
    headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|said| said.to_str().ok())
        .is_some_and(|said| said.starts_with(kind))
}

/// A body that is split into parts, and the gate that they pass.
pub(super) struct Parted {
    source: Shaped,
    /// Set when the source has ended, with the error if it broke off.
    ended: Option<Option<Broken>>,
    lane: Lane<Frame<Bytes>>,
    gate: Arc<Gate>,
    stream: Arc<Stream>,
    cutter: Cutter,
    /// The switch of the connection, if it is HTTP/1.
    reset: Option<Switch>,
}

enum Cutter {
    Events(Parser),
    Chunks { offset: u64, by_lines: bool },
}

impl Cutter {
    /// Returns whether an event was passed on in part.
    fn is_inside(&self) -> bool {
        matches!(self, Self::Events(parser) if parser.is_inside())
    }
}

impl Parted {
    pub(super) fn new(kind: Kind, source: Shaped, gate: &Arc<Gate>, stream: Stream, reset: Option<Switch>) -> Self {
        let headers = stream.response.headers();
        let by_lines = ["application/x-ndjson", "application/jsonl", "application/x-jsonlines"];
        let cutter = match kind {
            Kind::Events => Cutter::Events(Parser::default()),
            Kind::Chunks => {
                Cutter::Chunks { offset: 0, by_lines: by_lines.iter().any(|kind| is_of_type(headers, kind)) }
            }
        };
        let injected = match kind {
            Kind::Events => gate.open(stream.flow, StageName::Event, None),
            Kind::Chunks => mpsc::unbounded_channel().1,
        };
        let stream = Arc::new(stream);
        let lane = Lane::new(gate, &stream, &Arc::default(), injected);
        Self { source, ended: None, lane, gate: Arc::clone(gate), stream, cutter, reset }
    }

    pub(super) fn into_body(self) -> Outgoing {
        let last = Arc::<Last>::default();
        let noted = Arc::clone(&last);
        let next = move |mut this: Self| {
            let noted = Arc::clone(&noted);
            async move {
                let sent = this.next().await?;
                this.note(&noted);
                Some((sent, this))
            }
        };
        Outgoing::Parts(Box::pin(futures_util::stream::unfold(self, next)), last)
    }

    async fn next(&mut self) -> Option<Result<Sent, Broken>> {
        loop {
            if self.ended.is_some() && self.lane.is_empty() {
                return self.end();
            }
            tokio::select! {
                biased;
                // Nothing is injected into the middle of an event.
                leaving = self.lane.next(!self.cutter.is_inside()) => if let Some(sent) = self.leave(leaving) {
                    return Some(sent);
                },
                frame = self.source.frame(), if self.ended.is_none() && self.lane.has_room() => {
                    self.take(frame);
                    if let Some(tail) = self.tail_that_nobody_wants() {
                        return Some(Ok((Frame::data(tail), None)));
                    }
                }
            }
        }
    }

    /// Records whether the frame that goes out now is the last.
    fn note(&self, last: &Last) {
        let is_last = self.lane.is_empty() && !matches!(&self.cutter, Cutter::Events(parser) if parser.has_tail());
        last.ended.store(is_last && self.source.is_end_stream(), Ordering::Relaxed);
        last.cut.store(is_last && self.source.is_cut_at_its_end(), Ordering::Relaxed);
    }

    fn take(&mut self, frame: Option<Result<Frame<Bytes>, Broken>>) {
        match frame.map(|frame| frame.map(Frame::into_data)) {
            None => self.ended = Some(None),
            Some(Err(broken)) => self.ended = Some(Some(broken)),
            Some(Ok(Ok(data))) => self.cut(data),
            Some(Ok(Err(trailers))) => self.lane.push_as_it_is(trailers, 0),
        }
    }

    /// Splits received bytes into parts.
    fn cut(&mut self, data: Bytes) {
        match &mut self.cutter {
            Cutter::Events(parser) => {
                let was_too_long = parser.is_too_long();
                let blocks = parser.push(&data);
                if parser.is_too_long() && !was_too_long {
                    let (url, limit) = (self.stream.request.url(), events::LONGEST);
                    let what =
                        format!("{url}: an event of more than {limit} bytes passes, and no rule has looked at it");
                    self.gate.journal.write(Event::Trouble { fault: Fault::new(FaultStage::Body, what) });
                }
                for block in blocks {
                    let (size, raw) = (block.raw.len(), Frame::data(block.raw));
                    match block.event {
                        Some(event) if !block.is_rest => self.lane.push(Part::Event(event), raw),
                        // No rule matched when its beginning passed.
                        Some(event) => self.lane.push_unasked(&Part::Event(event), raw),
                        None => self.lane.push_as_it_is(raw, size),
                    }
                }
            }
            Cutter::Chunks { offset, by_lines } => {
                let cuts = self.gate.cuts(&self.stream);
                let mut rest = data;
                while !rest.is_empty() {
                    let bytes = rest.split_to(next_cut(*offset, &rest, &cuts, *by_lines));
                    let part = Part::Chunk(Chunk { offset: *offset, bytes: bytes.clone() });
                    *offset += bytes.len() as u64;
                    self.lane.push(part, Frame::data(bytes));
                }
            }
        }
    }

    /// Returns the bytes of an incomplete event, which pass at once if no rule may match it.
    fn tail_that_nobody_wants(&mut self) -> Option<Bytes> {
        let Cutter::Events(parser) = &mut self.cutter else { return None };
        let is_free = parser.has_tail()
            && self.lane.is_empty()
            && !self.gate.may_want(StageName::Event, &self.stream.request, &self.stream.response);
        is_free.then(|| parser.take_tail())
    }

    fn leave(&mut self, leaving: Leaving<Frame<Bytes>>) -> Option<Result<Sent, Broken>> {
        let passed = match leaving {
            Leaving::Part(passed) => passed,
            Leaving::Injected(part, guard) => return wire(&part).map(|wire| Ok((Frame::data(wire), Some(guard)))),
        };
        match passed.outcome {
            PartOutcome::On | PartOutcome::Ahead(_) => {
                let changed = passed.changed.as_ref().and_then(wire).map(Frame::data);
                Some(Ok((changed.unwrap_or(passed.wire), passed.guard)))
            }
            PartOutcome::Discarded => {
                passed.abort();
                None
            }
            PartOutcome::Cut(kind) => {
                passed.abort();
                self.lane.cut();
                if kind == AbortKind::Reset
                    && let Some(reset) = &self.reset
                {
                    reset.store(true, Ordering::Relaxed);
                }
                let reason = if kind == AbortKind::Reset { h2::Reason::INTERNAL_ERROR } else { h2::Reason::CANCEL };
                Some(Err(Broken::Cut(reason.into())))
            }
        }
    }

    /// Returns an incomplete event, then the error that broke the stream off.
    fn end(&mut self) -> Option<Result<Sent, Broken>> {
        if let Cutter::Events(parser) = &mut self.cutter {
            let tail = parser.take_tail();
            if !tail.is_empty() {
                return Some(Ok((Frame::data(tail), None)));
            }
        }
        self.ended.as_mut().and_then(Option::take).map(Err)
    }
}

/// Returns the bytes of a changed or injected event.
fn wire(part: &Part) -> Option<Bytes> {
    match part {
        Part::Event(event) => Some(event.wire()),
        Part::Message(_) | Part::Chunk(_) => None,
    }
}

/// Returns the length of the next chunk: up to the end of a line, or to where a rule splits the body.
fn next_cut(offset: u64, data: &[u8], cuts: &[u64], by_lines: bool) -> usize {
    let line = data.iter().position(|byte| by_lines && *byte == b'\n').map(|at| at + 1);
    let within = cuts.iter().filter_map(|cut| usize::try_from(cut.checked_sub(offset)?).ok());
    within.filter(|cut| *cut > 0).chain(line).chain([data.len()]).min().unwrap_or(data.len()).min(data.len())
}

/// Checks that a stream passes unchanged in pieces of a given size.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(stream: &[u8], size: usize) {
    let (mut parser, mut passed) = (Parser::default(), Vec::new());
    for (n, piece) in stream.chunks(size).enumerate() {
        parser.push(piece).iter().for_each(|block| passed.extend_from_slice(&block.raw));
        if n % 3 == 0 {
            passed.extend_from_slice(&parser.take_tail());
        }
    }
    passed.extend_from_slice(&parser.take_tail());
    assert_eq!(passed, stream);
}

#[cfg(test)]
mod tests {
    use super::next_cut;

    #[test]
    fn chunks_end_where_a_rule_or_a_line_says() {
        assert_eq!(next_cut(0, b"abcdef", &[], false), 6);
        assert_eq!(next_cut(0, b"abcdef", &[4, 2, 0], false), 2);
        assert_eq!(next_cut(2, b"cdef", &[4, 2, 0], false), 2);
        assert_eq!(next_cut(4, b"ef", &[4, 2, 99], false), 2);
        assert_eq!(next_cut(0, b"a\nb\n", &[], true), 2);
    }
}
