//! The permit to use one of the limited connections to a host.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// A permit that a flow holds while it uses a counted connection.
///
/// It is returned when the last clone is dropped, or early by [`give_back`](Self::give_back): then the connection no
/// longer counts.
#[derive(Clone, Debug)]
pub(super) struct Permit(Arc<Mutex<Option<OwnedSemaphorePermit>>>);

impl Permit {
    pub(super) fn new(permit: OwnedSemaphorePermit) -> Self {
        Self(Arc::new(Mutex::new(Some(permit))))
    }

    pub(super) fn give_back(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
