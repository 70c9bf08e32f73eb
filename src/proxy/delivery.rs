//! The end of a flow: delivered, cut off, or abandoned by its client. A guard that is dropped unused reports the last.

use super::body::BodyError;
use super::flow_guard::FlowGuard;
use super::flushes::Flushes;
use super::shaping::Broken;
use super::stream::{Outgoing, Sent};
use crate::flow::{Fault, FaultStage, Outcome};
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// State that a body shares with its chunks. The outcome of the flow is known when the last of them is dropped.
#[derive(Debug)]
struct BodyState {
    guard: Option<FlowGuard>,
    flushes: Arc<Flushes>,
    end: Mutex<End>,
    /// Whether a chunk was dropped before all of it was written.
    cut: AtomicBool,
}

#[derive(Debug)]
enum End {
    Streaming,
    Finished,
    /// By a rule.
    Cut,
    Broken(Fault),
}

impl Drop for BodyState {
    fn drop(&mut self) {
        let Some(guard) = self.guard.take() else { return };
        match std::mem::replace(self.end.get_mut().unwrap_or_else(PoisonError::into_inner), End::Streaming) {
            End::Broken(fault) => guard.end(Outcome::Failed(fault)),
            End::Cut => guard.end(Outcome::Aborted),
            End::Finished if !*self.cut.get_mut() => self.flushes.push(guard),
            // The drop of the guard ends the flow.
            End::Finished | End::Streaming => {}
        }
    }
}

/// The body that is sent to the browser, with the flow's guard.
///
/// If it is dropped before its end, the flow ends with [`Outcome::ClientGone`].
pub(super) struct Delivery {
    source: Outgoing,
    state: Arc<BodyState>,
    /// The number of flushes when the last chunk was returned to hyper.
    handed_on: u64,
    /// An error that is returned once everything before it is with the socket: hyper discards unwritten data on an
    /// error.
    breaking: Option<Broken>,
}

impl Delivery {
    pub(super) fn new(source: Outgoing, guard: Option<FlowGuard>, flushes: Arc<Flushes>) -> Self {
        let handed_on = flushes.done();
        let state = BodyState { guard, flushes, end: Mutex::new(End::Streaming), cut: AtomicBool::new(false) };
        Self { source, state: Arc::new(state), handed_on, breaking: None }
    }

    /// Whether all chunks are with the socket. HTTP/1 copies a chunk and writes it at the next flush; HTTP/2 releases a
    /// chunk after the flush that carried it.
    fn is_written(&self) -> bool {
        Arc::strong_count(&self.state) == 1 && self.state.flushes.done() > self.handed_on
    }

    fn ends(&self, end: End) {
        *self.state.end.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

impl Body for Delivery {
    type Data = Piece;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Piece>, Broken>>> {
        let frame = match self.breaking.take() {
            Some(broken) => Some(Err(broken)),
            None => ready!(self.source.poll(cx)),
        };
        if matches!(frame, Some(Err(_))) && !self.is_written() {
            self.breaking = frame.and_then(Result::err);
            self.state.flushes.wake_at_next(cx.waker());
            return Poll::Pending;
        }
        match &frame {
            Some(Ok((frame, _))) if frame.is_data() => self.handed_on = self.state.flushes.done(),
            Some(Err(Broken::Cut(_))) => self.ends(End::Cut),
            Some(Err(Broken::Wire(error))) => {
                let what = match error {
                    BodyError::Wire(_) => "the upstream broke off in the middle of the body",
                    BodyError::File(_) => "replace! could not read its file to the end",
                };
                self.ends(End::Broken(Fault::from_error(FaultStage::Body, what, error)));
            }
            // Trailers are the last frame.
            Some(Ok(_)) | None => self.ends(End::Finished),
        }
        let state = Arc::clone(&self.state);
        let piece = |(frame, guard): Sent| frame.map_data(|bytes| Piece { bytes, state, guard });
        Poll::Ready(frame.map(|frame| frame.map(piece)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut end = self.state.end.lock().unwrap_or_else(PoisonError::into_inner);
        // hyper does not poll a body again that reports its end.
        if matches!(*end, End::Streaming) && self.source.is_end_stream() {
            *end = End::Finished;
        } else if matches!(*end, End::Streaming) && self.source.is_cut_at_its_end() {
            *end = End::Cut;
        }
    }
}

/// A piece of a body. hyper drops it once it is written, or when it is discarded.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Bytes,
    state: Arc<BodyState>,
    /// The guard of the part that ends with this piece.
    guard: Option<FlowGuard>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.bytes.has_remaining() {
            self.state.cut.store(true, Ordering::Relaxed);
        } else if let Some(guard) = self.guard.take() {
            self.state.flushes.push(guard);
        }
        self.state.flushes.wake();
    }
}
