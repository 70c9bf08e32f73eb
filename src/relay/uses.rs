//! What clients have done with the sessions of a relay: whether another test can use them.

use super::command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(super) struct Uses {
    in_progress: AtomicUsize,
    /// A command had an effect that does not end with the windows of its test.
    is_changed: AtomicBool,
}

/// A command in progress, until it is dropped.
pub(super) struct InProgress<'a>(&'a Uses);

impl Uses {
    pub(super) fn begin(&self, method: &str, path: &str) -> InProgress<'_> {
        if !command::ends_with_window(method, path) {
            self.is_changed.store(true, Ordering::Relaxed);
        }
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        InProgress(self)
    }

    pub(super) fn is_unchanged(&self) -> bool {
        !self.is_changed.load(Ordering::Relaxed) && self.in_progress.load(Ordering::Relaxed) == 0
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}
