//! What the log knows of each flow, by the flow's number. Pure.

use crate::flow::FlowId;
use std::collections::VecDeque;

/// A table without gaps, since numbers are given in order: a look-up is one index.
#[derive(Debug, Default)]
pub(super) struct Known {
    flows: VecDeque<Flow>,
    /// The number of the first.
    first: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// Whether it has begun, and was not removed.
    pub(super) is_known: bool,
    /// Whether it has not ended.
    pub(super) is_live: bool,
    /// Whether it is a WebSocket that is not closed. `Ended` means that the socket is open, `Closed` that it is closed.
    pub(super) is_socket: bool,
    /// Whether its entries are being removed.
    pub(super) is_going: bool,
    /// The size of its entries, and their number.
    pub(super) bytes: usize,
    pub(super) entries: usize,
}

impl Known {
    pub(super) fn get(&self, id: FlowId) -> Option<&Flow> {
        self.flows.get(self.at(id)?)
    }

    pub(super) fn get_mut(&mut self, id: FlowId) -> Option<&mut Flow> {
        let at = self.at(id)?;
        self.flows.get_mut(at)
    }

    /// Notes that a flow has begun.
    pub(super) fn begin(&mut self, id: FlowId) {
        if self.flows.is_empty() {
            self.first = id.number();
        }
        // Two that begin at the same time may be noted in the other order.
        while id.number() < self.first {
            self.flows.push_front(Flow::default());
            self.first -= 1;
        }
        let at = self.at(id).unwrap_or_default();
        if at >= self.flows.len() {
            self.flows.resize(at + 1, Flow::default());
        }
        if let Some(flow) = self.flows.get_mut(at) {
            (flow.is_known, flow.is_live) = (true, true);
        }
    }

    /// Lets go of what was removed and is before all others.
    pub(super) fn trim(&mut self) {
        while self.flows.front().is_some_and(|flow| !flow.is_known) {
            self.flows.pop_front();
            self.first += 1;
        }
    }

    fn at(&self, id: FlowId) -> Option<usize> {
        usize::try_from(id.number().checked_sub(self.first)?).ok()
    }
}
