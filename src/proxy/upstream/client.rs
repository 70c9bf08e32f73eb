//! The upstream connections of one client connection, besides the idle ones that all clients share.

use super::connection::Http2;
use crate::flow::Fault;
use crate::proxy::permit::Permit;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{MutexGuard, Semaphore};

/// One connection of a client. Its upstream connections end with it, as a browser's own connections would.
#[derive(Debug)]
pub(in crate::proxy) struct Client {
    pub(super) id: u64,
    /// Whether its requests share the connection, so that nothing else limits how many run at once.
    pub(super) multiplexes: bool,
    shares: Mutex<HashMap<u64, Arc<Share>>>,
}

/// A client's connections to one upstream.
#[derive(Debug)]
pub(super) struct Share {
    /// Dangling once the upstream is dropped.
    upstream: Weak<()>,
    /// Locked while it is opened: the server's protocol is known only then.
    http2: tokio::sync::Mutex<Option<Http2>>,
    permits: Arc<Semaphore>,
    /// How often opening has failed; `failed` is the last fault.
    failures: AtomicU64,
    failed: Mutex<Option<Fault>>,
}

impl Client {
    pub(in crate::proxy) fn new(id: u64, multiplexes: bool) -> Self {
        Self { id, multiplexes, shares: Mutex::default() }
    }

    /// Returns its share of the upstream with this id, which exists for as long as `alive`.
    pub(super) fn share(&self, id: u64, alive: &Arc<()>, permits: usize) -> Arc<Share> {
        // Entries are inserted whole, so a panic elsewhere leaves the map intact.
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if !shares.contains_key(&id) {
            // Remove those of upstreams that the test has declared anew meanwhile.
            shares.retain(|_, share| share.upstream.strong_count() > 0);
        }
        let share = || Arc::new(Share::new(alive, permits));
        Arc::clone(shares.entry(id).or_insert_with(share))
    }
}

impl Share {
    fn new(alive: &Arc<()>, permits: usize) -> Self {
        Self {
            upstream: Arc::downgrade(alive),
            http2: tokio::sync::Mutex::default(),
            permits: Arc::new(Semaphore::new(permits)),
            failures: AtomicU64::new(0),
            failed: Mutex::default(),
        }
    }

    /// Waits for a permit for one of the few HTTP/1 connections.
    pub(super) async fn permit(&self) -> Option<Permit> {
        // The semaphore is never closed.
        Arc::clone(&self.permits).acquire_owned().await.ok().map(Permit::new)
    }

    /// Locks the HTTP/2 connection; the caller opens it if there is none. Fails if opening it failed during the wait.
    pub(super) async fn http2(&self) -> Result<MutexGuard<'_, Option<Http2>>, Fault> {
        let before = self.failures.load(Ordering::Relaxed);
        let mut http2 = self.http2.lock().await;
        if http2.as_ref().is_some_and(Http2::is_closed) {
            *http2 = None;
        }
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match failed {
            Some(fault) if http2.is_none() && self.failures.load(Ordering::Relaxed) != before => Err(fault),
            _ => Ok(http2),
        }
    }

    pub(super) fn note_failure(&self, fault: &Fault) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Removes a connection that is closing, so that no more requests are sent on it.
    pub(super) async fn forget(&self, connection: &Http2) {
        let mut http2 = self.http2.lock().await;
        if http2.as_ref().is_some_and(|current| current.is(connection)) {
            *http2 = None;
        }
    }
}
