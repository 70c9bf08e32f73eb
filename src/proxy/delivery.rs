//! The end of a flow: delivered, cut off, or given up by its client. Whoever drops a ticket says that the client is gone.

use super::body::Source;
use super::gate::Gate;
use crate::flow::{Fault, FaultStage, FlowId, Outcome};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

/// The right to end a flow, once. It travels with the flow: from the service to the body to the last flush. hyper drops
/// what a client no longer waits for, so a ticket that is dropped unused means that the client is gone.
#[derive(Debug)]
pub(super) struct Ticket {
    flow: FlowId,
    gate: Arc<Gate>,
    ended: bool,
}

impl Ticket {
    pub(super) fn new(flow: FlowId, gate: Arc<Gate>) -> Self {
        Self { flow, gate, ended: false }
    }

    pub(super) fn flow(&self) -> FlowId {
        self.flow
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        self.end_now(outcome);
    }

    fn end_now(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.ended, true) {
            self.gate.end(self.flow, outcome);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() {
            Outcome::Failed(Fault::new(FaultStage::Internal, "the proxy panicked; this is a bug of Holdup"))
        } else {
            Outcome::ClientGone
        };
        self.end_now(outcome);
    }
}

/// The flows of one connection whose last byte is written and waits for the flush.
///
/// hyper drops a body right after it has put its end into the connection's buffers, and everything of a connection runs
/// in one task ([`streams`](super::streams)), so the next flush that succeeds has carried it to the socket.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    waiting: Mutex<Vec<Ticket>>,
    count: AtomicUsize,
}

impl Flushes {
    fn push(&self, ticket: Ticket) {
        // Tickets are pushed and taken whole, so a panic elsewhere leaves the list intact.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Everything that was written so far is with the socket.
    pub(super) fn flushed(&self) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let done = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.count.fetch_sub(done.len(), Ordering::AcqRel);
        done.into_iter().for_each(|ticket| ticket.end(Outcome::Delivered));
    }
}

/// The body that goes to the browser, with the flow's ticket.
#[derive(Debug)]
pub(super) struct Delivery {
    source: Source,
    ticket: Option<Ticket>,
    flushes: Arc<Flushes>,
    state: State,
}

#[derive(Debug)]
enum State {
    Streaming,
    Finished,
    Broken(Fault),
}

impl Delivery {
    pub(super) fn new(source: Source, ticket: Option<Ticket>, flushes: Arc<Flushes>) -> Self {
        Self { source, ticket, flushes, state: State::Streaming }
    }
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = ready!(Pin::new(&mut self.source).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) if frame.is_data() => {}
            Some(Err(error)) => {
                let what = "the upstream broke off in the middle of the body";
                self.state = State::Broken(Fault::from_error(FaultStage::Body, what, error));
            }
            // Trailers are last.
            Some(Ok(_)) | None => self.state = State::Finished,
        }
        Poll::Ready(frame)
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
        let Some(ticket) = self.ticket.take() else { return };
        match std::mem::replace(&mut self.state, State::Finished) {
            State::Broken(fault) => ticket.end(Outcome::Failed(fault)),
            State::Streaming if !self.source.is_end_stream() => drop(ticket),
            State::Streaming | State::Finished => self.flushes.push(ticket),
        }
    }
}
