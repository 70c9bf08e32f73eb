//! `watch!`: see what matches pass, and park none.

use super::{PATIENCE, report_context};
use crate::flow::{Chunk, Exchange, Message, Part, Place, ServerEvent, Stage, Whole};
use crate::proxy::{Gate, Seen};
use crate::report::{Failure, expired};
use crate::rules;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A rule that remembers each matching flow, or part of a stream.
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

    /// Changes how long its waits last.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many flows or parts it has seen.
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
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(seen) = self.gate.take_watched(self.rule.id).and_then(&pick) {
                return seen;
            }
            changed.await;
        }
    }
}

impl<S: Whole> Watch<S> {
    /// Waits until a matching flow has ended, and gives its record: in the order of their ends, each once. That of a WebSocket
    /// ends when it is open.
    ///
    /// # Errors
    /// When none matches and ends within 5 seconds (see [`within`](Self::within)).
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Result<Exchange, Failure>> + Send + '_ {
        self.wait(Place::here(), |(flow, _)| self.gate.journal.exchange(flow))
    }
}

macro_rules! watched_part {
    ($what:ident, $variant:ident) => {
        impl Watch<$what> {
            /// Waits until a matching part has been delivered, or has ended otherwise, and gives it as the rule saw it: in the
            /// order of their ends, each once.
            ///
            /// # Errors
            /// When none matches and ends within 5 seconds (see [`within`](Self::within)).
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
