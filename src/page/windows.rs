//! The windows of a session that serves one test after another. Each test has a window that shares nothing with the
//! others. An exploration opens the next one while an execution runs.

use crate::inspector::{Fault, Inspector, Window};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use tokio::sync::Mutex;

#[derive(Debug, Default)]
pub(super) struct Windows {
    /// Windows that do not belong to the current test.
    idle: std::sync::Mutex<BTreeSet<String>>,
    /// The next window, and its proxy. Locked while the window is being opened.
    next: Arc<Mutex<Option<(SocketAddr, Window)>>>,
}

impl Windows {
    /// Returns a window that uses this proxy, for a test that begins now.
    pub(super) async fn take(&self, inspector: &Inspector, proxy: SocketAddr) -> Result<Window, Fault> {
        let ready = self.next.lock().await.take();
        let window = match ready {
            Some((its, window)) if its == proxy => window,
            other => {
                if let Some((_, window)) = other {
                    self.idle(|idle| idle.remove(&window.handle));
                    inspector.forget(&window.user).await?;
                }
                inspector.open(proxy).await?
            }
        };
        self.idle(|idle| idle.remove(&window.handle));
        Ok(window)
    }

    /// Opens the next window in the background, unless it exists.
    pub(super) fn prepare(self: &Arc<Self>, inspector: &Arc<Inspector>, proxy: SocketAddr) {
        let Ok(mut next) = Arc::clone(&self.next).try_lock_owned() else { return };
        if next.is_some() {
            return;
        }
        let (windows, inspector) = (Arc::clone(self), Arc::clone(inspector));
        tokio::spawn(async move {
            // An error is reported when the window is needed.
            if let Ok(window) = inspector.open(proxy).await {
                windows.leave(&window.handle);
                *next = Some((proxy, window));
            }
        });
    }

    /// Marks a window as one without a test.
    pub(super) fn leave(&self, handle: &str) {
        self.idle(|idle| idle.insert(handle.to_owned()));
    }

    /// Returns the windows that no query is about.
    pub(super) fn without_test(&self) -> BTreeSet<String> {
        self.idle(|idle| idle.clone())
    }

    /// Like `without_test`, including a window that is being opened.
    pub(super) async fn all_without_test(&self) -> BTreeSet<String> {
        drop(self.next.lock().await);
        self.without_test()
    }

    fn idle<T>(&self, change: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        // Each change is one insertion or removal, so a panic leaves the state valid.
        change(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
