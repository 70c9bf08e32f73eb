//! `watch!`: see what matches pass, and park none.

use super::{PATIENCE, scene};
use crate::desk;
use crate::flow::{Exchange, Place};
use crate::proxy::Gate;
use crate::report::{Failure, expired};
use std::sync::Arc;
use std::time::Duration;

/// A rule that remembers each matching flow.
#[derive(Debug)]
pub struct Watch {
    gate: Arc<Gate>,
    rule: Arc<desk::Rule>,
    patience: Duration,
}

impl Watch {
    pub(crate) fn new(gate: Arc<Gate>, rule: Arc<desk::Rule>) -> Self {
        Self { gate, rule, patience: PATIENCE }
    }

    /// Waits until a matching flow has ended, and gives its record: in the order of their ends, each once.
    ///
    /// # Errors
    /// When none matches and ends within 5 seconds (see [`within`](Self::within)).
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Result<Exchange, Failure>> + Send + '_ {
        let place = Place::here();
        async move {
            match tokio::time::timeout(self.patience, self.ended()).await {
                Ok(exchange) => Ok(exchange),
                Err(_) => Err(expired(&scene(&self.gate), &self.rule, self.patience, place)),
            }
        }
    }

    /// Changes how long its waits last.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How many flows it has seen.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.gate.hits(self.rule.id)
    }

    async fn ended(&self) -> Exchange {
        loop {
            let mut changed = std::pin::pin!(self.gate.changed());
            // From here on no change is missed.
            changed.as_mut().enable();
            let seen = self.gate.take_watched(self.rule.id);
            if let Some(exchange) = seen.and_then(|flow| self.gate.journal.exchange(flow)) {
                return exchange;
            }
            changed.await;
        }
    }
}
