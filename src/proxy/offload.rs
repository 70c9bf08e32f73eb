//! Runs work on long bodies off the threads that carry flows: a slow pattern on one body must not stop other flows.

use std::future::pending;
use std::panic::resume_unwind;

/// Work on up to this many bytes delays other flows too little to be noticed.
const SHORT: usize = 64 * 1024;

/// Whether work on this many bytes runs on the flow's own thread.
pub(super) fn is_short(bytes: usize) -> bool {
    bytes <= SHORT
}

/// Runs blocking work on a thread for such work, and returns its result.
///
/// A panic of the work resumes in the caller. If the future is dropped, the work still runs to its end, and its result
/// is discarded.
pub(super) async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, and drops this flow too.
            Err(_) => pending().await,
        },
    }
}
