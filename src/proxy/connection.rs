//! One accepted connection: HTTP/1 to the proxy, and whatever CONNECT opens inside it.

use super::delivery::Flushes;
use super::sniff::{Spoken, sniff};
use super::socket::{Flushing, Socket, Switch};
use super::streams::{self, Streams};
use super::{Shared, http, tls, tunnel};
use crate::flow::{Fault, FaultStage, Target};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// One connection, as the flows on it see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// Where everything on this connection goes; none on the proxy's own connection, where requests say it themselves.
    pub(super) origin: Option<Target>,
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
    let Some(spoken) = sniffed(&shared, &mut socket, Bytes::new()).await else { return };
    let host = shared.address.ip().to_string();
    match spoken {
        // A proxy over TLS carries many plain requests at once, on HTTP/2.
        Spoken::Tls => serve_tls(shared, socket, &host, |_| None).await,
        Spoken::Http2 => Connection::new(&shared, None, socket.line()).http2(socket).await,
        Spoken::Http1 | Spoken::Unknown => Connection::new(&shared, None, socket.line()).http1(socket).await,
    }
}

/// What a client speaks first; none if it says nothing before it leaves, or the test ends.
async fn sniffed(shared: &Shared, socket: &mut Socket, already: Bytes) -> Option<Spoken> {
    // Browsers open connections ahead of need, and drop them unused.
    let mut stopping = shared.tasks.stopping();
    let sniffed = tokio::select! {
        sniffed = sniff(socket, already) => sniffed,
        () = stopping.wait() => return None,
    };
    let (spoken, seen) = sniffed.ok()??;
    socket.unread(seen);
    Some(spoken)
}

/// Serves what comes through a CONNECT.
pub(super) async fn serve_connected(shared: Arc<Shared>, upgraded: Upgraded, target: Target) {
    let (mut socket, already) = match upgraded.downcast::<TokioIo<Flushing<Socket>>>() {
        Ok(parts) => (parts.io.into_inner().into_inner(), parts.read_buf),
        // Inside TLS, or a stream of HTTP/2.
        Err(upgraded) => (Socket::inside(TokioIo::new(upgraded)), Bytes::new()),
    };
    let Some(spoken) = sniffed(&shared, &mut socket, already).await else { return };
    match spoken {
        Spoken::Tls => {
            let Target { host, port, .. } = target;
            serve_tls(shared, socket, &host, |name| {
                Some(Target { tls: true, host: name.unwrap_or_else(|| host.clone()), port })
            })
            .await;
        }
        Spoken::Http1 => Connection::new(&shared, Some(plain(target)), socket.line()).http1(socket).await,
        Spoken::Http2 => Connection::new(&shared, Some(plain(target)), socket.line()).http2(socket).await,
        Spoken::Unknown => tunnel::opaque(&shared, socket, &target).await,
    }
}

/// `origin` tells where requests go, by the name that the client asks for.
async fn serve_tls(
    shared: Arc<Shared>,
    socket: Socket,
    host: &str,
    origin: impl FnOnce(Option<String>) -> Option<Target>,
) {
    let line = socket.line();
    let accepted = match tls::accept(&shared, socket, host).await {
        Ok(accepted) => accepted,
        Err(fault) => return shared.trouble(fault),
    };
    let connection = Connection::new(&shared, origin(accepted.server_name), line);
    if accepted.http2 {
        connection.http2(accepted.stream).await;
    } else {
        connection.http1(accepted.stream).await;
    }
}

fn plain(target: Target) -> Target {
    Target { tls: false, ..target }
}

impl Connection {
    fn new(shared: &Arc<Shared>, origin: Option<Target>, (reset, client): (Switch, Option<SocketAddr>)) -> Arc<Self> {
        let (shared, flushes, garbled, goaway) = (Arc::clone(shared), Arc::default(), Switch::default(), Notify::new());
        Arc::new(Self { shared, origin, flushes, reset, garbled, goaway, client })
    }

    async fn http1<S>(self: Arc<Self>, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Flushing::new(io, Arc::clone(&self.flushes), Arc::clone(&self.garbled)));
        let service = Arc::clone(&self);
        let connection = hyper::server::conn::http1::Builder::new()
            .preserve_header_case(true)
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
        self.ended(end);
    }

    async fn http2<S>(self: Arc<Self>, io: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(Flushing::new(io, Arc::clone(&self.flushes), Switch::default()));
        let service = Arc::clone(&self);
        let streams = Streams::default();
        let connection = hyper::server::conn::http2::Builder::new(streams.clone())
            // A page may have this many requests parked at once.
            .max_concurrent_streams(10_000)
            .max_header_list_size(http::MAX_HEADERS)
            // A parked upload fills its own window, never that of its siblings.
            .initial_connection_window_size(http::OPEN_WINDOW)
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
        self.ended(end);
    }

    /// Journals why a connection ended, where its flows do not tell it themselves.
    fn ended(&self, end: hyper::Result<()>) {
        if let Err(error) = end
            && (error.is_parse() || error.is_parse_too_large())
        {
            self.shared.trouble(Fault::from_error(FaultStage::Client, "what the client sent is no HTTP", &error));
        }
    }
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
