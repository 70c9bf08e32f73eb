//! Runs work beside the flows: a slow pattern on one body, or slow code of a test, must not stop others.

use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::pin::pin;
use std::thread;
use tokio::task::{JoinHandle, block_in_place};

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

/// Runs code of a test, and returns its result or its panic. The code may keep its thread as long as it likes: it has a task
/// of its own, and another thread takes the other tasks meanwhile.
///
/// If the future is dropped, the code ends where it waits next. At most 512 can keep a thread at the same time (the threads
/// for blocking work of tokio); with more, the flows wait until one of them ends.
pub(super) async fn aside<T: Send + 'static>(code: impl Future<Output = T> + Send + 'static) -> thread::Result<T> {
    let running = tokio::spawn(async {
        let mut code = pin!(code);
        poll_fn(|cx| block_in_place(|| code.as_mut().poll(cx))).await
    });
    let mut running = Running(running);
    match (&mut running.0).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => Err(panic),
            // The runtime is shutting down, and drops this flow too.
            Err(_) => pending().await,
        },
    }
}

struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
