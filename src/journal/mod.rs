//! The one account of what happened: append-only, totally ordered. Failure reports read it; nothing else keeps a second.

mod entry;
mod query;

pub(crate) use entry::{Entry, Event};

use crate::flow::FlowId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A soak test must not eat the machine: beyond this many entries the oldest go.
const KEPT: usize = 100_000;

/// The log of one [`Mitm`](crate::Mitm).
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    flows: AtomicU64,
    log: Mutex<VecDeque<Entry>>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), flows: AtomicU64::new(1), log: Mutex::default() }
    }

    /// The time since the journal began: the clock of every report.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn next_flow(&self) -> FlowId {
        FlowId(self.flows.fetch_add(1, Ordering::Relaxed))
    }

    /// Appends an entry. The order of calls is the order of the log.
    pub(crate) fn write(&self, event: Event) {
        let mut log = self.lock();
        if log.len() == KEPT {
            log.pop_front();
        }
        // Read under the lock, so that times never run against the order.
        log.push_back(Entry { at: self.now(), event });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        // An entry is pushed whole or not at all, so a panic elsewhere leaves the log intact.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
