//! The streams of an HTTP/2 connection run in the connection's own task. So what a stream has written is in the
//! connection's buffers before the next flush begins, and "flushed" means what it says.

use super::flushes::Flushes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the streams that hyper spawns, which it does only while its connection is polled: nobody need be woken.
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

/// Runs a connection and its streams to the connection's end. Streams that are left then are dropped: their client is gone.
pub(super) async fn run<C: Future>(connection: C, spawned: Streams, flushes: &Flushes) -> C::Output {
    let mut connection = std::pin::pin!(connection);
    let mut streams = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(())) = streams.poll_next_unpin(cx) {}
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                // Each stream keeps the list that it is in.
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
