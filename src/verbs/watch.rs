//! `watch!`: records matching flows without parking them.

use super::{PATIENCE, report_context};
use crate::flow::{Chunk, Exchange, Message, Part, Place, ServerEvent, Stage, Whole};
use crate::proxy::{Gate, Seen};
use crate::report::{Failure, expired};
use crate::rules;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A rule that records each matching flow, or part of a stream.
///
/// The rule is active until the test ends; dropping the handle changes nothing.
#[derive(Debug)]
pub struct Watch<S> {
    gate: Arc<Gate>,
    rule: Arc<rules::Rule>,
    patience: Duration,
    stage: PhantomData<S>,
}

impl<S: Stage> Watch<S> {
    pub(crate) fn new(gate: Arc<Gate>, rule: Arc<rules::Rule>) -> Self {
        Self { gate, rule, patience: PATIENCE, stage: PhantomData }
    }

    /// Sets the timeout of its waits; 5 seconds by default.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns how many flows or parts it has seen.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.gate.hits(self.rule.id)
    }

    async fn wait<T>(&self, place: Place, pick: impl Fn(Seen) -> Option<T> + Send) -> Result<T, Failure> {
        match tokio::time::timeout(self.patience, self.seen(pick)).await {
            Ok(seen) => Ok(seen),
            Err(_) => Err(expired(&report_context(&self.gate), &self.rule, self.patience, place)),
        }
    }

    async fn seen<T>(&self, pick: impl Fn(Seen) -> Option<T>) -> T {
        loop {
            let mut changed = std::pin::pin!(self.gate.changed());
            // Registered before the look, so that no change is missed.
            changed.as_mut().enable();
            // One that the journal has forgotten is passed over.
            while let Some(seen) = self.gate.take_watched(self.rule.id) {
                if let Some(seen) = pick(seen) {
                    return seen;
                }
            }
            changed.await;
        }
    }
}

impl<S: Whole> Watch<S> {
    /// Waits until a matching flow has ended, and returns its record.
    ///
    /// Each flow is returned once, in the order in which they end. The flow of a WebSocket ends when the socket is
    /// open. The future is cancel safe: dropping it loses no flow.
    ///
    /// # Errors
    /// When no flow matches and ends within 5 seconds (see [`within`](Self::within)).
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Result<Exchange, Failure>> + Send + '_ {
        self.wait(Place::here(), |(flow, _)| self.gate.journal.exchange(flow))
    }
}

macro_rules! watched_part {
    ($what:ident, $variant:ident) => {
        impl Watch<$what> {
            /// Waits until a matching part is delivered or ends otherwise, and returns it.
            ///
            /// The part is returned as the rule saw it. Each part is returned once, in the order in which they end. The
            /// future is cancel safe: dropping it loses no part.
            ///
            /// # Errors
            /// When no part matches and ends within 5 seconds (see [`within`](Self::within)).
            #[track_caller]
            pub fn next(&self) -> impl Future<Output = Result<$what, Failure>> + Send + '_ {
                self.wait(Place::here(), |(_, part)| match part {
                    Some(Part::$variant(part)) => Some(part),
                    _ => None,
                })
            }
        }
    };
}
watched_part!(Message, Message);
watched_part!(ServerEvent, Event);
watched_part!(Chunk, Chunk);
