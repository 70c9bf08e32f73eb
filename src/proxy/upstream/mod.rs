//! The side of the servers: which address a name means, whom to trust, and the connections that are kept.

mod connector;
mod hosts;
mod tls;

pub use hosts::Upstream;

use super::body::{Envelope, Source};
use super::handicap::Handicapped;
use super::hop;
use super::http::{MAX_HEADERS, OPEN_WINDOW};
use crate::flow::{Content, Fault, FaultStage, Request, Response, Target};
use connector::{Connector, Protocols, Used};
use hosts::Hosts;
use http::header::{self, HeaderValue};
use http::{StatusCode, Uri, Version};
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Upstreams {
    hosts: Arc<Hosts>,
    clients: RwLock<Clients>,
}

/// Connections that are kept, by what they may speak.
#[derive(Clone, Debug)]
struct Clients {
    any: Client<Connector, Handicapped>,
    /// For requests that change the protocol, which HTTP/2 cannot.
    http1: Client<Connector, Handicapped>,
}

/// Longer than it takes a lost SYN to be sent again twice.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// Common servers keep an idle connection for 5 s; one that is about to be closed must not be chosen.
const IDLE: Duration = Duration::from_secs(3);

impl Clients {
    fn new(hosts: &Arc<Hosts>) -> Self {
        let client = |protocols| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .http1_preserve_header_case(true)
                .http2_max_header_list_size(MAX_HEADERS)
                // An answer that is parked unread fills its own window, never that of its siblings.
                .http2_initial_connection_window_size(OPEN_WINDOW)
                .set_host(false)
                .build(Connector::new(Arc::clone(hosts), protocols))
        };
        Self { any: client(Protocols::Any), http1: client(Protocols::Http1) }
    }
}

impl Upstreams {
    pub(super) fn new(proxy: SocketAddr, connect_within: Option<Duration>) -> Self {
        let hosts = Arc::new(Hosts::new(proxy, connect_within.unwrap_or(CONNECT_WITHIN)));
        Self { clients: RwLock::new(Clients::new(&hosts)), hosts }
    }

    /// From now on a name means this upstream.
    pub(crate) fn host(&self, name: &str, upstream: Upstream) {
        self.hosts.set(name, upstream);
        self.forget_connections();
    }

    /// From now on upstreams may also be certified by these.
    pub(crate) fn trust(&self, pem: &str) -> Result<(), Fault> {
        self.hosts.trust(pem)?;
        self.forget_connections();
        Ok(())
    }

    /// From now on any certificate is good enough for this host.
    pub(crate) fn insecure(&self, name: &str) {
        self.hosts.insecure(name);
        self.forget_connections();
    }

    fn forget_connections(&self) {
        *self.clients.write().unwrap_or_else(PoisonError::into_inner) = Clients::new(&self.hosts);
    }

    /// A bare connection to where a target leads.
    pub(super) async fn connect_tcp(&self, target: &Target) -> Result<TcpStream, Fault> {
        connector::bare(&self.hosts, target).await
    }

    /// Sends a request, whose head stays as it is, and gives the answer's head; its body streams.
    pub(super) async fn send(
        &self,
        request: &mut Envelope<Request>,
        upgrade: Option<&HeaderValue>,
    ) -> Result<Envelope<Response>, Fault> {
        if let Some(fault) = request.mismatch() {
            return Err(fault);
        }
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner).clone();
        let client = if upgrade.is_some() { &clients.http1 } else { &clients.any };
        let again = repeatable(request);
        let sent = Instant::now();
        let response = loop {
            match client.request(outgoing(request, upgrade)?).await {
                Ok(response) => break response,
                // A kept connection that the server closed just now: a browser would ask again, and so does the proxy.
                // Each such connection is gone from the pool then, and a new one is not kept, so this comes to an end.
                Err(error) if again && was_kept(&error) => {}
                Err(error) => return Err(fault(&error)),
            }
        };
        if let Some(used) = response.extensions().get::<Used>() {
            used.mark();
        }
        let (parts, body) = response.into_parts();
        if parts.status == StatusCode::SWITCHING_PROTOCOLS && upgrade.is_none() {
            let what = "the upstream changes the protocol, and nobody has asked for that";
            return Err(Fault::new(FaultStage::Exchange, what));
        }
        let mut headers = hop::end_to_end(&parts.headers);
        // It would lead the browser past the proxy.
        hop::remove(&mut headers, &[header::ALT_SVC]);
        if parts.headers.contains_key(header::TRANSFER_ENCODING) {
            // The chunks tell the length (RFC 9112, section 6.3).
            hop::remove(&mut headers, &[header::CONTENT_LENGTH]);
        }
        let (status, version, content) = (parts.status, parts.version, Content::Streaming);
        let head = Response { status, version, headers, content, elapsed: Some(sent.elapsed()) };
        let mut response = Envelope::new(head, Source::stream(body));
        (response.extensions, response.limit) = (parts.extensions, request.limit);
        Ok(response)
    }
}

/// Whether sending it twice does no harm.
fn repeatable(request: &Envelope<Request>) -> bool {
    request.head.method.is_safe() && request.body.is_empty()
}

fn was_kept(error: &legacy::Error) -> bool {
    let mut extras = http::Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extras);
    }
    extras.get::<Used>().is_some_and(Used::is_marked)
}

/// What goes on the wire: a copy of the head, and the body itself.
fn outgoing(
    message: &mut Envelope<Request>,
    upgrade: Option<&HeaderValue>,
) -> Result<http::Request<Handicapped>, Fault> {
    let url = message.head.url();
    let uri: Uri = url.parse().map_err(|error| Fault::from_error(FaultStage::Exchange, &url, &error))?;
    let mut request = http::Request::new(message.take_body());
    let head = &message.head;
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    // The connection decides; this only must not ask for HTTP/2 where there is none.
    *request.version_mut() = Version::HTTP_11;
    *request.headers_mut() = head.headers.clone();
    *request.extensions_mut() = message.extensions.clone();
    if let Some(to) = upgrade {
        hop::keep_upgrade(request.headers_mut(), to.clone());
    }
    Ok(request)
}

/// The fault behind an error of the client: the connector's own, if it got no further.
fn fault(error: &legacy::Error) -> Fault {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<Fault>() {
            return fault.clone();
        }
        cause = error.source();
    }
    Fault::from_error(FaultStage::Exchange, "the upstream gave no answer", error)
}
