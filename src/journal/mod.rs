//! The only record of what happened: append-only, totally ordered. Failure reports are written from it.

mod action;
mod console;
mod entry;
mod known;
mod live;
mod log;
mod observers;
mod query;
mod streams;

#[cfg(test)]
pub(crate) use action::Key;
pub(crate) use action::{ActionKind, PageAction};
pub use console::{ConsoleLevel, ConsoleMessage};
pub(crate) use entry::{Entry, Event};
pub(crate) use live::{Live, LiveFlow};
pub(crate) use streams::{TO_SERVER, Tally};

use crate::flow::FlowId;
use log::Log;
use observers::Observers;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The log of one [`Mitm`](crate::Mitm).
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    started: SystemTime,
    /// How long flows of the past took, in nanoseconds: the clock has gone on by that.
    past: AtomicU64,
    flows: AtomicU64,
    is_over: AtomicBool,
    log: Mutex<Log>,
    written: Notify,
    observers: Observers,
    /// Notified when a pause is to end.
    resume: Notify,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            started: SystemTime::now(),
            past: AtomicU64::new(0),
            flows: AtomicU64::new(1),
            is_over: AtomicBool::new(false),
            log: Mutex::default(),
            written: Notify::new(),
            observers: Observers::default(),
            resume: Notify::new(),
        }
    }

    /// Returns the time since the journal was created: the clock of every report.
    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed() + self.past()
    }

    fn past(&self) -> Duration {
        Duration::from_nanos(self.past.load(Ordering::Relaxed))
    }

    /// Returns when the journal was created, by the clock of the machine.
    pub(crate) fn started(&self) -> SystemTime {
        self.started.checked_sub(self.past()).unwrap_or(self.started)
    }

    /// The body of the test has ended: what follows is the tear-down.
    pub(crate) fn end_body(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(crate) fn next_flow(&self) -> FlowId {
        FlowId::new(self.flows.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns whether any request has arrived yet.
    pub(crate) fn has_flows(&self) -> bool {
        self.flows.load(Ordering::Relaxed) > 1
    }

    /// Appends an entry. The order of calls is the order of the log.
    pub(crate) fn write(&self, event: Event) {
        self.write_all([event]);
    }

    /// Appends several entries of the same time.
    pub(crate) fn write_all<const N: usize>(&self, events: [Event; N]) {
        events.iter().for_each(|event| self.observers.call(event));
        let mut log = self.lock();
        // Read under the lock, so that times are in the order of the log.
        let at = self.now();
        events.into_iter().for_each(|event| log.push(Entry { at, event }));
        drop(log);
        self.written.notify_waiters();
    }

    /// Appends flows of the past, in the order of their times, which count from the first. Nobody observes them: they are
    /// nobody's work. The clock goes on by the time that they took, so that what follows is later.
    pub(crate) fn write_past(&self, events: Vec<(Duration, Event)>) {
        let (mut log, now) = (self.lock(), self.now());
        let took = events.last().map_or(Duration::ZERO, |(at, _)| *at);
        self.past.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(0), Ordering::Relaxed);
        events.into_iter().for_each(|(at, event)| log.push(Entry { at: now + at, event }));
        drop(log);
        self.written.notify_waiters();
    }

    /// Calls `observer` with each entry from now on, before it is in the log. It must not wait for anything.
    pub(crate) fn observe(&self, observer: impl Fn(&Event) + Send + Sync + 'static) {
        self.observers.add(observer);
    }

    /// Ends the pause of the test, if it is paused.
    pub(crate) fn go_on(&self) {
        self.resume.notify_waiters();
    }

    /// Resolves when a person lets the test go on.
    pub(crate) fn told_to_go_on(&self) -> Notified<'_> {
        self.resume.notified()
    }

    /// Resolves at the next entry. Create and enable the future before reading the log, and await it afterwards.
    pub(crate) fn written(&self) -> Notified<'_> {
        self.written.notified()
    }

    /// Limits the bytes of all entries from now on: the oldest flows that have ended are removed first.
    pub(crate) fn limit(&self, bytes: usize) {
        self.lock().limit(bytes);
    }

    /// Returns how many flows were removed to make room.
    pub(crate) fn forgotten(&self) -> u64 {
        self.lock().forgotten()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // An entry is pushed whole or not at all, so a panic elsewhere leaves the log intact.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
