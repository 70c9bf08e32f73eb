//! The flushes of one connection: when one succeeds, everything written before it is delivered.

use super::flow_guard::FlowGuard;
use crate::flow::Outcome;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// The flows of one connection whose last byte is written and waits for the flush.
///
/// A connection and its streams run in one task ([`streams`](super::streams)), so nothing is written between two
/// accesses to this state.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    waiting: Mutex<Vec<FlowGuard>>,
    count: AtomicUsize,
    /// Whether anything was written since the last successful flush.
    dirty: AtomicBool,
    /// The number of successful flushes; `wakers` are woken at the next.
    done: AtomicU64,
    wakers: Mutex<Vec<Waker>>,
}

impl Flushes {
    /// Returns the number of successful flushes.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, guard: FlowGuard) {
        // Guards are pushed and taken whole, so a panic elsewhere leaves the list intact.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(guard);
        self.count.fetch_add(1, Ordering::Release);
    }

    /// Records that a write begins.
    pub(super) fn writing(&self) {
        self.dirty.store(true, Ordering::Relaxed);
    }

    /// Records that everything written so far is with the socket.
    pub(super) fn flushed(&self) {
        self.dirty.store(false, Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
        self.wake();
        self.settle();
    }

    pub(super) fn wake_at_next(&self, waker: &Waker) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).push(waker.clone());
    }

    pub(super) fn wake(&self) {
        let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Ends the flows whose flush has happened, if nothing is left to flush. HTTP/2 releases a chunk only after the
    /// flush that carried its last byte.
    pub(super) fn settle(&self) {
        if self.count.load(Ordering::Acquire) == 0 || self.dirty.load(Ordering::Relaxed) {
            return;
        }
        let done = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        self.count.fetch_sub(done.len(), Ordering::AcqRel);
        done.into_iter().for_each(|guard| guard.end(Outcome::Delivered));
    }
}
