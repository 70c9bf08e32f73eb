//! The start of a body, as it was sent: for the journal.

use bytes::{Bytes, BytesMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of a body are kept, and of all bodies, unless the test sets other limits.
const EACH: usize = 1024 * 1024;
const ALL: usize = 64 * 1024 * 1024;

/// How much may be kept of the bodies of one proxy.
#[derive(Debug)]
pub(crate) struct Budget {
    each: AtomicUsize,
    left: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { each: AtomicUsize::new(EACH), left: AtomicUsize::new(ALL) }
    }
}

impl Budget {
    pub(super) fn set(&self, each: usize, all: usize) {
        self.each.store(each, Ordering::Relaxed);
        self.left.store(all, Ordering::Relaxed);
    }

    /// Takes up to so many bytes of what is left for all bodies.
    fn take(&self, wanted: usize) -> usize {
        let taken =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        taken.unwrap_or(0).min(wanted)
    }
}

/// The first bytes of a body in transit, and how many there were. The body writes it, and the flow's guard journals it.
#[derive(Clone, Debug)]
pub(super) struct Capture(Arc<(Arc<Budget>, Mutex<Captured>)>);

#[derive(Debug, Default)]
struct Captured {
    start: BytesMut,
    size: u64,
}

impl Capture {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self(Arc::new((budget, Mutex::default())))
    }

    pub(super) fn note(&self, data: &Bytes) {
        let (budget, captured) = &*self.0;
        let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
        // Once something is missing, what follows is not the start any more.
        if captured.start.len() as u64 == captured.size {
            let room = budget.each.load(Ordering::Relaxed).saturating_sub(captured.start.len()).min(data.len());
            let room = budget.take(room);
            // A copy: a slice would keep the connection's read buffer alive.
            captured.start.extend_from_slice(&data[..room]);
        }
        captured.size += data.len() as u64;
    }

    /// Returns the first bytes and the size, unless nothing was sent.
    pub(super) fn take(&self) -> Option<(Bytes, u64)> {
        let mut captured = self.0.1.lock().unwrap_or_else(PoisonError::into_inner);
        let start = std::mem::take(&mut captured.start).freeze();
        (captured.size > 0).then_some((start, captured.size))
    }
}
