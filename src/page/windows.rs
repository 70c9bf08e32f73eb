//! The windows of a session that serves one test after another: each test has one that shares nothing with the others, and
//! the next is opened while a test runs.

use crate::inspector::{Fault, Inspector, Window};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use tokio::sync::Mutex;

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Those that are not of the test which runs now.
    idle: std::sync::Mutex<BTreeSet<String>>,
    /// Locked while it is opened.
    next: Arc<Mutex<Option<Window>>>,
}

impl Windows {
    /// A window for a test that begins now.
    pub(super) async fn take(&self, inspector: &Inspector) -> Result<Window, Fault> {
        let ready = self.next.lock().await.take();
        let window = match ready {
            Some(window) => window,
            None => inspector.open().await?,
        };
        self.idle(|idle| idle.remove(&window.handle));
        Ok(window)
    }

    /// Has the next one opened while a test runs, if it is not there.
    pub(super) fn prepare(self: &Arc<Self>, inspector: &Arc<Inspector>) {
        let Ok(mut next) = Arc::clone(&self.next).try_lock_owned() else { return };
        if next.is_some() {
            return;
        }
        let (windows, inspector) = (Arc::clone(self), Arc::clone(inspector));
        tokio::spawn(async move {
            // What does not open now is told when it is needed.
            if let Ok(window) = inspector.open().await {
                windows.leave(&window.handle);
                *next = Some(window);
            }
        });
    }

    /// No test is in this window.
    pub(super) fn leave(&self, handle: &str) {
        self.idle(|idle| idle.insert(handle.to_owned()));
    }

    /// Those that no question is about.
    pub(super) fn without_test(&self) -> BTreeSet<String> {
        self.idle(|idle| idle.clone())
    }

    /// The same, with one that is being opened.
    pub(super) async fn all_without_test(&self) -> BTreeSet<String> {
        drop(self.next.lock().await);
        self.without_test()
    }

    fn idle<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        // Each change is one insertion or removal.
        change(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
