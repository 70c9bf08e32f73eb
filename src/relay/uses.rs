//! What the clients of a test have done with its session: whether another test can use it.

use super::command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub(super) struct Uses {
    in_progress: AtomicUsize,
    /// Keys or buttons may be pressed.
    have_acted: AtomicBool,
    /// A command had an effect that does not end with the windows of its test.
    are_changed: AtomicBool,
}

/// A command in progress, until it is dropped.
pub(super) struct InProgress<'a>(&'a Uses);

impl Uses {
    pub(super) fn begin(&self, method: &str, path: &str) -> InProgress<'_> {
        if !command::leaves_session_unchanged(method, path) {
            self.note_change();
        }
        if path.ends_with("/actions") {
            self.have_acted.store(true, Ordering::Relaxed);
        }
        // Before the relay is asked whether its test has ended.
        self.in_progress.fetch_add(1, Ordering::SeqCst);
        InProgress(self)
    }

    pub(super) fn note_change(&self) {
        self.are_changed.store(true, Ordering::Relaxed);
    }

    pub(super) fn have_acted(&self) -> bool {
        self.have_acted.load(Ordering::Relaxed)
    }

    pub(super) fn are_changed(&self) -> bool {
        self.are_changed.load(Ordering::Relaxed)
    }

    pub(super) fn are_in_progress(&self) -> bool {
        self.in_progress.load(Ordering::SeqCst) > 0
    }
}

impl Drop for InProgress<'_> {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::SeqCst);
    }
}
