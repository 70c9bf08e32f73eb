//! One HTTP connection to an upstream, ready for a request.

use super::forgiving::{Forgiving, NextHead};
use super::parent::Parent;
use super::upload::Attempt;
use super::wire::{Traffic, Wire};
use crate::flow::{Fault, FaultStage};
use crate::proxy::limits::{MAX_HEADER_LINES, MAX_HEADERS, OPEN_WINDOW};
use crate::proxy::permit::Permit;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A connection for one request.
#[derive(Debug)]
pub(super) enum Connection {
    Http1(Http1),
    Http2(Http2),
}

/// A request that got no response.
pub(super) struct Unanswered {
    pub(super) error: hyper::Error,
    pub(super) again: Again,
}

/// Whether another attempt may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The server may have processed the request.
    No,
    /// The connection has ended before the server processed it.
    Unprocessed,
    /// The server does not process it now; the connection stays open.
    Refused,
    /// A kept connection has closed before a byte of the response: browsers treat that as "not processed".
    Closed,
    /// The server requires HTTP/1.1 for it.
    OnHttp1,
}

#[derive(Debug)]
pub(super) struct Http1 {
    sender: http1::SendRequest<Attempt>,
    pub(super) next: NextHead,
    pub(super) traffic: Traffic,
    /// Whether it has carried a response before.
    used: bool,
    /// The client connection that used it last.
    pub(super) last_client: Option<u64>,
    /// The client connection that has authenticated itself on it (NTLM, Negotiate).
    pub(super) owner: Option<u64>,
    pub(super) permit: Option<Permit>,
    /// The proxy at its other end, if that and not the server reads the requests.
    pub(super) parent: Option<Arc<Parent>>,
}

impl Http1 {
    pub(super) async fn open(wire: Wire, parent: Option<Arc<Parent>>) -> Result<Self, Fault> {
        let traffic = wire.traffic();
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(true).max_headers(MAX_HEADER_LINES).max_header_size(MAX_HEADERS as usize);
        let next = NextHead::default();
        let io = TokioIo::new(Forgiving::new(wire, next.clone()));
        let (sender, connection) = builder.handshake(io).await.map_err(|error| broken(&error))?;
        // Its flows report its errors.
        tokio::spawn(async move { drop(connection.with_upgrades().await) });
        Ok(Self { sender, next, traffic, used: false, last_client: None, owner: None, permit: None, parent })
    }

    pub(super) fn with(self, permit: Option<Permit>) -> Self {
        Self { permit, ..self }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Waits until it can take another request. Returns false if it never can.
    pub(super) async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) async fn send(
        &mut self,
        request: http::Request<Attempt>,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let received = self.traffic.received();
        self.next.expect();
        match self.sender.send_request(request).await {
            Ok(response) => {
                self.used = true;
                Ok(response)
            }
            Err(error) => {
                let closed = self.used && self.traffic.received() == received && !error.is_user();
                let again = if closed { Again::Closed } else { Again::No };
                Err(Unanswered { error, again })
            }
        }
    }
}

/// An HTTP/2 connection, shared by all requests of a client to its upstream.
#[derive(Clone, Debug)]
pub(super) struct Http2 {
    sender: http2::SendRequest<Attempt>,
    pub(super) traffic: Traffic,
    /// Whether it has carried a response before.
    used: Arc<AtomicBool>,
}

impl Http2 {
    pub(super) async fn open(wire: Wire) -> Result<Self, Fault> {
        let traffic = wire.traffic();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEADERS)
            // A response that is parked unread fills its own window, never that of other streams.
            .initial_connection_window_size(OPEN_WINDOW);
        let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(|error| broken(&error))?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, traffic, used: Arc::default() })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Returns whether it has carried a response before.
    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.used, &other.used)
    }

    pub(super) async fn send(
        &mut self,
        request: http::Request<Attempt>,
    ) -> Result<http::Response<Incoming>, Unanswered> {
        let (used, is_idempotent) = (self.is_used(), request.method().is_idempotent());
        let sent = async {
            poll_fn(|cx| self.sender.poll_ready(cx)).await?;
            self.sender.send_request(request).await
        };
        match sent.await {
            Ok(response) => {
                self.used.store(true, Ordering::Relaxed);
                Ok(response)
            }
            Err(error) => {
                let again = again(&error, used, is_idempotent);
                Err(Unanswered { error, again })
            }
        }
    }
}

/// Returns whether a request that failed on HTTP/2 may be sent again (RFC 9113, section 8.7).
fn again(error: &hyper::Error, used: bool, is_idempotent: bool) -> Again {
    if error.is_canceled() || error.is_closed() {
        return Again::Unprocessed;
    }
    let source = std::error::Error::source(error);
    let closed = if used { Again::Closed } else { Again::No };
    // hyper returns I/O errors of the connection under HTTP/2 as they are.
    let Some(cause) = source.and_then(|cause| cause.downcast_ref::<h2::Error>()) else {
        return if source.is_some_and(|cause| cause.is::<std::io::Error>()) { closed } else { Again::No };
    };
    match cause.reason() {
        _ if cause.is_go_away() && !cause.is_remote() => Again::No,
        Some(h2::Reason::NO_ERROR) if cause.is_go_away() => Again::Unprocessed,
        // Whether the server stopped before or after this request is unknown.
        Some(_) if cause.is_go_away() => {
            if is_idempotent {
                Again::Closed
            } else {
                Again::No
            }
        }
        Some(h2::Reason::REFUSED_STREAM) => Again::Refused,
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Again::OnHttp1,
        _ if cause.is_io() => closed,
        _ => Again::No,
    }
}

fn broken(error: &hyper::Error) -> Fault {
    Fault::from_error(FaultStage::Exchange, "the upstream broke off", error)
}
