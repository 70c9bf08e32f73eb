//! Runs the streams of an HTTP/2 connection in the connection's own task.
//!
//! So what a stream has written is in the connection's buffers before the next flush begins, and a successful flush
//! covers it.

use super::flushes::Flushes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Collects the streams that hyper spawns. hyper does so only while its connection is polled, so no wakeup is needed.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Stream>>>);

impl Streams {
    fn take(&self) -> Vec<Stream> {
        // A stream is pushed whole or not at all, so a panic elsewhere leaves the list intact.
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(stream));
    }
}

/// Runs a connection and its streams until the connection ends.
///
/// The remaining streams are then dropped: their client is gone.
pub(super) async fn run<C: Future>(mut connection: Pin<&mut C>, spawned: Streams, flushes: &Flushes) -> C::Output {
    let mut streams = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(())) = streams.poll_next_unpin(cx) {}
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                // Each stream holds a reference to its own list; dropping the streams breaks the cycle.
                drop(spawned.take());
                return Poll::Ready(end);
            }
            flushes.settle();
            let new = spawned.take();
            if new.is_empty() {
                return Poll::Pending;
            }
            streams.extend(new);
        }
    })
    .await
}
