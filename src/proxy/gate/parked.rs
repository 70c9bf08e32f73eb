//! The messages between a parked flow and the test that holds it.

use super::{End, Gate};
use crate::flow::{Fault, FlowId, Part, Place, Request, Response};
use crate::rules::AbortKind;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the test sees of a parked flow.
#[derive(Debug)]
pub(crate) struct HeldParts {
    pub(crate) flow: FlowId,
    pub(crate) request: Request,
    /// Set from the response stage on.
    pub(crate) response: Option<Response>,
    /// Set at the stages of parts.
    pub(crate) part: Option<Part>,
    pub(crate) end: End,
}

/// A command from the test to a parked flow.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read the body, and stay parked.
    Read(oneshot::Sender<Result<Bytes, Fault>>),
    /// Stop being parked. The number is the position of the decision among those of the test. Boxed, since a channel has
    /// room for 32.
    Verdict(u64, Box<Verdict>),
}

/// The decision on a parked flow. A flow gets at most one each time that it is parked.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Release it with these edits.
    Release(Heads),
    /// Release it when another flow has ended.
    ReleaseAfter(End, Heads),
    /// Send it to the upstream, and hand it back with its response to the test at this place.
    Advance(Heads, Place, oneshot::Sender<Handover>),
    /// Respond with this.
    Respond(Box<Response>),
    /// Drop this part; its stream goes on.
    Discard,
    /// Cut it off.
    Abort(AbortKind),
}

/// A flow on its way to the test. It is released if this is dropped before [`take`](Self::take): the test has then
/// dropped the future that waits for it.
#[derive(Debug)]
pub(crate) struct Handover {
    gate: Arc<Gate>,
    parts: Option<HeldParts>,
}

impl Handover {
    pub(super) fn new(gate: &Arc<Gate>, parts: HeldParts) -> Self {
        Self { gate: Arc::clone(gate), parts: Some(parts) }
    }

    /// Takes the flow, which the caller then has to release.
    pub(crate) fn take(mut self) -> Option<HeldParts> {
        self.parts.take()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let Some(parts) = &self.parts {
            let why = "released, since nobody waits for its response";
            self.gate.decide(parts.flow, why, None, Verdict::Release(Heads::default()));
        }
    }
}

/// What the test has edited, if anything.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: Option<Box<Request>>,
    pub(crate) response: Option<Box<Response>>,
    pub(crate) part: Option<Part>,
}
