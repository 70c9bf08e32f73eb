//! One connection of a client, as the flows on it see it.

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

/// Serves what comes through a CONNECT, which is a connection again.
pub(super) type OnConnect = fn(Arc<Shared>, Upgraded, Target) -> Pin<Box<dyn Future<Output = ()> + Send>>;

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
    pub(super) is_http2: bool,
    pub(super) flushes: Arc<Flushes>,
    /// Ends the connection with RST instead of FIN.
    pub(super) reset: Switch,
    /// What is written next is no HTTP.
    pub(super) garbled: Switch,
    /// Tells the client to go elsewhere.
    pub(super) goaway: Notify,
    pub(super) client: Option<SocketAddr>,
    on_connect: OnConnect,
}

impl Connection {
    pub(super) fn new(
        shared: &Arc<Shared>,
        (origin, via): (Option<Target>, Option<Target>),
        (reset, client): (Switch, Option<SocketAddr>),
        is_http2: bool,
        on_connect: OnConnect,
    ) -> Arc<Self> {
        let (shared, flushes, garbled, goaway) = (Arc::clone(shared), Arc::default(), Switch::default(), Notify::new());
        let upstreams = Client::new(shared.connections.fetch_add(1, Ordering::Relaxed), is_http2);
        Arc::new(Self { shared, upstreams, origin, via, is_http2, flushes, reset, garbled, goaway, client, on_connect })
    }

    /// How a request on this connection gets to its upstream. One that a rule has sent elsewhere goes there.
    pub(super) fn route(&self, target: &Target) -> Route<'_> {
        let origin = self.origin.as_ref().filter(|origin| *origin == target);
        let prior_knowledge = self.is_http2 && origin.is_some_and(|origin| !origin.tls);
        Route { client: &self.upstreams, via: origin.and(self.via.as_ref()), prior_knowledge }
    }

    /// Starts serving what comes through a CONNECT, once the client has its 200.
    pub(super) fn connected(&self, request: &mut hyper::Request<Incoming>, target: Target) {
        let (shared, on_connect) = (Arc::clone(&self.shared), self.on_connect);
        let upgrade = hyper::upgrade::on(request);
        self.shared.tasks.spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                on_connect(shared, upgraded, target).await;
            }
        });
    }

    /// Journals why a connection ended, where its flows do not tell it themselves.
    pub(super) fn ended(&self, end: hyper::Result<()>, refused: Option<&String>) {
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
