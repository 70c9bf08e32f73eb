//! The windows of a session that serves one test after another: each test has one that shares nothing with the others, and
//! the next is opened while a test runs.

use super::page;
use crate::browser::bidi::{Bidi, BidiError};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use tokio::sync::Mutex;

/// A window, and the user context that it lives in.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) user: String,
    pub(super) handle: String,
}

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Those that are not of the test which runs now.
    idle: std::sync::Mutex<BTreeSet<String>>,
    /// Locked while it is opened.
    next: Mutex<Option<Window>>,
}

impl Windows {
    /// A window for a test that begins now.
    pub(super) async fn take(&self, bidi: &Bidi) -> Result<Window, BidiError> {
        let ready = self.next.lock().await.take();
        let window = match ready {
            Some(window) => window,
            None => page::new_user(bidi).await?,
        };
        self.idle(|idle| idle.remove(&window.handle));
        // One in the background is slow to take keys.
        page::activate(bidi, &window.handle).await?;
        Ok(window)
    }

    /// Opens the next one.
    pub(super) async fn prepare(&self, bidi: &Bidi) {
        let mut next = self.next.lock().await;
        // What does not open now is told when it is needed.
        if let Ok(window) = page::new_user(bidi).await {
            self.leave(&window.handle);
            *next = Some(window);
        }
    }

    /// No test is in this window.
    pub(super) fn leave(&self, handle: &str) {
        self.idle(|idle| idle.insert(handle.to_owned()));
    }

    /// Those that no question is about.
    pub(super) fn without_test(&self) -> BTreeSet<String> {
        self.idle(|idle| idle.clone())
    }

    fn idle<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        // Each change is one insertion or removal.
        change(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
