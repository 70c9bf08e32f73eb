//! TLS towards the browser: the name that it asks for decides the leaf.

use super::Shared;
use super::socket::Socket;
use crate::flow::{Fault, FaultStage};
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

/// A finished handshake.
pub(super) struct Accepted {
    pub(super) stream: TlsStream<Socket>,
    /// The name that the client asked for, if it asked for one. IP addresses are not asked for.
    pub(super) server_name: Option<String>,
    pub(super) http2: bool,
}

/// Shakes hands; `host` is whom the client asked to be connected with.
pub(super) async fn accept(shared: &Shared, socket: Socket, host: &str) -> Result<Accepted, Fault> {
    let of_client = |error: std::io::Error| Fault::from_error(FaultStage::ClientTls, &advice(host, &error), &error);
    let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await.map_err(of_client)?;
    let server_name = hello.client_hello().server_name().map(str::to_ascii_lowercase);
    let config = shared.ca.server_config(server_name.as_deref().unwrap_or(host));
    let config = config.map_err(|error| Fault::from_error(FaultStage::ClientTls, host, &error))?;
    let stream = hello.into_stream(config).await.map_err(of_client)?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok(Accepted { stream, server_name, http2 })
}

/// The usual cause is a client that was not told to trust the CA.
fn advice(host: &str, error: &std::io::Error) -> String {
    let text = error.to_string();
    if ["UnknownCA", "BadCertificate", "CertificateUnknown"].iter().any(|alert| text.contains(alert)) {
        format!(
            "the client of {host} does not trust Holdup's CA: give it `mitm.ca_pem()`, or start it with `mitm.envs()`"
        )
    } else {
        format!("handshake for {host}")
    }
}
