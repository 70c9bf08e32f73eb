//! Relays a WebSocket from its 101 to its close: frames pass live, and messages pass the gate.

mod assembly;
mod frame;
mod half;
mod script;

use super::Shared;
use super::gate::{Injected, Stream};
use super::socket::Switch;
use crate::flow::{Direction, StageName};
use crate::rules::{AbortKind, Piece};
use half::Half;
use http::HeaderMap;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

/// The signals between the two directions.
#[derive(Clone, Debug)]
struct Ends {
    /// The client has closed or is gone, and reads no more.
    client: watch::Sender<bool>,
    /// The upstream is gone.
    upstream: watch::Sender<bool>,
}

/// Why a direction has ended.
enum End {
    /// Its source has ended.
    Over,
    /// A rule or the test cuts the whole socket off.
    Cut(AbortKind),
}

/// The server's end.
pub(super) enum Upstream {
    Real(OnUpgrade),
    /// A recording.
    Script(Vec<Piece>),
}

/// How much a scripted server and the proxy may be apart, in bytes.
const PIPE: usize = 64 * 1024;

/// Relays messages both ways after both ends have upgraded, until the client's end closes or the proxy stops. The test
/// can inject messages as soon as this returns, before the client receives its 101.
pub(super) fn relay(
    shared: Arc<Shared>,
    stream: Stream,
    client: OnUpgrade,
    upstream: Upstream,
    reset: Switch,
) -> impl Future<Output = ()> + Send {
    let inlet = |direction| shared.gate.open(stream.flow, StageName::Message, Some(direction));
    let inlets = (inlet(Direction::ToServer), inlet(Direction::ToClient));
    async move {
        let flow = stream.flow;
        if let Ok(client) = client.await.map(TokioIo::new) {
            match upstream {
                Upstream::Real(upstream) => {
                    if let Ok(upstream) = upstream.await {
                        carry(&shared, stream, client, TokioIo::new(upstream), inlets, &reset).await;
                    }
                }
                Upstream::Script(pieces) => {
                    let (upstream, server) = tokio::io::duplex(PIPE);
                    let carrying = carry(&shared, stream, client, upstream, inlets, &reset);
                    let playing = async {
                        script::play(server, pieces).await;
                        std::future::pending::<()>().await;
                    };
                    tokio::select! {
                        () = carrying => {}
                        () = playing => {}
                    }
                }
            }
        }
        shared.gate.closed(flow);
    }
}

type Inlets = (Injected, Injected);

async fn carry<C, U>(shared: &Shared, stream: Stream, client: C, upstream: U, inlets: Inlets, reset: &Switch)
where
    C: AsyncRead + AsyncWrite,
    U: AsyncRead + AsyncWrite,
{
    let (from_client, to_client) = tokio::io::split(client);
    let (from_upstream, to_upstream) = tokio::io::split(upstream);
    let ends = Ends { client: watch::Sender::new(false), upstream: watch::Sender::new(false) };
    let inflates = is_compressed(stream.response.headers());
    let (stream, numbers) = (Arc::new(stream), Arc::<AtomicU64>::default());
    let half = |direction, inlet| Half::new(direction, &shared.gate, &stream, &numbers, &ends, inflates, inlet);
    let (up, down) = (half(Direction::ToServer, inlets.0), half(Direction::ToClient, inlets.1));
    // Set while both ends exist: a socket reads it when it is dropped.
    let cut = |end: &io::Result<End>| {
        if let Ok(End::Cut(kind)) = end {
            reset.store(*kind == AbortKind::Reset, Ordering::Relaxed);
        }
    };
    let up = async { cut(&up.run(from_client, to_upstream).await) };
    let down = async {
        let end = down.run(from_upstream, to_client).await;
        cut(&end);
        if !matches!(end, Ok(End::Cut(_))) {
            // The client has not closed its end yet.
            std::future::pending::<()>().await;
        }
    };
    let mut stopping = shared.tasks.stopping();
    tokio::select! {
        () = up => {}
        () = down => {}
        () = stopping.wait() => {}
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    let extensions = headers.get_all("sec-websocket-extensions");
    extensions.iter().any(|said| said.to_str().is_ok_and(|said| said.contains("permessage-deflate")))
}

/// Checks that frames in pieces of a given size are read without loss.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(stream: &[u8], size: usize) {
    const LIMIT: usize = 64 * 1024;
    let mut buffer = bytes::BytesMut::new();
    let mut assembly = assembly::Assembly::new(Direction::ToClient, true, LIMIT);
    let (mut taken, mut whole, mut open) = (Vec::new(), 0, 0);
    for piece in stream.chunks(size) {
        buffer.extend_from_slice(piece);
        while let Ok(Some(frame)) = frame::Frame::take(&mut buffer, LIMIT) {
            taken.extend_from_slice(&frame.raw);
            if frame.is_control() {
                continue;
            }
            open += frame.raw.len();
            match assembly.push(&frame) {
                Ok(None) => {}
                Ok(Some(assembled)) => {
                    let frames: usize = assembled.frames.iter().map(bytes::Bytes::len).sum();
                    assert_eq!(frames, std::mem::take(&mut open), "a frame is lost");
                    assert!(assembled.message.payload.len() <= LIMIT, "{} bytes", assembled.message.payload.len());
                    whole += frames;
                }
                Err((frames, _)) => {
                    let frames: usize = frames.iter().map(bytes::Bytes::len).sum();
                    assert_eq!(frames, std::mem::take(&mut open), "a frame is lost");
                    whole += frames;
                }
            }
        }
    }
    let left = stream.len() - taken.len();
    assert!(whole <= taken.len() && stream.starts_with(&taken) && left >= buffer.len().min(left));
}
