//! TLS with the browser: the requested server name determines the certificate.

use super::Shared;
use super::socket::Socket;
use crate::flow::{Advice, Fault, FaultStage};
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

/// A finished handshake.
pub(super) struct Accepted {
    /// Boxed: it is large, and every layer that hands it on would have room for it.
    pub(super) stream: Box<TlsStream<Socket>>,
    /// The server name that the client requested, if any; clients do not request IP addresses.
    pub(super) server_name: Option<String>,
    pub(super) http2: bool,
}

/// Performs the handshake. `host` is the host that the client asked to be connected to.
///
/// Fails with a [`Fault`] of the stage [`FaultStage::ClientTls`].
pub(super) async fn accept(shared: &Shared, socket: Socket, host: &str) -> Result<Accepted, Fault> {
    let of_client = |error: std::io::Error| Fault::from_error(FaultStage::ClientTls, &advice(host, &error), &error);
    let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await.map_err(of_client)?;
    let server_name = hello.client_hello().server_name().map(str::to_ascii_lowercase);
    let name = server_name.as_deref().unwrap_or(host);
    let config = match shared.certificates.of(name) {
        Some(config) => config,
        None => {
            shared.ca.server_config(name).map_err(|error| Fault::from_error(FaultStage::ClientTls, host, &error))?
        }
    };
    let stream = Box::new(hello.into_stream(config).await.map_err(of_client)?);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Accepted { stream, server_name, http2 })
}

/// Explains the usual cause: a client that does not trust the CA.
fn advice(host: &str, error: &std::io::Error) -> String {
    let text = error.to_string();
    if ["UnknownCA", "BadCertificate", "CertificateUnknown"].iter().any(|alert| text.contains(alert)) {
        format!("the client of {host} does not trust Holdup's CA: {}", Advice::TrustCa.text())
    } else {
        format!("handshake for {host}")
    }
}
