//! The one account of what happened: append-only, totally ordered. Failure reports read it; nothing else keeps a second.

mod entry;
mod live;
mod log;
mod query;
mod streams;

pub(crate) use entry::{Entry, Event};
pub(crate) use live::{Live, LiveFlow};
pub(crate) use streams::{TO_SERVER, Tally};

use crate::flow::FlowId;
use log::Log;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The log of one [`Mitm`](crate::Mitm).
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    flows: AtomicU64,
    log: Mutex<Log>,
    written: Notify,
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
        // Read under the lock, so that times never run against the order.
        log.push(Entry { at: self.now(), event });
        drop(log);
        self.written.notify_waiters();
    }

    /// Resolves at the next entry. Take it and enable it before looking, then look, then await it.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// From now on the entries are no more than so many bytes: the oldest flows that have ended go first.
    pub(crate) fn limit(&self, bytes: usize) {
        self.lock().limit(bytes);
    }

    /// How many flows have gone to make room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.lock().forgotten()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // An entry is pushed whole or not at all, so a panic elsewhere leaves the log intact.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
