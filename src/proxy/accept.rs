//! One accepted connection: HTTP to the proxy, and the protocols inside CONNECT.

use super::connection::{Connection, Protocol};
use super::serve::serve as serve_http;
use super::sniff::{self, Spoken, sniff};
use super::socket::{Flushing, Socket, Switch};
use super::{Shared, tls, tunnel};
use crate::flow::{Fault, FaultStage, Target};
use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Serves a client connection until it closes or is upgraded.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Without this, the first response on each connection waits 40 ms for the browser's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        return shared.trouble(Fault::from_error(FaultStage::Client, "TCP_NODELAY", &error));
    }
    let mut socket = Socket::new(stream);
    let mut seen = BytesMut::with_capacity(sniff::USUAL);
    let Some(spoken) = unless_stopped(&shared, sniff(&mut socket, &mut seen)).await.flatten() else { return };
    socket.unread(seen.freeze());
    let (host, origin) = (shared.address.ip().to_string(), (shared.reverse.clone(), None));
    match spoken {
        // Over TLS, a client can multiplex many plain requests to the proxy on HTTP/2.
        Spoken::Tls => Box::pin(serve_tls(shared, socket, &host, |_| origin)).await,
        spoken => serve_on(&shared, origin, socket.line(), plain(spoken), socket).await,
    }
}

/// Runs `waiting`, or returns `None` once the proxy stops: browsers open spare connections and may never use them.
async fn unless_stopped<T>(shared: &Shared, waiting: impl Future<Output = T>) -> Option<T> {
    let mut stopping = shared.tasks.stopping();
    tokio::select! {
        done = waiting => Some(done),
        () = stopping.wait() => None,
    }
}

/// Serves the connection inside a CONNECT.
async fn serve_connected(shared: Arc<Shared>, upgraded: Upgraded, target: Target) {
    let (mut socket, already) = match upgraded.downcast::<TokioIo<Flushing<Socket>>>() {
        Ok(parts) => (parts.io.into_inner().into_inner(), parts.read_buf),
        // Inside TLS, or on an HTTP/2 stream.
        Err(upgraded) => (Socket::inside(TokioIo::new(upgraded)), Bytes::new()),
    };
    if shared.upstreams.passes(&target.host) {
        socket.unread(already);
        unless_stopped(&shared, Box::pin(tunnel::opaque(&shared, socket, &target))).await;
        return;
    }
    let mut seen = BytesMut::from(&already[..]);
    // Even if it is empty, it keeps a buffer of the outer connection.
    drop(already);
    let first = unless_stopped(&shared, Box::pin(first_word(&shared, &mut socket, &mut seen, &target))).await;
    socket.unread(seen.freeze());
    let spoken = match first {
        Some(First::Client(spoken)) => spoken,
        Some(First::Server(upstream)) => return tunnel::join(&shared, &mut socket, &mut *Box::new(upstream)).await,
        Some(First::Nobody) | None => return,
    };
    match spoken {
        Spoken::Tls => {
            let host = target.host.clone();
            Box::pin(serve_tls(shared, socket, &host, |name| named(target, name))).await;
        }
        Spoken::Unknown => Box::pin(tunnel::opaque(&shared, socket, &target)).await,
        Spoken::Http1 | Spoken::Http2 => {
            let origin = (Some(Target { tls: false, ..target }), None);
            serve_on(&shared, origin, socket.line(), plain(spoken), socket).await;
        }
    }
}

fn plain(spoken: Spoken) -> Protocol {
    Protocol { is_http2: spoken == Spoken::Http2, is_tls: false }
}

/// Returns the target that rules and certificates use, and the target of CONNECT if that differs.
fn named(target: Target, name: Option<String>) -> (Option<Target>, Option<Target>) {
    match name {
        Some(name) if name != target.host => (Some(Target { host: name, ..target.clone() }), Some(target)),
        _ => (Some(target), None),
    }
}

/// The side that sends the first bytes inside a CONNECT.
enum First {
    Client(Spoken),
    Server(TcpStream),
    Nobody,
}

impl First {
    fn of(client: Option<Spoken>) -> Self {
        client.map_or(Self::Nobody, Self::Client)
    }
}

/// How long the client may be silent before the proxy also waits for the server, which sends first in SMTP and the
/// like.
const SILENCE: Duration = Duration::from_millis(300);

async fn first_word(shared: &Shared, socket: &mut Socket, seen: &mut BytesMut, target: &Target) -> First {
    let mut client = pin!(sniff(socket, seen));
    if let Ok(spoken) = tokio::time::timeout(SILENCE, client.as_mut()).await {
        return First::of(spoken);
    }
    let server = async {
        let upstream = shared.upstreams.connect_tcp(target).await.ok()?;
        // A server that closes without sending anything ends the tunnel.
        upstream.peek(&mut [0]).await.ok()?;
        Some(upstream)
    };
    tokio::select! {
        spoken = client => First::of(spoken),
        // Without a server, only the client is waited for.
        Some(upstream) = server => First::Server(upstream),
    }
}

/// Accepts TLS, then serves HTTP inside. `origin` maps the requested server name to the destination of the requests.
async fn serve_tls(
    shared: Arc<Shared>,
    socket: Socket,
    host: &str,
    origin: impl FnOnce(Option<String>) -> (Option<Target>, Option<Target>),
) {
    let line = socket.line();
    let accepted = match Box::pin(tls::accept(&shared, socket, host)).await {
        Ok(accepted) => accepted,
        Err(fault) => return shared.trouble(fault),
    };
    let spoken = Protocol { is_http2: accepted.http2, is_tls: true };
    serve_on(&shared, origin(accepted.server_name), line, spoken, accepted.stream).await;
}

/// Serves HTTP on an accepted connection. `origin_via` is where its requests go, unless each request names its server.
async fn serve_on<S>(
    shared: &Arc<Shared>,
    origin_via: (Option<Target>, Option<Target>),
    line: (Switch, Option<SocketAddr>),
    spoken: Protocol,
    io: S,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    serve_http(Connection::new(shared, origin_via, line, spoken, on_connect), io).await;
}

/// Serves the connection inside a CONNECT. Boxed, since a CONNECT inside it recurses.
fn on_connect(shared: Arc<Shared>, upgraded: Upgraded, target: Target) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(serve_connected(shared, upgraded, target))
}
