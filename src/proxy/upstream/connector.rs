//! Opens connections to upstreams: resolve, connect, TLS. Each step fails with its own stage.

use super::driven;
use super::handshake;
use super::hosts::{Alpn, Hosts, Speaks, Upstream};
use super::parent::Parent;
use super::trust::ClientCertificate;
use super::wire::{Tcp, Traffic, Wire};
use crate::flow::{Advice, Fault, FaultStage, Target};
use crate::proxy::names;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// The destination of a connection, and its protocol.
#[derive(Clone, Debug)]
pub(super) struct Destination {
    /// The name that the client requests; rules and certificates refer to it.
    pub(super) target: Target,
    /// Where the client connects to, if that is another name or an address.
    pub(super) via: Option<Target>,
    /// The server that the test has declared.
    pub(super) declared: Option<Upstream>,
    /// The proxy on the way to any other server.
    pub(super) through: Option<Arc<Parent>>,
    pub(super) speaks: Speaks,
}

impl Destination {
    /// `prior_knowledge`: the client itself speaks HTTP/2 in the clear to this server.
    pub(super) fn new(hosts: &Hosts, target: &Target, via: Option<&Target>, prior_knowledge: bool) -> Self {
        let by_name = hosts.of(target);
        // A server that the test declares for the name takes precedence over what the client connects to.
        let via = if by_name.is_some() { None } else { via.cloned() };
        let declared = by_name.or_else(|| via.as_ref().and_then(|via| hosts.of(via)));
        let speaks = match &declared {
            Some(upstream) => upstream.speaks,
            None if target.tls => Speaks::Tls(Alpn::Any),
            None if prior_knowledge => Speaks::H2c,
            None => Speaks::Plain,
        };
        let through = if declared.is_some() { None } else { hosts.parent_of(via.as_ref().unwrap_or(target)) };
        Self { target: target.clone(), via, declared, through, speaks }
    }

    /// Returns the proxy that reads the requests of a connection: without TLS, it forwards each. `end_to_end`: the server
    /// itself must be at the other end.
    pub(super) fn reader(&self, end_to_end: bool) -> Option<&Arc<Parent>> {
        self.through.as_ref().filter(|_| self.speaks == Speaks::Plain && !end_to_end)
    }

    /// Opens a connection. `http1`: only HTTP/1 may be spoken on it. `end_to_end`: the server itself must be at the other end.
    pub(super) async fn connect(&self, hosts: &Hosts, http1: bool, end_to_end: bool) -> Result<Wire, Fault> {
        let tcp = Tcp::new(self.connect_tcp(hosts, end_to_end).await?);
        let alpn = match self.speaks {
            Speaks::Tls(_) if http1 => Alpn::Http1,
            Speaks::Tls(alpn) => alpn,
            Speaks::Plain | Speaks::H2c => return Ok(Wire::plain(tcp)),
        };
        let traffic = Traffic::default();
        let within = hosts.connect_within;
        let shaking = tokio::time::timeout(within, self.shake_hands(hosts, tcp, alpn, &traffic)).await;
        let tls = shaking.map_err(|_| handshake::silent(&self.target, within))??;
        if alpn == Alpn::Http2 && tls.get_ref().1.alpn_protocol() != Some(b"h2") {
            let what = format!("{} does not speak HTTP/2, and `Upstream::http2_only` offers nothing else", self.target);
            return Err(Fault::new(FaultStage::UpstreamTls, what));
        }
        Ok(Wire::tls(tls, traffic))
    }

    async fn shake_hands(
        &self,
        hosts: &Hosts,
        tcp: Tcp,
        alpn: Alpn,
        traffic: &Traffic,
    ) -> Result<TlsStream<Tcp>, Fault> {
        let name = ServerName::try_from(self.target.host.clone());
        let name = name.map_err(|error| Fault::from_error(FaultStage::UpstreamTls, &self.target.host, &error))?;
        let mut config = (*hosts.tls_config(&self.target)?).clone();
        let protocols: &[&[u8]] = match alpn {
            Alpn::Any => &[b"h2", b"http/1.1"],
            Alpn::Http1 => &[b"http/1.1"],
            Alpn::Http2 => &[b"h2"],
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let identity = self.declared.as_ref().and_then(|upstream| upstream.identity.clone());
        let asked = Arc::clone(&traffic.asked_for_certificate);
        config.client_auth_cert_resolver = Arc::new(ClientCertificate { identity, asked });
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
        connecting.map_err(|error| self.explain_tls(&error, traffic))
    }

    /// Returns the fault that explains a TLS error.
    pub(super) fn explain_tls(&self, error: &(dyn std::error::Error + 'static), traffic: &Traffic) -> Fault {
        let asked = traffic.asked_for_certificate.load(Ordering::Relaxed);
        let has_identity = self.declared.as_ref().is_some_and(|upstream| upstream.identity.is_some());
        handshake::explain(&self.target, error, asked, has_identity)
    }

    /// Opens a TCP connection to the server.
    pub(super) async fn connect_bare(&self, hosts: &Hosts) -> Result<TcpStream, Fault> {
        self.connect_tcp(hosts, true).await
    }

    async fn connect_tcp(&self, hosts: &Hosts, end_to_end: bool) -> Result<TcpStream, Fault> {
        let (target, within) = (&self.target, hosts.connect_within);
        let connecting = async {
            let Some(parent) = &self.through else { return self.tcp(hosts).await };
            let mut stream = self.tcp_to(parent, hosts).await?;
            if self.reader(end_to_end).is_none() {
                parent.connect(&mut stream, self.address()).await?;
            }
            Ok(stream)
        };
        tokio::time::timeout(within, connecting).await.unwrap_or_else(|_| {
            let through = self.through.as_ref().map(|parent| format!(", through {parent},")).unwrap_or_default();
            let what = format!("{target}{through} did not take a connection within {within:?}");
            Err(Fault::new(FaultStage::Connect, what))
        })
    }

    /// Returns what is connected to: the name or address of CONNECT, or else the name.
    fn address(&self) -> &Target {
        self.via.as_ref().unwrap_or(&self.target)
    }

    async fn tcp_to(&self, parent: &Parent, hosts: &Hosts) -> Result<TcpStream, Fault> {
        // A proxy of this machine would reach the driver by any name of this machine.
        if driven::is_driven(self.address().port) {
            return Err(drives_the_browser(self.address()));
        }
        let addresses = resolve(&parent.target).await.map_err(|fault| parent.unreachable(&fault))?;
        if addresses.contains(&hosts.proxy) {
            let what = format!("{parent} is this proxy itself: the request would loop");
            return Err(Fault::new(FaultStage::Connect, what));
        }
        first_that_answers(&parent.target, &addresses).await.map_err(|fault| parent.unreachable(&fault))
    }

    async fn tcp(&self, hosts: &Hosts) -> Result<TcpStream, Fault> {
        let target = self.address();
        let addresses = match &self.declared {
            Some(upstream) => vec![upstream.address],
            None => resolve(target).await.map_err(|fault| unknown(target, &fault))?,
        };
        if addresses.contains(&hosts.proxy) {
            let what = format!("{target} is this proxy itself: the request would loop");
            return Err(Fault::new(FaultStage::Connect, what));
        }
        if addresses.iter().any(Hosts::refuses) {
            return Err(drives_the_browser(target));
        }
        first_that_answers(target, &addresses).await
    }
}

async fn first_that_answers(target: &Target, addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let nodelay = stream.set_nodelay(true);
                nodelay.map_err(|error| Fault::from_error(FaultStage::Connect, "TCP_NODELAY", &error))?;
                return Ok(stream);
            }
            // The server was expected at the first address.
            Err(error) => last = last.or(Some((address, error))),
        }
    }
    Err(match last {
        Some((address, error)) => Fault::from_error(FaultStage::Connect, &format!("{target} at {address}"), &error),
        None => Fault::new(FaultStage::Resolve, format!("{} has no address", target.host)),
    })
}

async fn resolve(target: &Target) -> Result<Vec<SocketAddr>, Fault> {
    let (host, port) = (target.host.as_str(), target.port);
    if names::is_localhost(host) {
        return Ok(vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]);
    }
    let found = tokio::net::lookup_host((host, port)).await;
    found.map(Iterator::collect).map_err(|error| Fault::from_error(FaultStage::Resolve, "", &error))
}

fn unknown(target: &Target, fault: &Fault) -> Fault {
    let host = &target.host;
    let advice = Advice::Host(host).text();
    Fault::new(fault.stage(), format!("the name {host} is not known (give it a server: {advice}): {}", fault.what()))
}

fn drives_the_browser(target: &Target) -> Fault {
    Fault::new(FaultStage::Connect, format!("{target} is the driver of this test's browser, which no page may access"))
}
