//! The guard that ends a flow.

use super::capture::Capture;
use super::gate::Gate;
use crate::flow::{Fault, FaultStage, FlowId, Outcome, StageName};
use crate::journal::Event;
use std::sync::{Arc, OnceLock};

/// Ends a flow exactly once. It moves with the flow: from the service to the body to the last flush.
///
/// hyper drops whatever a client no longer waits for, so a guard that is dropped unused ends the flow with
/// [`Outcome::ClientGone`], or as failed while the thread panics.
#[derive(Debug)]
pub(super) struct FlowGuard {
    flow: FlowId,
    gate: Arc<Gate>,
    ended: bool,
    /// The bodies of the flow, as they are sent.
    captures: Vec<(StageName, Capture)>,
    /// The outcome of an unused drop, if it is not that the client is gone.
    lost: Option<Arc<OnceLock<Outcome>>>,
}

impl FlowGuard {
    pub(super) fn new(flow: FlowId, gate: Arc<Gate>) -> Self {
        Self { flow, gate, ended: false, captures: Vec::new(), lost: None }
    }

    /// Creates the guard of a part of a stream. `lost` is the outcome of an unused drop, once set.
    pub(super) fn of_part(flow: FlowId, gate: Arc<Gate>, lost: Arc<OnceLock<Outcome>>) -> Self {
        Self { flow, gate, ended: false, captures: Vec::new(), lost: Some(lost) }
    }

    pub(super) fn flow(&self) -> FlowId {
        self.flow
    }

    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Journals the start of the flow's body at `stage` when the flow ends. Returns what the body writes to.
    pub(super) fn capture(&mut self, stage: StageName) -> Capture {
        let capture = Capture::new(self.gate.budget());
        self.captures.push((stage, capture.clone()));
        capture
    }

    pub(super) fn end(mut self, outcome: Outcome) {
        self.end_now(outcome);
    }

    fn end_now(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.ended, true) {
            let flow = self.flow;
            let body = |(stage, capture): (StageName, Capture)| {
                capture.take().map(|(start, size)| Event::Body { flow, stage, start, size })
            };
            let mut bodies = self.captures.drain(..).filter_map(body);
            let last = bodies.next_back();
            bodies.for_each(|body| self.gate.journal.write(body));
            self.gate.end(flow, last, outcome);
        }
    }
}

impl Drop for FlowGuard {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() {
            Outcome::Failed(Fault::new(FaultStage::Internal, "the proxy panicked; this is a bug of Holdup"))
        } else {
            let lost = self.lost.as_ref().and_then(|lost| lost.get());
            lost.cloned().unwrap_or(Outcome::ClientGone)
        };
        self.end_now(outcome);
    }
}
