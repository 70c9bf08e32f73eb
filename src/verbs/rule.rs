//! The handle of every verb that acts without the test looking.

use super::scene;
use crate::desk;
use crate::flow::Place;
use crate::proxy::Gate;
use crate::report::{Failure, never_applied};
use std::sync::Arc;

/// A rule in force. It stays so until the test ends or it is [removed](Self::remove); dropping the handle changes nothing.
#[derive(Clone, Debug)]
pub struct Rule {
    gate: Arc<Gate>,
    rule: Arc<desk::Rule>,
}

impl Rule {
    pub(crate) fn new(gate: Arc<Gate>, rule: Arc<desk::Rule>) -> Self {
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

    /// Makes sure that the rule was applied.
    ///
    /// # Errors
    /// When it never was: says which flow came nearest, and why that did not match.
    #[track_caller]
    pub fn assert_applied(&self) -> Result<(), Failure> {
        if self.hits() > 0 {
            return Ok(());
        }
        Err(never_applied(&scene(&self.gate), &self.rule, Place::here()))
    }

    /// Takes the rule back. What it has done is done.
    pub fn remove(self) {
        self.gate.remove(self.rule.id);
    }
}
