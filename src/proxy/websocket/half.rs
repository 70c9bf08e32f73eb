//! One direction of a WebSocket.

use super::assembly::{Assembled, Assembly, Unreadable};
use super::frame::{self, CLOSE, Frame};
use super::{End, Ends};
use crate::crypto;
use crate::flow::{Direction, Fault, FaultStage, Message, Opcode, Outcome, Part, StageName};
use crate::journal::Event;
use crate::proxy::flow_guard::FlowGuard;
use crate::proxy::gate::{Gate, Injected, PartOutcome, Stream};
use crate::proxy::stream::{Lane, Leaving, Passed};
use crate::rules::AbortKind;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// A message's frames as received.
pub(super) struct Wire {
    frames: Vec<Bytes>,
    /// The inflated payload of a compressed message.
    inflated: Option<(Opcode, Bytes)>,
}

/// One direction of a WebSocket.
pub(super) struct Half {
    direction: Direction,
    gate: Arc<Gate>,
    stream: Arc<Stream>,
    ends: Ends,
    buffer: BytesMut,
    assembly: Assembly,
    lane: Lane<Wire>,
    /// Whether the current message passes frame by frame.
    live: bool,
    /// Whether everything from here on passes unread.
    unread: bool,
    /// Whether the upstream takes no more bytes; what is sent to it is lost.
    deaf: bool,
    /// Set when a rule or the test cuts the socket off.
    cut: Option<AbortKind>,
    /// Whether a compressed message was changed, dropped or reordered: later ones refer to what the other end lacks.
    diverged: bool,
}

impl Half {
    pub(super) fn new(
        direction: Direction,
        gate: &Arc<Gate>,
        stream: &Arc<Stream>,
        numbers: &Arc<AtomicU64>,
        ends: &Ends,
        inflates: bool,
        injected: Injected,
    ) -> Self {
        Self {
            direction,
            gate: Arc::clone(gate),
            stream: Arc::clone(stream),
            ends: ends.clone(),
            buffer: BytesMut::new(),
            assembly: Assembly::new(direction, inflates, gate.body_limit()),
            lane: Lane::new(gate, stream, numbers, injected),
            live: false,
            unread: false,
            deaf: false,
            cut: None,
            diverged: false,
        }
    }

    /// Relays this direction to its end.
    pub(super) async fn run(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<End> {
        let (mut ended, mut given_up) = (false, false);
        let mut other = self.other_end().subscribe();
        loop {
            if let Some(kind) = self.cut {
                return Ok(End::Cut(kind));
            }
            if ended && self.lane.is_empty() {
                // An error means that the other end has closed it.
                let _ = to.shutdown().await;
                return Ok(End::Over);
            }
            tokio::select! {
                biased;
                () = gone(&mut other), if !given_up => {
                    given_up = true;
                    self.lane.give_up(self.loss());
                }
                leaving = self.lane.next(!self.is_inside()) => self.leave(leaving, &mut to).await?,
                read = from.read_buf(&mut self.buffer), if !ended && self.lane.has_room() => {
                    ended = !read.is_ok_and(|size| size > 0);
                    if ended {
                        self.own_end().send_replace(true);
                    }
                    self.take(given_up, &mut to).await?;
                }
            }
        }
    }

    /// Returns whether a message was passed on in part: nothing else may go between its frames.
    fn is_inside(&self) -> bool {
        self.live && self.assembly.is_open()
    }

    /// Returns the signal that the source of this direction has ended.
    fn own_end(&self) -> &watch::Sender<bool> {
        match self.direction {
            Direction::ToServer => &self.ends.client,
            Direction::ToClient => &self.ends.upstream,
        }
    }

    /// Returns the signal that the destination of this direction is gone.
    fn other_end(&self) -> &watch::Sender<bool> {
        match self.direction {
            Direction::ToServer => &self.ends.upstream,
            Direction::ToClient => &self.ends.client,
        }
    }

    /// Returns why messages of this direction are lost, unless the client is gone.
    fn loss(&self) -> Option<Fault> {
        let is_of_upstream = self.direction == Direction::ToServer;
        is_of_upstream.then(|| Fault::new(FaultStage::Exchange, "the upstream has closed the WebSocket"))
    }

    /// Handles the frames in the buffer.
    async fn take(&mut self, given_up: bool, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.unread && self.cut.is_none() {
            let frame = match Frame::take(&mut self.buffer, self.gate.body_limit()) {
                Ok(Some(frame)) => frame,
                Ok(None) => return self.flush(to).await,
                Err(frame::TooLong) => {
                    self.pass_unread("a frame is too long");
                    break;
                }
            };
            if frame.is_control() {
                self.control(&frame, to).await?;
            } else {
                self.data(&frame, given_up, to).await?;
            }
        }
        let rest = self.buffer.split().freeze();
        if !rest.is_empty() {
            self.pass(rest, to).await?;
        }
        self.flush(to).await
    }

    /// Handles a control frame. Pings and pongs overtake parked messages only; a close waits behind everything.
    async fn control(&mut self, frame: &Frame, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Some(ready) = self.lane.next(!self.is_inside()).now_or_never() {
            self.leave(ready, to).await?;
        }
        if frame.opcode() != CLOSE {
            return self.put(&frame.raw, to).await;
        }
        self.lane.close_to_injected();
        if self.direction == Direction::ToServer {
            self.own_end().send_replace(true);
        }
        self.pass(frame.raw.clone(), to).await
    }

    async fn data(&mut self, frame: &Frame, given_up: bool, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if !self.assembly.is_open() {
            let Stream { request, response, .. } = &*self.stream;
            let is_wanted = !given_up && self.gate.may_want(StageName::Message, request, response);
            self.live = !is_wanted && !self.diverged && self.lane.is_empty();
        }
        match (self.assembly.push(frame), self.live) {
            (Ok(None), false) => {}
            (Ok(None), true) => self.put(&frame.raw, to).await?,
            (Ok(Some(Assembled { message, .. })), true) => {
                // The journal records it before its last byte leaves.
                let guard = self.lane.guard(&Part::Message(message));
                self.put(&frame.raw, to).await?;
                self.flush(to).await?;
                self.delivered(guard);
            }
            (Ok(Some(Assembled { message, frames, compressed })), false) => {
                let inflated = compressed.then(|| (message.opcode, message.payload.clone()));
                self.lane.push(Part::Message(message), Wire { frames, inflated });
            }
            (Err((frames, why)), live) => {
                self.pass_unread(why);
                if live {
                    return self.put(&frame.raw, to).await;
                }
                let size = frames.iter().map(Bytes::len).sum();
                self.lane.push_as_it_is(Wire { frames, inflated: None }, size);
            }
        }
        Ok(())
    }

    /// Passes bytes that are no message, behind what came before them.
    async fn pass(&mut self, raw: Bytes, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.lane.is_empty() {
            return self.put(&raw, to).await;
        }
        let size = raw.len();
        self.lane.push_as_it_is(Wire { frames: vec![raw], inflated: None }, size);
        Ok(())
    }

    fn pass_unread(&mut self, why: Unreadable) {
        self.unread = true;
        // The frame boundaries are unknown from here on, so nothing can be injected.
        self.lane.close_to_injected();
        let (flow, direction) = (self.stream.flow, self.direction.as_str());
        let what = format!("the messages {direction} of {flow} pass unread from here on: {why}");
        self.gate.journal.write(Event::Trouble { fault: Fault::new(FaultStage::Exchange, what) });
    }

    /// Writes what has left the gate.
    async fn leave(&mut self, leaving: Leaving<Wire>, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let passed = match leaving {
            Leaving::Part(passed) => passed,
            Leaving::Injected(part, guard) => return self.inject(&part, guard, to).await,
        };
        let Passed { outcome, wire, changed, .. } = &passed;
        // The other end inflates messages in the order in which they were deflated.
        self.diverged |= wire.inflated.is_some() && (*outcome != PartOutcome::On || changed.is_some());
        match outcome {
            PartOutcome::On | PartOutcome::Ahead(_) => {}
            PartOutcome::Discarded => {
                passed.abort();
                return Ok(());
            }
            PartOutcome::Cut(kind) => {
                self.cut = Some(*kind);
                self.lane.cut();
                passed.abort();
                return Ok(());
            }
        }
        match (changed, &wire.inflated) {
            (Some(Part::Message(message)), _) => {
                self.put(&self.frame(message.opcode, &message.payload), to).await?;
            }
            (_, Some((opcode, payload))) if self.diverged => self.put(&self.frame(*opcode, payload), to).await?,
            _ => {
                for frame in &wire.frames {
                    self.put(frame, to).await?;
                }
            }
        }
        self.flush(to).await?;
        if let Some(guard) = passed.guard {
            self.delivered(guard);
        }
        Ok(())
    }

    /// Writes an injected message.
    async fn inject(&mut self, part: &Part, guard: FlowGuard, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let Part::Message(Message { opcode, payload, .. }) = part else { return Ok(()) };
        self.put(&self.frame(*opcode, payload), to).await?;
        self.flush(to).await?;
        self.delivered(guard);
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let written = if self.deaf { Ok(()) } else { to.write_all(bytes).await };
        self.heard(written)
    }

    async fn flush(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let flushed = if self.deaf { Ok(()) } else { to.flush().await };
        self.heard(flushed)
    }

    /// Ignores a failed write to the upstream: messages from it may still be held, and go on to the page.
    fn heard(&mut self, done: io::Result<()>) -> io::Result<()> {
        if done.is_err() && self.direction == Direction::ToServer {
            self.deaf = true;
            self.lane.give_up(self.loss());
            return Ok(());
        }
        done
    }

    /// Ends a written part as delivered, unless the upstream takes no more bytes.
    fn delivered(&self, guard: FlowGuard) {
        if !self.deaf {
            guard.end(Outcome::Delivered);
        }
    }

    /// Builds a frame. The frames of a client are masked with an unpredictable key.
    fn frame(&self, opcode: Opcode, payload: &[u8]) -> Bytes {
        let mut mask = [0; 4];
        let is_masked = self.direction == Direction::ToServer && crypto::random(&mut mask).is_ok();
        frame::write(opcode, payload, is_masked.then_some(mask))
    }
}

/// Resolves when an end is gone.
async fn gone(end: &mut watch::Receiver<bool>) {
    // A sender that is dropped means that the socket is gone.
    let _ = end.wait_for(|gone| *gone).await;
}
