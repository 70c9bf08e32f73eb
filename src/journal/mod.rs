//! The one account of what happened: append-only, totally ordered. Failure reports read it; nothing else keeps a second.

mod entry;
mod live;
mod query;
mod streams;

pub(crate) use entry::{Entry, Event};
pub(crate) use live::{Live, LiveFlow};
pub(crate) use streams::{TO_SERVER, Tally};

use crate::flow::FlowId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A soak test must not eat the machine: beyond this many entries the oldest go.
const KEPT: usize = 100_000;

/// The log of one [`Mitm`](crate::Mitm).
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    flows: AtomicU64,
    log: Mutex<Log>,
    written: Notify,
}

#[derive(Debug, Default)]
struct Log {
    /// How many entries have gone to make room.
    gone: u64,
    entries: VecDeque<Entry>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), flows: AtomicU64::new(1), log: Mutex::default(), written: Notify::new() }
    }

    /// The time since the journal began: the clock of every report.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn next_flow(&self) -> FlowId {
        FlowId::new(self.flows.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether any request has come yet.
    pub(crate) fn has_flows(&self) -> bool {
        self.flows.load(Ordering::Relaxed) > 1
    }

    /// Appends an entry. The order of calls is the order of the log.
    pub(crate) fn write(&self, event: Event) {
        let mut log = self.lock();
        if log.entries.len() == KEPT {
            log.entries.pop_front();
            log.gone += 1;
        }
        // Read under the lock, so that times never run against the order.
        log.entries.push_back(Entry { at: self.now(), event });
        drop(log);
        self.written.notify_waiters();
    }

    /// Resolves at the next entry. Take it and enable it before looking, then look, then await it.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// Shows every entry from the given position on, and gives the position after the last.
    pub(crate) fn read_from(&self, position: u64, mut each: impl FnMut(&Entry)) -> u64 {
        let log = self.lock();
        // Entries number as they are indexed, and those fit into memory.
        let skip = usize::try_from(position.saturating_sub(log.gone)).unwrap_or(usize::MAX);
        log.entries.iter().skip(skip).for_each(&mut each);
        log.gone + log.entries.len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // An entry is pushed whole or not at all, so a panic elsewhere leaves the log intact.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
