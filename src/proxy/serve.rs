//! HTTP on one connection, from its first request to its end.

use super::connection::Connection;
use super::refusal::Reason;
use super::socket::Flushing;
use super::streams::{self, Streams};
use super::{http, limits};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// Serves a connection on which the client speaks HTTP/2 or HTTP/1.
///
/// Returns when the connection is closed or upgraded. Once the proxy stops, it takes no new requests and finishes the
/// open ones.
pub(super) async fn serve<S>(connection: Arc<Connection>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // On the heap, so that a task is as large as what it does now: ten thousand flows may be parked.
    if connection.is_http2 { Box::pin(http2(connection, io)).await } else { Box::pin(http1(connection, io)).await }
}

async fn http1<S>(connection: Arc<Connection>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let reason = Reason::default();
    let (flushes, garbled) = (Arc::clone(&connection.flushes), Arc::clone(&connection.garbled));
    let io = TokioIo::new(Flushing::http1(io, flushes, garbled, Arc::clone(&reason)));
    let service = Arc::clone(&connection);
    let serving = hyper::server::conn::http1::Builder::new()
        .preserve_header_case(true)
        .max_headers(limits::MAX_HEADER_LINES)
        .auto_date_header(false)
        .timer(TokioTimer::new())
        // A browser may keep an idle connection open for any time.
        .header_read_timeout(None)
        .serve_connection(io, service_fn(move |request| http::serve(Arc::clone(&service), request)))
        .with_upgrades();
    let mut serving = pin!(serving);
    let mut stopping = connection.shared.tasks.stopping();
    let end = tokio::select! {
        end = serving.as_mut() => end,
        () = stopping.wait() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    connection.ended(end, reason.get());
}

async fn http2<S>(connection: Arc<Connection>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(Flushing::http2(io, Arc::clone(&connection.flushes)));
    let service = Arc::clone(&connection);
    let streams = Streams::default();
    let serving = hyper::server::conn::http2::Builder::new(streams.clone())
        // A page may have this many requests parked at once.
        .max_concurrent_streams(10_000)
        .max_header_list_size(limits::MAX_HEADERS)
        // A parked upload fills its own window, never that of other streams.
        .initial_connection_window_size(limits::OPEN_WINDOW)
        .max_local_error_reset_streams(None)
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .serve_connection(io, service_fn(move |request| http::serve(Arc::clone(&service), request)));
    let mut stopping = connection.shared.tasks.stopping();
    let goaway = Arc::clone(&connection);
    let mut serving = pin!(serving);
    let stoppable = pin!(async {
        tokio::select! {
            end = serving.as_mut() => return end,
            () = stopping.wait() => {}
            () = goaway.goaway.notified() => {}
        }
        serving.as_mut().graceful_shutdown();
        serving.await
    });
    let end = streams::run(stoppable, streams, &connection.flushes).await;
    connection.ended(end, None);
}
