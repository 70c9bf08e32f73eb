//! Clients that write raw bytes: to send what no library sends, and to disconnect when no library does.

use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

pub async fn connect(mitm: &holdup::Mitm) -> TcpStream {
    TcpStream::connect(mitm.address()).await.unwrap()
}

/// Sends bytes, and reads the response to its end or to `until`.
pub async fn ask(stream: &mut TcpStream, says: &[u8], until: &str) -> String {
    stream.write_all(says).await.unwrap();
    read_until(stream, until).await
}

pub async fn read_until(stream: &mut (impl AsyncReadExt + Unpin), until: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).contains(until) {
        match stream.read_buf(&mut all).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

pub fn tls_config(ca_pem: &str, alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

pub fn acceptor(pair: &super::programs::Pair, alpn: &[&str]) -> tokio_rustls::TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = tokio_rustls::rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config).into()
}

/// Opens a TLS connection to `host` through the proxy.
pub async fn tunnel(mitm: &holdup::Mitm, host: &str, alpn: &[&str]) -> TlsStream<TcpStream> {
    let mut tcp = connect(mitm).await;
    let connect = format!("CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n");
    let said = ask(&mut tcp, connect.as_bytes(), "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let config = tls_config(&mitm.ca_pem(), alpn);
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap()
}

/// Starts a server that sends `answer` to every request, and closes.
pub async fn says(answer: impl Into<Vec<u8>>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), answer.into());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(&answer).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

/// Starts a server that responds with 200, these headers, and a body with its length.
pub async fn answers(headers: &str, body: &[u8]) -> std::net::SocketAddr {
    let head = format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len());
    says([head.as_bytes(), body].concat()).await
}
