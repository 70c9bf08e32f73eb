//! What a person has done, and the test that does it again. Pure.

use crate::flow::{FlowId, StageName};
use crate::journal::Entry;
use crate::record::{Verdict, session_test};

/// The verdicts of a session, in their order.
#[derive(Debug, Default)]
pub(super) struct Session(Vec<(FlowId, StageName, Verdict)>);

impl Session {
    pub(super) fn note(&mut self, flow: FlowId, stage: StageName, verdict: Verdict) {
        self.0.push((flow, stage, verdict));
    }

    /// Returns the session as the text of a test.
    pub(super) fn test(&self, entries: &[Entry]) -> String {
        session_test(entries, &self.0)
    }
}
