//! A WebSocket, from its 101 to its close: frames pass live, and messages pass the gate.

mod assembly;
mod frame;
mod half;

use super::Shared;
use super::gate::Stream;
use super::socket::Switch;
use crate::desk::AbortKind;
use crate::flow::Direction;
use crate::journal::Event;
use half::Half;
use http::HeaderMap;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// What the two directions tell each other.
#[derive(Clone, Debug)]
struct Ends {
    /// The client has closed, or is gone: nobody reads any more.
    client: watch::Sender<bool>,
    /// The upstream is gone.
    upstream: watch::Sender<bool>,
}

/// Why a direction ends.
enum End {
    /// It has come to its end.
    Over,
    /// A rule, or the test, cuts the whole socket off.
    Cut(AbortKind),
}

/// Carries messages both ways, once both ends have switched, until the client's end is over or the proxy stops.
pub(super) async fn relay(shared: Arc<Shared>, stream: Stream, client: OnUpgrade, upstream: OnUpgrade, reset: Switch) {
    let (Ok(client), Ok(upstream)) = (client.await, upstream.await) else { return };
    let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
    let (from_upstream, to_upstream) = tokio::io::split(TokioIo::new(upstream));
    let ends = Ends { client: watch::Sender::new(false), upstream: watch::Sender::new(false) };
    let inflates = is_compressed(stream.response.headers());
    let (stream, numbers) = (Arc::new(stream), Arc::<AtomicU64>::default());
    let half = |direction| Half::new(direction, &shared.gate, &stream, &numbers, &ends, inflates);
    let (up, down) = (half(Direction::ToServer), half(Direction::ToClient));
    let mut stopping = shared.tasks.stopping();
    let down = async {
        match down.run(from_upstream, to_client).await {
            // The client has yet to close its end.
            Ok(End::Over) => std::future::pending().await,
            end => end,
        }
    };
    let end = tokio::select! {
        end = up.run(from_client, to_upstream) => end,
        end = down => end,
        () = stopping.wait() => return,
    };
    shared.journal.write(Event::Closed { flow: stream.flow });
    if let Ok(End::Cut(AbortKind::Reset)) = end {
        reset.store(true, Ordering::Relaxed);
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let extensions = headers.get_all("sec-websocket-extensions");
    extensions.iter().any(|said| said.to_str().is_ok_and(|said| said.contains("permessage-deflate")))
}
