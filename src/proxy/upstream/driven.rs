//! The local ports by which browsers are driven, of all proxies of the process: no page may connect to them, which
//! includes the pages of tests that run in parallel.

use once_cell::sync::Lazy;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Each port, with the number of proxies that refuse it.
static DRIVEN: Lazy<Mutex<BTreeMap<u16, usize>>> = Lazy::new(Mutex::default);

/// The ports that one proxy refuses. They are released on drop, since another server may get the port then.
#[derive(Debug, Default)]
pub(super) struct Driven(Vec<u16>);

impl Driven {
    pub(super) fn add(&mut self, ports: &[u16]) {
        let mut all = lock();
        for port in ports {
            *all.entry(*port).or_default() += 1;
            self.0.push(*port);
        }
    }

    /// Releases one port.
    pub(super) fn remove(&mut self, port: u16) {
        if let Some(at) = self.0.iter().position(|its| *its == port) {
            self.0.swap_remove(at);
            release(port);
        }
    }
}

fn release(port: u16) {
    let mut all = lock();
    if let Some(count) = all.get_mut(&port) {
        *count -= 1;
        if *count == 0 {
            all.remove(&port);
        }
    }
}

/// Returns whether a browser is driven by this port.
pub(super) fn is_driven(port: u16) -> bool {
    lock().contains_key(&port)
}

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.iter().copied().for_each(release);
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<u16, usize>> {
    // Each change is complete before the lock is released.
    DRIVEN.lock().unwrap_or_else(PoisonError::into_inner)
}
