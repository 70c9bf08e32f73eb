//! The start of a body, as it was sent: for the journal.

use bytes::{Bytes, BytesMut};
use std::sync::{Arc, Mutex, PoisonError};

/// How many bytes of a body are kept.
const KEPT: usize = 4096;

/// The first bytes of a body in transit, and how many there were. The body writes it, and the flow's guard journals it.
#[derive(Clone, Debug, Default)]
pub(super) struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    start: BytesMut,
    size: u64,
}

impl Capture {
    pub(super) fn note(&self, data: &Bytes) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = KEPT.saturating_sub(captured.start.len()).min(data.len());
        // A copy: a slice would keep the connection's read buffer alive.
        captured.start.extend_from_slice(&data[..room]);
        captured.size += data.len() as u64;
    }

    /// Returns the first bytes and the size, unless nothing was sent.
    pub(super) fn take(&self) -> Option<(Bytes, u64)> {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = std::mem::take(&mut captured.start).freeze();
        (captured.size > 0).then_some((start, captured.size))
    }
}
