//! What the driver has told the client that began a session. The client of a later test, which uses that session, is told
//! the same.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The beginning of the first session of a relay.
#[derive(Debug, Default)]
pub(super) struct Begun {
    said: Mutex<Option<Bytes>>,
    /// Whether the next client is told it.
    is_kept: AtomicBool,
}

impl Begun {
    /// Notes the driver's answer, if it is the first.
    pub(super) fn note(&self, said: &Bytes) {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| said.clone());
    }

    /// Returns the same for the relay of a later test.
    pub(super) fn kept(&self) -> Self {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self { is_kept: AtomicBool::new(said.is_some()), said: Mutex::new(said) }
    }

    /// Returns the answer to a command, if it is the first client of a kept session that begins its own.
    pub(super) fn answer(&self, method: &str, path: &str) -> Option<Bytes> {
        let is_first = method == "POST" && path == "/session" && self.is_kept.swap(false, Ordering::Relaxed);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone().filter(|_| is_first)
    }
}
