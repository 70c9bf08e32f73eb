//! The upstreams: the addresses of names, trust, and the connections that are kept.

mod client;
mod connection;
mod connector;
mod driven;
mod forgiving;
mod handshake;
mod hosts;
mod outgoing;
mod parent;
mod pool;
mod trust;
mod upload;
mod wire;

pub(super) use client::Client;
pub use hosts::Upstream;

use super::body::Source;
use super::envelope::Envelope;
use super::framing::Framing;
use super::hop;
use crate::flow::{Content, Fault, FaultStage, Request, Response, Target};
use client::Share;
use connection::{Again, Connection, Http1, Http2, Unanswered};
use connector::Destination;
use hosts::Hosts;
use http::StatusCode;
use http::header::{self, HeaderMap};
use hyper::body::Incoming;
use pool::{Origin, Pool, Wanted};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;
use upload::Upload;

/// The upstreams of one proxy.
#[derive(Debug)]
pub(crate) struct Upstreams {
    hosts: Arc<Hosts>,
    pool: RwLock<Arc<Pool>>,
}

/// The client of a request, and where it wanted to connect to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub(super) client: &'a Client,
    /// The target of CONNECT, if the requests inside name another one.
    pub(super) via: Option<&'a Target>,
    /// Whether the client speaks HTTP/2 in the clear to this server, with prior knowledge.
    pub(super) prior_knowledge: bool,
}

/// The default connect timeout: longer than it takes to send a lost SYN again twice.
const CONNECT_WITHIN: Duration = Duration::from_secs(20);
/// How often a request is sent that servers do not process. For example, a server may take five requests on each
/// connection, and have sixty at once.
const MOST_ATTEMPTS: usize = 100;
/// How many connections in a row may refuse a request before they have carried any response.
const MOST_BARREN: usize = 30;

impl Upstreams {
    pub(super) fn new(proxy: SocketAddr, connect_within: Option<Duration>) -> Self {
        let hosts = Arc::new(Hosts::new(proxy, connect_within.unwrap_or(CONNECT_WITHIN)));
        Self { pool: RwLock::new(Arc::new(Pool::new(&hosts))), hosts }
    }

    /// Maps a name to an upstream from now on.
    pub(crate) fn host(&self, name: &str, upstream: Upstream) -> Result<(), String> {
        self.hosts.set(name, upstream)?;
        self.forget_connections();
        Ok(())
    }

    /// Trusts these certificates for upstreams from now on.
    pub(crate) fn trust(&self, pem: &str) -> Result<(), Fault> {
        self.hosts.trust(pem)?;
        self.forget_connections();
        Ok(())
    }

    /// Accepts any certificate of this host from now on.
    pub(crate) fn insecure(&self, name: &str) -> Result<(), String> {
        self.hosts.insecure(name)?;
        self.forget_connections();
        Ok(())
    }

    /// Reaches servers through another proxy from now on, except those that the test has declared.
    pub(crate) fn through(&self, url: &str) -> Result<(), String> {
        self.hosts.through(url)?;
        self.forget_connections();
        Ok(())
    }

    /// Passes connections to this host on unchanged from now on.
    pub(crate) fn pass(&self, name: &str) -> Result<(), String> {
        self.hosts.pass(name)
    }

    /// Passes connections to all hosts but this one, and others named so, on unchanged from now on.
    pub(crate) fn intercept_only(&self, name: &str) -> Result<(), String> {
        self.hosts.intercept_only(name)
    }

    /// Whether connections to this host are passed on unchanged.
    pub(super) fn passes(&self, name: &str) -> bool {
        self.hosts.passes(name)
    }

    /// Limits the HTTP/1 connections to a host, for each connection of a client, from now on.
    pub(crate) fn limit_connections(&self, per_host: usize) {
        self.hosts.connections_per_host.store(per_host, Ordering::Relaxed);
        self.forget_connections();
    }

    /// Refuses connections to these local ports from now on.
    pub(crate) fn refuse_ports(&self, ports: &[u16]) {
        self.hosts.refuse(ports);
    }

    /// No browser is driven by this port any longer; another server may get it.
    pub(crate) fn allow_port(&self, port: u16) {
        self.hosts.allow(port);
    }

    /// Adds no `x-forwarded-*` headers from now on.
    pub(crate) fn forward_nothing(&self) {
        self.hosts.forwards.store(false, Ordering::Relaxed);
    }

    fn forget_connections(&self) {
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Pool::new(&self.hosts));
    }

    /// Opens a TCP connection to a target.
    pub(super) async fn connect_tcp(&self, target: &Target) -> Result<TcpStream, Fault> {
        Destination::new(&self.hosts, target, None, false).connect_bare(&self.hosts).await
    }

    /// Sends a request, whose head stays unchanged, and returns the response's head; its body streams.
    pub(super) async fn send(
        &self,
        request: &mut Envelope<Request>,
        route: Route<'_>,
    ) -> Result<Envelope<Response>, Fault> {
        if let Some(fault) = request.mismatch() {
            return Err(fault);
        }
        let destination = Destination::new(&self.hosts, &request.head.target, route.via, route.prior_knowledge);
        let pool = Arc::clone(&self.pool.read().unwrap_or_else(PoisonError::into_inner));
        let origin = pool.origin(&destination);
        let share = origin.share_of(route.client);
        let upload = Upload::new(request.take_body());
        let forwards = self.hosts.forwards();
        let exchange = Exchange { request, client: route.client, origin: &origin, share: &share, forwards };
        let response = exchange.answer(&upload).await?;
        answer(response, request)
    }
}

/// How an attempt ended without a response.
enum Ended {
    For(Fault),
    /// Another attempt may succeed. The flag is whether the connection had carried a response before.
    Until(Again, bool, Fault),
}

/// One request to one upstream.
struct Exchange<'a> {
    request: &'a Envelope<Request>,
    client: &'a Client,
    origin: &'a Arc<Origin>,
    share: &'a Share,
    forwards: bool,
}

impl Exchange<'_> {
    /// Sends the request, and sends it again if the server has not processed it.
    async fn answer(&self, upload: &Upload) -> Result<Answered, Fault> {
        let own = !self.request.head.method.is_idempotent() || !upload.will_be_kept();
        let upgrade = self.request.upgrade.is_some();
        let mut wanted = Wanted { http1: upgrade, fresh: false, own, end_to_end: upgrade };
        let mut barren = 0;
        for _ in 0..MOST_ATTEMPTS {
            let (again, was_used, fault) = match self.attempt(upload, wanted).await {
                Ok(answered) => return Ok(answered),
                Err(Ended::For(fault)) => return Err(fault),
                Err(Ended::Until(again, was_used, fault)) => (again, was_used, fault),
            };
            barren = if was_used { 0 } else { barren + 1 };
            if !upload.can_go_again() {
                let what =
                    "no response came, and the request cannot be sent again: more than 64 KiB of its body were sent";
                return Err(Fault::new(FaultStage::Exchange, format!("{what} ({})", fault.what())));
            }
            match again {
                // The kept connection may have been too old, which a new one cannot be.
                Again::Closed if wanted.fresh => return Err(fault),
                Again::Closed => wanted.fresh = true,
                Again::OnHttp1 => {
                    self.origin.requires_http1();
                    wanted.http1 = true;
                }
                Again::No => return Err(fault),
                Again::Unprocessed | Again::Refused if barren > MOST_BARREN => return Err(fault),
                Again::Unprocessed | Again::Refused => {}
            }
        }
        let what = format!("{} refused the request {MOST_ATTEMPTS} times", self.request.head.target);
        Err(Fault::new(FaultStage::Exchange, what))
    }

    async fn attempt(&self, upload: &Upload, wanted: Wanted) -> Result<Answered, Ended> {
        match self.origin.connection(self.client, self.share, wanted).await.map_err(Ended::For)? {
            Connection::Http1(connection) => self.on_http1(connection, upload).await,
            Connection::Http2(connection) => self.on_http2(connection, upload).await,
        }
    }

    async fn on_http1(&self, mut connection: Http1, upload: &Upload) -> Result<Answered, Ended> {
        let upgrade = self.request.upgrade.as_ref();
        let parent = connection.parent.clone();
        let head = outgoing::http1(&self.request.head, self.headers(), upload.attempt(), upgrade, parent.as_deref());
        let (mut head, sent) = (head.map_err(Ended::For)?, Instant::now());
        *head.extensions_mut() = self.request.extensions.clone();
        let response = connection
            .send(head)
            .await
            .map_err(|unanswered| self.ended(unanswered, true, &connection.traffic, connection.next.refused()))?;
        if let Some(parent) = parent.filter(|_| response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            return Err(Ended::For(parent.asks_for_password()));
        }
        if self.binds(response.headers()) {
            connection.owner = Some(self.client.id);
        }
        connection.last_client = Some(self.client.id);
        let (permit, dropped) = (connection.permit.clone(), connection.next.dropped());
        let framing = connection.next.framing();
        self.origin.keep(connection);
        Ok(Answered { response, sent, permit, dropped, framing: Some(framing) })
    }

    async fn on_http2(&self, mut connection: Http2, upload: &Upload) -> Result<Answered, Ended> {
        let tls = self.origin.destination.speaks.is_tls();
        let head = outgoing::http2(&self.request.head, self.headers(), upload.attempt(), tls);
        let (head, sent) = (head.map_err(Ended::For)?, Instant::now());
        match connection.send(head).await {
            Ok(response) => Ok(Answered { response, sent, permit: None, dropped: Vec::new(), framing: None }),
            Err(unanswered) => {
                if matches!(unanswered.again, Again::Unprocessed | Again::Closed) {
                    self.share.forget(&connection).await;
                }
                Err(self.ended(unanswered, connection.is_used(), &connection.traffic, None))
            }
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = self.request.head.headers.clone();
        if self.forwards {
            outgoing::forward(&self.request.head, &self.origin.destination, &mut headers);
        }
        headers
    }

    /// Returns whether the connection is now authenticated for its client.
    fn binds(&self, answer: &HeaderMap) -> bool {
        outgoing::authenticates_connection(&self.request.head.headers, &header::AUTHORIZATION)
            || outgoing::authenticates_connection(answer, &header::WWW_AUTHENTICATE)
    }

    fn ended(&self, unanswered: Unanswered, was_used: bool, traffic: &wire::Traffic, bad: Option<String>) -> Ended {
        let Unanswered { error, again } = unanswered;
        let bad = bad.map(|line| format!("the response of the upstream cannot be read: {line}"));
        // Servers with TLS 1.3 refuse a client certificate, or a missing one, after the handshake.
        let fault = match handshake::tls_error(&error) {
            Some(_) => self.origin.destination.explain_tls(&error, traffic),
            None => {
                let what = bad.as_deref().unwrap_or("the upstream sent no response");
                Fault::from_error(FaultStage::Exchange, what, &error)
            }
        };
        if again == Again::No { Ended::For(fault) } else { Ended::Until(again, was_used, fault) }
    }
}

/// A response as received.
struct Answered {
    response: http::Response<Incoming>,
    sent: Instant,
    permit: Option<super::permit::Permit>,
    /// The header lines that cannot be parsed.
    dropped: Vec<super::heads::Dropped>,
    framing: Option<Framing>,
}

fn answer(answered: Answered, request: &Envelope<Request>) -> Result<Envelope<Response>, Fault> {
    let elapsed = Some(answered.sent.elapsed());
    let (parts, body) = answered.response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS && request.upgrade.is_none() {
        let what = "the upstream switches protocols, which the request did not ask for";
        return Err(Fault::new(FaultStage::Exchange, what));
    }
    hop::one_length(&parts.headers).map_err(|why| Fault::new(FaultStage::Exchange, why))?;
    let mut headers = hop::end_to_end(&parts.headers);
    hop::unite_lengths(&mut headers);
    // The proxy makes its own chunks. Their content stays coded, as a `content-encoding`, which clients can read.
    for coding in hop::transfer_codings(&parts.headers) {
        if let Ok(coding) = coding.parse() {
            headers.append(header::CONTENT_ENCODING, coding);
        }
    }
    // It would lead the browser past the proxy.
    hop::remove(&mut headers, &[header::ALT_SVC]);
    if parts.headers.contains_key(header::TRANSFER_ENCODING) {
        // The chunks define the length (RFC 9112, section 6.3).
        hop::remove(&mut headers, &[header::CONTENT_LENGTH]);
    }
    let (status, version, content) = (parts.status, parts.version, Content::Streaming);
    let mut response =
        Envelope::new(Response { status, version, headers, content, elapsed }, Source::counted(body, answered.framing));
    (response.extensions, response.limit, response.permit) = (parts.extensions, request.limit, answered.permit);
    (response.upgrade, response.dropped) = (hop::upgrade(&parts.headers), answered.dropped);
    Ok(response)
}
