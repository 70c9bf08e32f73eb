//! One accepted connection: HTTP/1 to the proxy, and whatever CONNECT opens inside it.

use super::delivery::Flushes;
use super::refusal::Reason;
use super::sniff::{Spoken, sniff};
use super::socket::{Flushing, Socket, Switch};
use super::streams::{self, Streams};
use super::upstream::{Client, Route};
use super::{Shared, http, limits, tls, tunnel};
use crate::flow::{Fault, FaultStage, Target};
use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// One connection, as the flows on it see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// What it has of upstreams.
    upstreams: Client,
    /// Where everything on this connection goes; none on the proxy's own connection, where requests say it themselves.
    pub(super) origin: Option<Target>,
    /// What CONNECT named, where the client asks for another name inside.
    via: Option<Target>,
    is_http2: bool,
    pub(super) flushes: Arc<Flushes>,
    /// Ends the connection with RST instead of FIN.
    pub(super) reset: Switch,
    /// What is written next is no HTTP.
    pub(super) garbled: Switch,
    /// Tells the client to go elsewhere.
    pub(super) goaway: Notify,
    pub(super) client: Option<SocketAddr>,
}

/// Serves a browser's connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Without this, the first answer on each connection waits 40 ms for the browser's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        return shared.trouble(Fault::from_error(FaultStage::Client, "TCP_NODELAY", &error));
    }
    let mut socket = Socket::new(stream);
    let mut seen = BytesMut::new();
    let Some(spoken) = unless_stopped(&shared, sniff(&mut socket, &mut seen)).await.flatten() else { return };
    socket.unread(seen.freeze());
    let host = shared.address.ip().to_string();
    match spoken {
        // A proxy over TLS carries many plain requests at once, on HTTP/2.
        Spoken::Tls => serve_tls(shared, socket, &host, |_| (None, None)).await,
        Spoken::Http2 => Connection::new(&shared, (None, None), socket.line(), true).http2(socket).await,
        Spoken::Http1 | Spoken::Unknown => {
            Connection::new(&shared, (None, None), socket.line(), false).http1(socket).await;
        }
    }
}

/// Browsers open connections ahead of need, and drop them unused: what waits for their first word ends with the test.
async fn unless_stopped<T>(shared: &Shared, waiting: impl Future<Output = T>) -> Option<T> {
    let mut stopping = shared.tasks.stopping();
    tokio::select! {
        done = waiting => Some(done),
        () = stopping.wait() => None,
    }
}

/// Serves what comes through a CONNECT.
pub(super) async fn serve_connected(shared: Arc<Shared>, upgraded: Upgraded, target: Target) {
    let (mut socket, already) = match upgraded.downcast::<TokioIo<Flushing<Socket>>>() {
        Ok(parts) => (parts.io.into_inner().into_inner(), parts.read_buf),
        // Inside TLS, or a stream of HTTP/2.
        Err(upgraded) => (Socket::inside(TokioIo::new(upgraded)), Bytes::new()),
    };
    let mut seen = BytesMut::from(&already[..]);
    let first = unless_stopped(&shared, first_word(&shared, &mut socket, &mut seen, &target)).await;
    socket.unread(seen.freeze());
    let spoken = match first {
        Some(First::Client(spoken)) => spoken,
        Some(First::Server(upstream)) => return tunnel::join(&shared, &mut socket, &mut *Box::new(upstream)).await,
        Some(First::Nobody) | None => return,
    };
    let plain = || (Some(Target { tls: false, ..target.clone() }), None);
    match spoken {
        Spoken::Tls => {
            let host = target.host.clone();
            serve_tls(shared, socket, &host, |name| named(target, name)).await;
        }
        Spoken::Http1 => Connection::new(&shared, plain(), socket.line(), false).http1(socket).await,
        Spoken::Http2 => Connection::new(&shared, plain(), socket.line(), true).http2(socket).await,
        Spoken::Unknown => tunnel::opaque(&shared, socket, &target).await,
    }
}

/// The name that rules and certificates go by, and where CONNECT leads if that is something else.
fn named(target: Target, name: Option<String>) -> (Option<Target>, Option<Target>) {
    match name {
        Some(name) if name != target.host => (Some(Target { host: name, ..target.clone() }), Some(target)),
        _ => (Some(target), None),
    }
}

/// Who speaks first inside a CONNECT.
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

/// How long a client may be silent before the server is listened to: with SMTP and the like, that speaks first.
const SILENCE: Duration = Duration::from_millis(300);

async fn first_word(shared: &Shared, socket: &mut Socket, seen: &mut BytesMut, target: &Target) -> First {
    let mut client = pin!(sniff(socket, seen));
    if let Ok(spoken) = tokio::time::timeout(SILENCE, client.as_mut()).await {
        return First::of(spoken);
    }
    let server = async {
        let upstream = shared.upstreams.connect_tcp(target).await.ok()?;
        // One that closes without a word ends the tunnel.
        upstream.peek(&mut [0]).await.ok()?;
        Some(upstream)
    };
    tokio::select! {
        spoken = client => First::of(spoken),
        // Where there is no server, the client is waited for.
        Some(upstream) = server => First::Server(upstream),
    }
}

/// `origin` tells where requests go, by the name that the client asks for.
async fn serve_tls(
    shared: Arc<Shared>,
    socket: Socket,
    host: &str,
    origin: impl FnOnce(Option<String>) -> (Option<Target>, Option<Target>),
) {
    let line = socket.line();
    let accepted = match tls::accept(&shared, socket, host).await {
        Ok(accepted) => accepted,
        Err(fault) => return shared.trouble(fault),
    };
    let connection = Connection::new(&shared, origin(accepted.server_name), line, accepted.http2);
    if accepted.http2 {
        connection.http2(accepted.stream).await;
    } else {
        connection.http1(accepted.stream).await;
    }
}

impl Connection {
    fn new(
        shared: &Arc<Shared>,
        (origin, via): (Option<Target>, Option<Target>),
        (reset, client): (Switch, Option<SocketAddr>),
        is_http2: bool,
    ) -> Arc<Self> {
        let (shared, flushes, garbled, goaway) = (Arc::clone(shared), Arc::default(), Switch::default(), Notify::new());
        let upstreams = Client::new(shared.connections.fetch_add(1, Ordering::Relaxed), is_http2);
        Arc::new(Self { shared, upstreams, origin, via, is_http2, flushes, reset, garbled, goaway, client })
    }

    /// How a request on this connection gets to its upstream. One that a rule has sent elsewhere goes there.
    pub(super) fn route(&self, target: &Target) -> Route<'_> {
        let origin = self.origin.as_ref().filter(|origin| *origin == target);
        let prior_knowledge = self.is_http2 && origin.is_some_and(|origin| !origin.tls);
        Route { client: &self.upstreams, via: origin.and(self.via.as_ref()), prior_knowledge }
    }

    async fn http1<S>(self: Arc<Self>, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let reason = Reason::default();
        let (flushes, garbled) = (Arc::clone(&self.flushes), Arc::clone(&self.garbled));
        let io = TokioIo::new(Flushing::http1(io, flushes, garbled, Arc::clone(&reason)));
        let service = Arc::clone(&self);
        let connection = hyper::server::conn::http1::Builder::new()
            .preserve_header_case(true)
            .max_headers(limits::MAX_HEADER_LINES)
            .auto_date_header(false)
            .timer(TokioTimer::new())
            // A browser may keep a connection open and say nothing for as long as it likes.
            .header_read_timeout(None)
            .serve_connection(io, service_fn(move |request| http::serve(Arc::clone(&service), request)))
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut stopping = self.shared.tasks.stopping();
        let end = tokio::select! {
            end = connection.as_mut() => end,
            () = stopping.wait() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        self.ended(end, reason.get());
    }

    async fn http2<S>(self: Arc<Self>, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Flushing::http2(io, Arc::clone(&self.flushes)));
        let service = Arc::clone(&self);
        let streams = Streams::default();
        let connection = hyper::server::conn::http2::Builder::new(streams.clone())
            // A page may have this many requests parked at once.
            .max_concurrent_streams(10_000)
            .max_header_list_size(limits::MAX_HEADERS)
            // A parked upload fills its own window, never that of its siblings.
            .initial_connection_window_size(limits::OPEN_WINDOW)
            .max_local_error_reset_streams(None)
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .serve_connection(io, service_fn(move |request| http::serve(Arc::clone(&service), request)));
        let mut stopping = self.shared.tasks.stopping();
        let this = Arc::clone(&self);
        let stoppable = async move {
            let mut connection = pin!(connection);
            tokio::select! {
                end = connection.as_mut() => return end,
                () = stopping.wait() => {}
                () = this.goaway.notified() => {}
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        };
        let end = streams::run(stoppable, streams, &self.flushes).await;
        self.ended(end, None);
    }

    /// Journals why a connection ended, where its flows do not tell it themselves.
    fn ended(&self, end: hyper::Result<()>, refused: Option<&String>) {
        let Err(error) = end else { return };
        if let Some(why) = refused {
            self.shared.trouble(Fault::from_error(FaultStage::Client, why, &error));
        } else if error.is_parse() || error.is_parse_too_large() || is_of_http2(&error) {
            self.shared.trouble(Fault::from_error(FaultStage::Client, "what the client sent is no HTTP", &error));
        }
    }
}

/// Whether a client of HTTP/2 has broken its rules.
fn is_of_http2(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && cause.reason() != Some(h2::Reason::NO_ERROR))
}

/// Starts serving what comes through a CONNECT, once the client has its 200.
pub(super) fn connected(
    connection: &Connection,
    request: &mut hyper::Request<Incoming>,
    target: Target,
) -> impl Future<Output = ()> + Send + use<> {
    let shared = Arc::clone(&connection.shared);
    let upgrade = hyper::upgrade::on(request);
    async move {
        if let Ok(upgraded) = upgrade.await {
            serve_connected(shared, upgraded, target).await;
        }
    }
}
