//! What passes between a parked flow and the test that holds it.

use super::{End, Gate};
use crate::flow::{Fault, FlowId, Part, Place, Request, Response};
use crate::rules::AbortKind;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What the test gets to see of a parked flow.
#[derive(Debug)]
pub(crate) struct HeldParts {
    pub(crate) flow: FlowId,
    pub(crate) request: Request,
    /// There at the response stage.
    pub(crate) response: Option<Response>,
    /// There at the stages of parts.
    pub(crate) part: Option<Part>,
    pub(crate) end: End,
}

/// What a test can ask of a flow that is parked.
#[derive(Debug)]
pub(crate) enum Order {
    /// Read the body, and stay parked.
    Read(oneshot::Sender<Result<Bytes, Fault>>),
    /// Be parked no longer. The number tells what the test has said first.
    Verdict(u64, Verdict),
}

/// What becomes of a parked flow. A flow gets one, and only one.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Go on, with these edits.
    Release(Heads),
    /// Go on once another flow has ended.
    ReleaseAfter(End, Heads),
    /// Go on to the upstream, and come back with the response to the line that asked.
    Advance(Heads, Place, oneshot::Sender<Handover>),
    /// Be answered with this.
    Respond(Box<Response>),
    /// Never arrive: of a part, whose stream goes on.
    Discard,
    /// Be cut off.
    Abort(AbortKind),
}

/// A flow on its way into the hands of the test. If it does not arrive there, it is released: the future that was to take it
/// was dropped.
#[derive(Debug)]
pub(crate) struct Handover {
    gate: Arc<Gate>,
    parts: Option<HeldParts>,
}

impl Handover {
    pub(super) fn new(gate: &Arc<Gate>, parts: HeldParts) -> Self {
        Self { gate: Arc::clone(gate), parts: Some(parts) }
    }

    /// The flow; from now on it is the caller's.
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

/// What the test has edited, if it did.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    pub(crate) request: Option<Box<Request>>,
    pub(crate) response: Option<Box<Response>>,
    pub(crate) part: Option<Part>,
}
