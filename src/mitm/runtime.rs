//! The runtime of the proxies: one per process, so that a test body that blocks its thread cannot stop them.

use once_cell::sync::OnceCell;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// Enough to serve a browser while a rule is at work.
const WORKERS: usize = 2;

/// Returns how many tasks of proxies, relays and browsers are alive, to test that none is left behind.
#[must_use]
pub fn tasks() -> usize {
    handle().map_or(0, |runtime| runtime.metrics().num_alive_tasks())
}

pub(crate) fn handle() -> io::Result<Handle> {
    static RUNTIME: OnceCell<Runtime> = OnceCell::new();
    let start = || Builder::new_multi_thread().worker_threads(WORKERS).thread_name("holdup-proxy").enable_all().build();
    RUNTIME.get_or_try_init(start).map(|runtime| runtime.handle().clone())
}
