//! Work on long bodies, off the threads that carry flows: a slow pattern on one body must not stop the other flows.

use std::future::pending;
use std::panic::resume_unwind;

/// Work on up to so many bytes takes less than a flow beside it would notice.
const SHORT: usize = 64 * 1024;

/// Whether work on so many bytes is done where the flow is.
pub(super) fn is_short(bytes: usize) -> bool {
    bytes <= SHORT
}

/// Runs work on a thread for blocking work. If the future is dropped, the work goes on to its end, and nobody hears of it.
pub(super) async fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down, and drops this flow, too.
            Err(_) => pending().await,
        },
    }
}
