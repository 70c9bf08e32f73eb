//! The handle of every verb except `hold!` and `watch!`.

use super::{Applied, report_context};
use crate::crypto;
use crate::flow::Place;
use crate::proxy::Gate;
use crate::report::{Failure, never_applied, was_refused};
use crate::rules;
use std::sync::Arc;

/// A rule that acts on matching flows.
///
/// The rule is active until the test ends or [`remove`](Self::remove) is called; dropping the handle changes nothing.
#[derive(Clone, Debug)]
pub struct Rule {
    gate: Arc<Gate>,
    rule: Arc<rules::Rule>,
}

impl Rule {
    pub(crate) fn new(gate: Arc<Gate>, rule: Arc<rules::Rule>) -> Self {
        Self { gate, rule }
    }

    /// Limits the rule to the first `n` matching flows, counted from its declaration.
    #[expect(clippy::must_use_candidate, reason = "a statement: the rule lives on without its handle")]
    pub fn times(self, n: u64) -> Self {
        self.gate.limit(self.rule.id, n);
        self
    }

    /// Limits the rule to the first matching flow.
    #[expect(clippy::must_use_candidate, reason = "a statement: the rule lives on without its handle")]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Returns how many flows the rule was applied to, counted when they match.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.gate.hits(self.rule.id)
    }

    /// Checks that the rule was applied, and returns what it did.
    ///
    /// For a rule that changes bodies, the result has both bodies and a diff:
    /// `println!("{}", fix.assert_applied()?.diff())`.
    ///
    /// # Errors
    /// When the rule was never applied; the failure names the flow that came nearest, and why it did not match. Also
    /// when a page has refused the result because an element pins other bytes by `integrity`, which is known once
    /// `browser.settled()` or `processed()` has queried the page.
    #[track_caller]
    pub fn assert_applied(&self) -> Result<Applied, Failure> {
        if self.hits() == 0 {
            return Err(never_applied(&report_context(&self.gate), &self.rule, Place::here()));
        }
        let applied = self.gate.applied(self.rule.id);
        match applied.as_ref().filter(|applied| self.gate.journal.was_refused(applied.flow, &applied.url)) {
            Some(refused) => Err(was_refused(&self.rule, refused.flow, &refused.url, Place::here())),
            None => Ok(Applied(applied)),
        }
    }

    /// Returns the SHA-256 of the last upstream body that the rule changed.
    ///
    /// The content-encoding is undone first, and the digest is in hexadecimal. It shows whether production has changed
    /// since a local copy was taken.
    ///
    /// # Errors
    /// When the rule was never applied, when it changes no bodies, or when the upstream's body could not be read;
    /// otherwise like [`assert_applied`](Self::assert_applied).
    #[track_caller]
    pub fn upstream_sha256(&self) -> Result<String, Failure> {
        let applied = self.assert_applied()?;
        let Some(upstream) = applied.upstream() else {
            let what = format!("{} was applied to no upstream body that could be read", self.rule);
            return Err(Failure::bare(what).at(Place::here()));
        };
        Ok(crypto::sha256(upstream).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Removes the rule. Flows that it has already changed stay changed.
    pub fn remove(self) {
        self.gate.remove(self.rule.id);
    }
}
