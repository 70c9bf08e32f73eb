//! Opens connections to upstreams: resolve, connect, TLS; each step fails with its own stage.

use super::hosts::Hosts;
use crate::flow::{Fault, FaultStage, Target};
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

/// What a connection may speak.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocols {
    Any,
    Http1,
}

#[derive(Clone, Debug)]
pub(super) struct Connector {
    hosts: Arc<Hosts>,
    protocols: Protocols,
}

impl Connector {
    pub(super) fn new(hosts: Arc<Hosts>, protocols: Protocols) -> Self {
        Self { hosts, protocols }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, Fault> {
        let missing = || Fault::new(FaultStage::Resolve, format!("{uri} names no host"));
        let target = Target::of(&uri).ok_or_else(missing)?;
        Ok(TokioIo::new(within_patience(&self.hosts, &target, self.open(&target)).await?))
    }

    async fn open(&self, target: &Target) -> Result<Stream, Fault> {
        let tcp = tcp(&self.hosts, target).await?;
        let tls = self.hosts.of(target).map_or(target.tls, |upstream| upstream.tls);
        let wire = if tls { Wire::Tls(Box::new(self.shake_hands(target, tcp).await?)) } else { Wire::Plain(tcp) };
        Ok(Stream { wire, used: Used::default() })
    }

    async fn shake_hands(&self, target: &Target, tcp: TcpStream) -> Result<TlsStream<TcpStream>, Fault> {
        let fault = |error: &(dyn std::error::Error + 'static)| {
            let what = format!(
                "no trust in {target} (a test adds a root with `mitm.trust_upstream(pem)`, or believes it with \
                 `mitm.insecure_upstream({:?})`)",
                target.host
            );
            Fault::from_error(FaultStage::UpstreamTls, &what, error)
        };
        let name = ServerName::try_from(target.host.clone()).map_err(|error| fault(&error))?;
        let mut config = (*self.hosts.tls_config(target)?).clone();
        config.alpn_protocols = match self.protocols {
            Protocols::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
        };
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| fault(&error))
    }
}

/// A bare connection, with the same patience as any other.
pub(super) async fn bare(hosts: &Hosts, target: &Target) -> Result<TcpStream, Fault> {
    within_patience(hosts, target, tcp(hosts, target)).await
}

async fn within_patience<T>(
    hosts: &Hosts,
    target: &Target,
    connecting: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let patience = hosts.patience;
    tokio::time::timeout(patience, connecting).await.unwrap_or_else(|_| {
        Err(Fault::new(FaultStage::Connect, format!("{target} did not take a connection within {patience:?}")))
    })
}

/// A TCP connection to where a target leads.
async fn tcp(hosts: &Hosts, target: &Target) -> Result<TcpStream, Fault> {
    let addresses = resolve(hosts, target).await?;
    if addresses.contains(&hosts.proxy) {
        return Err(Fault::new(FaultStage::Connect, format!("{target} is this proxy itself: the request would loop")));
    }
    let mut last = None;
    for address in &addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let nodelay = stream.set_nodelay(true);
                nodelay.map_err(|error| Fault::from_error(FaultStage::Connect, "TCP_NODELAY", &error))?;
                return Ok(stream);
            }
            Err(error) => last = Some((address, error)),
        }
    }
    Err(match last {
        Some((address, error)) => Fault::from_error(FaultStage::Connect, &format!("{target} at {address}"), &error),
        None => Fault::new(FaultStage::Resolve, format!("{} has no address", target.host)),
    })
}

async fn resolve(hosts: &Hosts, target: &Target) -> Result<Vec<SocketAddr>, Fault> {
    if let Some(upstream) = hosts.of(target) {
        return Ok(vec![upstream.address]);
    }
    let found = tokio::net::lookup_host((target.host.as_str(), target.port)).await;
    found.map(Iterator::collect).map_err(|error| {
        let what = format!(
            "{} is no known name (a test gives it a server with `mitm.host({:?}, address)`)",
            target.host, target.host
        );
        Fault::from_error(FaultStage::Resolve, &what, &error)
    })
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

/// Whether a connection has carried an answer already.
#[derive(Clone, Debug, Default)]
pub(super) struct Used(Arc<AtomicBool>);

impl Used {
    pub(super) fn mark(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_marked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection to an upstream.
#[derive(Debug)]
pub(super) struct Stream {
    wire: Wire,
    used: Used,
}

#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.used.clone());
        match &self.wire {
            Wire::Tls(tls) if tls.get_ref().1.alpn_protocol() == Some(b"h2") => connected.negotiated_h2(),
            _ => connected,
        }
    }
}

macro_rules! wire {
    ($stream:expr, $io:ident => $do:expr) => {
        match &mut $stream.wire {
            Wire::Plain($io) => {
                let $io = Pin::new($io);
                $do
            }
            Wire::Tls($io) => {
                let $io = Pin::new($io.as_mut());
                $do
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        wire!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        wire!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        wire!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        wire!(self, io => io.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        wire!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.wire {
            Wire::Plain(io) => io.is_write_vectored(),
            Wire::Tls(io) => io.is_write_vectored(),
        }
    }
}
