//! The runtime of the proxies: one per process, so that a test body that blocks its thread cannot stop them.

use once_cell::sync::OnceCell;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// One carries every proxy of the process: two wait for each other's locks, and free what the other has allocated, which
/// costs a third more processor time for each request. Code of a test does not keep it (`proxy/offload.rs`).
const WORKERS: usize = 1;

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
