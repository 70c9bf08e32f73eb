//! The streams of an HTTP/2 connection run in the connection's own task. So what a stream has written is in the
//! connection's buffers before the next flush begins, and "flushed" means what it says.

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use tokio::sync::mpsc;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the streams that hyper spawns.
#[derive(Clone, Debug)]
pub(super) struct Streams(mpsc::UnboundedSender<Stream>);

/// The streams that were spawned and not yet started.
pub(super) type Spawned = mpsc::UnboundedReceiver<Stream>;

impl Streams {
    pub(super) fn new() -> (Self, Spawned) {
        let (sender, spawned) = mpsc::unbounded_channel();
        (Self(sender), spawned)
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        // Without a receiver the connection is gone, and its streams with it.
        let _ = self.0.send(Box::pin(stream));
    }
}

/// Runs a connection and its streams to the connection's end. Streams that are left then are dropped: their client is gone.
pub(super) async fn run<C: Future>(connection: C, mut spawned: Spawned) -> C::Output {
    let mut connection = std::pin::pin!(connection);
    let mut streams = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(stream)) = spawned.poll_recv(cx) {
                streams.push(stream);
            }
            while let Poll::Ready(Some(())) = streams.poll_next_unpin(cx) {}
            if let Poll::Ready(end) = connection.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            if spawned.is_empty() {
                return Poll::Pending;
            }
        }
    })
    .await
}
