//! The handle of every verb that acts without the test looking.

use super::{Applied, report_context};
use crate::crypto;
use crate::flow::Place;
use crate::proxy::Gate;
use crate::report::{Failure, never_applied, was_refused};
use crate::rules;
use std::sync::Arc;

/// A rule in force. It stays so until the test ends or it is [removed](Self::remove); dropping the handle changes nothing.
#[derive(Clone, Debug)]
pub struct Rule {
    gate: Arc<Gate>,
    rule: Arc<rules::Rule>,
}

impl Rule {
    pub(crate) fn new(gate: Arc<Gate>, rule: Arc<rules::Rule>) -> Self {
        Self { gate, rule }
    }

    /// Applies it to the first `n` matching flows only, counted from its declaration.
    #[expect(clippy::must_use_candidate, reason = "a statement: the rule lives on without its handle")]
    pub fn times(self, n: u64) -> Self {
        self.gate.limit(self.rule.id, n);
        self
    }

    /// Applies it to the first matching flow only.
    #[expect(clippy::must_use_candidate, reason = "a statement: the rule lives on without its handle")]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// How many flows it was applied to. Counted at the moment of the match.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.gate.hits(self.rule.id)
    }

    /// Makes sure that the rule was applied. Of a rule that changes bodies it gives both, and a diff:
    /// `println!("{}", fix.assert_applied()?.diff())`.
    ///
    /// # Errors
    /// When it never was: says which flow came nearest, and why that did not match. Also when a page has refused what it got,
    /// since an element pins other bytes by `integrity`: that is known once `browser.settled()` or `processed()` has asked the
    /// page.
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

    /// The SHA-256 of what upstream sent for the last body that the rule changed, with its content-encoding undone; in
    /// hexadecimal. To notice that production has changed since a local copy was taken.
    ///
    /// # Errors
    /// When the rule was never applied, changes no bodies, or upstream's body could not be read.
    #[track_caller]
    pub fn upstream_sha256(&self) -> Result<String, Failure> {
        let applied = self.assert_applied()?;
        let Some(upstream) = applied.upstream() else {
            let what = format!("{} has seen no body of its upstream that could be read", self.rule);
            return Err(Failure::bare(what).at(Place::here()));
        };
        Ok(crypto::sha256(upstream).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Takes the rule back. What it has done is done.
    pub fn remove(self) {
        self.gate.remove(self.rule.id);
    }
}
