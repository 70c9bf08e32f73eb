//! Those who see an entry before it is in the log.

use super::Event;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

/// Called with each entry before it is written: what an observer writes then is before the entry.
#[derive(Default)]
pub(super) struct Observers {
    exist: AtomicBool,
    all: Mutex<Vec<Observer>>,
}

impl Observers {
    pub(super) fn add(&self, observer: impl Fn(&Event) + Send + Sync + 'static) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(observer));
        self.exist.store(true, Ordering::Release);
    }

    pub(super) fn call(&self, event: &Event) {
        if self.exist.load(Ordering::Acquire) {
            // Copied, since an observer may write.
            let all = self.all.lock().unwrap_or_else(PoisonError::into_inner).clone();
            all.iter().for_each(|observer| observer(event));
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers(..)")
    }
}
