//! What the test declares for host names: their servers, the protocols, and trust.

use super::driven::{self, Driven};
use super::parent::Parent;
use super::trust::{Identity, Trust};
use crate::flow::{Fault, Target};
use crate::proxy::names::{self, ByName, no_name};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// The server behind a host name: its address and its protocol.
///
/// ```
/// use holdup::Upstream;
/// let plain: Upstream = std::net::SocketAddr::from(([127, 0, 0, 1], 3000)).into();
/// let tls = Upstream::tls(([127, 0, 0, 1], 3443)).http1_only();
/// assert_ne!(plain, tls);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub(super) address: SocketAddr,
    pub(super) speaks: Speaks,
    pub(super) identity: Option<Arc<Identity>>,
}

/// The protocol of a connection to an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Speaks {
    /// HTTP/1 in the clear.
    Plain,
    /// HTTP/2 in the clear, with prior knowledge.
    H2c,
    /// TLS, with the protocol that ALPN selects.
    Tls(Alpn),
}

impl Speaks {
    pub(super) fn is_tls(self) -> bool {
        matches!(self, Self::Tls(_))
    }
}

/// The protocols offered in the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Alpn {
    Any,
    Http1,
    Http2,
}

impl Upstream {
    fn new(address: SocketAddr, speaks: Speaks) -> Self {
        Self { address, speaks, identity: None }
    }

    /// Creates an upstream that speaks HTTP/1 without TLS, whatever the browser speaks.
    #[must_use]
    pub fn plain(address: impl Into<SocketAddr>) -> Self {
        Self::new(address.into(), Speaks::Plain)
    }

    /// Creates an upstream that speaks HTTP/2 without TLS, as gRPC servers do.
    ///
    /// The proxy uses prior knowledge (RFC 9113, section 3.3).
    #[must_use]
    pub fn h2c(address: impl Into<SocketAddr>) -> Self {
        Self::new(address.into(), Speaks::H2c)
    }

    /// Creates an upstream that speaks TLS, with HTTP/2 or HTTP/1 as the handshake agrees.
    ///
    /// Its certificate must be for the name that it stands in for; see
    /// [`Mitm::trust_upstream`](crate::Mitm::trust_upstream) and
    /// [`Mitm::insecure_upstream`](crate::Mitm::insecure_upstream).
    #[must_use]
    pub fn tls(address: impl Into<SocketAddr>) -> Self {
        Self::new(address.into(), Speaks::Tls(Alpn::Any))
    }

    /// Offers only HTTP/1.1 to a TLS server. Has no effect on servers without TLS.
    #[must_use]
    pub fn http1_only(self) -> Self {
        self.offering(Alpn::Http1)
    }

    /// Offers only HTTP/2 to a TLS server. Has no effect on servers without TLS.
    ///
    /// A flow fails if the server selects another protocol.
    #[must_use]
    pub fn http2_only(self) -> Self {
        self.offering(Alpn::Http2)
    }

    /// Sets the client certificate for a TLS server that requests one.
    ///
    /// `certificate_pem` holds the certificate and its chain, `key_pem` its private key.
    ///
    /// # Panics
    /// Panics at the line of the test if the texts hold no certificate or no key, or if the two do not belong together.
    #[must_use]
    #[track_caller]
    pub fn identity(self, certificate_pem: &str, key_pem: &str) -> Self {
        match Identity::from_pem(certificate_pem, key_pem) {
            Ok(identity) => Self { identity: Some(Arc::new(identity)), ..self },
            // Like `report::misuse`, which is in a layer above this one.
            #[expect(clippy::panic, reason = "a mistake in the test's own text, told at its line")]
            Err(why) => panic!("Upstream::identity: {why}"),
        }
    }

    fn offering(self, alpn: Alpn) -> Self {
        let speaks = if self.speaks.is_tls() { Speaks::Tls(alpn) } else { self.speaks };
        Self { speaks, ..self }
    }
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::plain(address)
    }
}

impl<I: Into<std::net::IpAddr>> From<(I, u16)> for Upstream {
    fn from(address: (I, u16)) -> Self {
        Self::plain(address)
    }
}

#[derive(Debug)]
pub(super) struct Hosts {
    /// The proxy's own address, to which no connection may lead.
    pub(super) proxy: SocketAddr,
    /// How long the TCP connection, with name resolution, and the TLS handshake may each take.
    pub(super) connect_within: Duration,
    /// How many HTTP/1 connections per host the requests of one client connection can use at once.
    pub(super) connections_per_host: AtomicUsize,
    /// Whether servers behind [`Upstream::plain`] get `x-forwarded-*` headers.
    pub(super) forwards: AtomicBool,
    said: RwLock<Said>,
}

#[derive(Debug, Default)]
struct Said {
    upstreams: ByName<Upstream>,
    insecure: ByName<()>,
    /// Hosts whose connections are not looked into.
    passed: ByName<()>,
    /// The only hosts whose connections are looked into.
    intercepted: Option<ByName<()>>,
    /// The proxy through which all other servers are reached.
    parent: Option<Arc<Parent>>,
    trust: Trust,
    driven: Driven,
}

/// How many connections browsers open to one HTTP/1 host at once.
const CONNECTIONS_PER_HOST: usize = 6;

impl Hosts {
    pub(super) fn new(proxy: SocketAddr, connect_within: Duration) -> Self {
        let connections_per_host = AtomicUsize::new(CONNECTIONS_PER_HOST);
        let (forwards, said) = (AtomicBool::new(true), RwLock::default());
        Self { proxy, connect_within, connections_per_host, forwards, said }
    }

    pub(super) fn set(&self, name: &str, upstream: Upstream) -> Result<(), String> {
        self.write().upstreams.insert(name, upstream).map_err(|_| no_name(name))
    }

    pub(super) fn insecure(&self, name: &str) -> Result<(), String> {
        self.write().insecure.insert(name, ()).map_err(|()| no_name(name))
    }

    pub(super) fn pass(&self, name: &str) -> Result<(), String> {
        self.write().passed.insert(name, ()).map_err(|()| no_name(name))
    }

    pub(super) fn intercept_only(&self, name: &str) -> Result<(), String> {
        self.write().intercepted.get_or_insert_default().insert(name, ()).map_err(|()| no_name(name))
    }

    pub(super) fn passes(&self, name: &str) -> bool {
        let said = self.read();
        let is_other = said.intercepted.as_ref().is_some_and(|intercepted| intercepted.get(name).is_none());
        is_other || said.passed.get(name).is_some()
    }

    pub(super) fn through(&self, url: &str) -> Result<(), String> {
        self.write().parent = Some(Arc::new(Parent::parse(url)?));
        Ok(())
    }

    /// Returns the proxy through which a server is reached that the test has not declared. This machine's own servers are
    /// reached without.
    pub(super) fn parent_of(&self, target: &Target) -> Option<Arc<Parent>> {
        let parent = self.read().parent.clone()?;
        (!names::is_this_machine(&target.host)).then_some(parent)
    }

    pub(super) fn trust(&self, pem: &str) -> Result<(), Fault> {
        self.write().trust.add(pem)
    }

    pub(super) fn refuse(&self, ports: &[u16]) {
        self.write().driven.add(ports);
    }

    /// No browser is driven by this port any longer.
    pub(super) fn allow(&self, port: u16) {
        self.write().driven.remove(port);
    }

    /// Returns whether a browser is driven by this address.
    pub(super) fn refuses(address: &SocketAddr) -> bool {
        address.ip().is_loopback() && driven::is_driven(address.port())
    }

    /// Returns the server that the test has declared for a name.
    pub(super) fn of(&self, target: &Target) -> Option<Upstream> {
        self.read().upstreams.get(&target.host).cloned()
    }

    /// Returns the TLS configuration for this host.
    pub(super) fn tls_config(&self, target: &Target) -> Result<Arc<ClientConfig>, Fault> {
        let insecure = self.read().insecure.get(&target.host).is_some();
        self.write().trust.config(insecure)
    }

    pub(super) fn forwards(&self) -> bool {
        self.forwards.load(Ordering::Relaxed)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Said> {
        // Every change is one insertion, so a panic elsewhere leaves the tables intact.
        self.said.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Said> {
        self.said.read().unwrap_or_else(PoisonError::into_inner)
    }
}
