//! One client connection, as its flows see it.

use super::Shared;
use super::flushes::Flushes;
use super::socket::Switch;
use super::upstream::{Client, Route};
use crate::flow::{Fault, FaultStage, Target};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// Serves the connection inside a CONNECT.
pub(super) type OnConnect = fn(Arc<Shared>, Upgraded, Target) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a client speaks on a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Protocol {
    pub(super) is_http2: bool,
    pub(super) is_tls: bool,
}

/// One client connection, as its flows see it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    /// The upstream connections that belong to this client connection.
    upstreams: Client,
    /// The destination of all requests; `None` on the proxy's own connection, where each request names its server.
    pub(super) origin: Option<Target>,
    /// The target of CONNECT, if requests inside go by another name.
    via: Option<Target>,
    pub(super) is_http2: bool,
    /// Whether the client speaks HTTP/2 in the clear, which it does only if it knows that the server does.
    prior_knowledge: bool,
    pub(super) flushes: Arc<Flushes>,
    /// Closes the connection with RST instead of FIN.
    pub(super) reset: Switch,
    /// Replaces what is written next by bytes that are not HTTP.
    pub(super) garbled: Switch,
    /// On HTTP/2, starts a graceful shutdown, which sends GOAWAY.
    pub(super) goaway: Notify,
    pub(super) client: Option<SocketAddr>,
    on_connect: OnConnect,
}

impl Connection {
    pub(super) fn new(
        shared: &Arc<Shared>,
        (origin, via): (Option<Target>, Option<Target>),
        (reset, client): (Switch, Option<SocketAddr>),
        spoken: Protocol,
        on_connect: OnConnect,
    ) -> Arc<Self> {
        let (is_http2, prior_knowledge) = (spoken.is_http2, spoken.is_http2 && !spoken.is_tls);
        let (shared, flushes, garbled, goaway) = (Arc::clone(shared), Arc::default(), Switch::default(), Notify::new());
        let upstreams = Client::new(shared.connections.fetch_add(1, Ordering::Relaxed), is_http2);
        Arc::new(Self {
            shared,
            upstreams,
            origin,
            via,
            is_http2,
            prior_knowledge,
            flushes,
            reset,
            garbled,
            goaway,
            client,
            on_connect,
        })
    }

    /// Returns the route of a request to its upstream. A request that a rule has redirected goes to its new target.
    pub(super) fn route(&self, target: &Target) -> Route<'_> {
        let origin = self.origin.as_ref().filter(|origin| *origin == target);
        let prior_knowledge = self.prior_knowledge && origin.is_some_and(|origin| !origin.tls);
        Route { client: &self.upstreams, via: origin.and(self.via.as_ref()), prior_knowledge }
    }

    /// Serves the connection inside a CONNECT once the client has its 200, in a task of the proxy.
    pub(super) fn connected(&self, request: &mut hyper::Request<Incoming>, target: Target) {
        let (shared, on_connect) = (Arc::clone(&self.shared), self.on_connect);
        let upgrade = hyper::upgrade::on(request);
        self.shared.tasks.spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                on_connect(shared, upgraded, target).await;
            }
        });
    }

    /// Journals why a connection ended, if its flows do not report it themselves.
    pub(super) fn ended(&self, end: hyper::Result<()>, refused: Option<&String>) {
        let Err(error) = end else { return };
        if let Some(why) = refused {
            self.shared.trouble(Fault::from_error(FaultStage::Client, why, &error));
        } else if error.is_parse() || error.is_parse_too_large() || is_of_http2(&error) {
            self.shared.trouble(Fault::from_error(FaultStage::Client, "what the client sent is not HTTP", &error));
        }
    }
}

/// Whether the client has violated the HTTP/2 protocol.
fn is_of_http2(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_library() && cause.reason() != Some(h2::Reason::NO_ERROR))
}
