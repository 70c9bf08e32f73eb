//! What a test has left behind.

use super::Mitm;
use crate::flow::Place;
use crate::report::{Failure, finding, footer, page_errors, rule_faults};
use crate::rules::Finding;
use crate::verbs::report_context;

impl Mitm {
    /// Returns what the test has left behind so far.
    pub(crate) fn findings(&self) -> Vec<Failure> {
        let context = report_context(&self.0.gate);
        let left = self.0.gate.audit();
        let findings = left.iter().map(|left| finding(left, &context)).chain(rule_faults(&context));
        findings.chain(self.0.context.replays.missed()).collect()
    }

    /// Returns a failure if pages had errors that nothing in them caught.
    pub(crate) fn page_errors(&self, place: Place) -> Option<Failure> {
        page_errors(&report_context(&self.0.gate), place)
    }

    /// Returns the flows that have no verdict.
    pub(crate) fn still_parked(&self) -> Vec<Failure> {
        let context = report_context(&self.0.gate);
        let parked = self.0.gate.audit().into_iter().filter(|left| matches!(left, Finding::StillParked(..)));
        parked.map(|left| finding(&left, &context)).collect()
    }

    /// Returns the footer of every failure.
    pub(crate) fn footer(&self) -> String {
        footer(&report_context(&self.0.gate), &self.0.gate.idle(), self.0.gate.seed())
    }
}
