//! A proxy that stands in for one server, for clients that cannot use a proxy.

use crate::support::origin::Origin;
use crate::support::raw;
use crate::support::streams::{Streams, hear, say};
use holdup::prelude::*;
use holdup::{Config, Message, Outcome, Upstream};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

async fn standing_in_for(server: &str) -> Result<Mitm, Failure> {
    Mitm::start_with(Config::default().reverse(server)).await
}

/// A client that knows nothing of proxies.
fn plain_client(mitm: &Mitm) -> TestResult<reqwest::Client> {
    let pem = reqwest::tls::Certificate::from_pem(mitm.ca_pem().as_bytes())?;
    Ok(reqwest::Client::builder().no_proxy().tls_certs_only([pem]).build()?)
}

#[mitm_test]
async fn a_client_without_a_proxy_is_intercepted() -> TestResult {
    let (origin, pem) = Origin::tls("shop.test", &["h2", "http/1.1"]).await;
    let mitm = standing_in_for("https://shop.test").await?;
    mitm.host("shop.test", Upstream::tls(origin.address));
    mitm.trust_upstream(&pem)?;
    let hold = mitm.hold::<Response>(filter!(path == "/text"));
    let (client, address) = (plain_client(&mitm)?, mitm.address());
    for scheme in ["http", "https"] {
        let asking = tokio::spawn(client.get(format!("{scheme}://{address}/text?by={scheme}")).send());
        let held = hold.next().await?;
        assert_eq!(held.request().url(), format!("https://shop.test/text?by={scheme}"));
        assert_eq!(held.request().header("host"), Some("shop.test"));
        held.release().await?;
        assert_eq!(asking.await??.status(), 200);
    }
    assert_eq!(origin.state.seen(), ["GET /text?by=http", "GET /text?by=https"]);
    mitm.stop().await?;
    Ok(())
}

/// The client's TLS says nothing of what the server speaks.
#[mitm_test]
async fn a_server_without_tls_gets_what_it_understands() -> TestResult {
    let server = raw::answers("", b"HTTP/1").await;
    let mitm = standing_in_for(&format!("http://{server}")).await?;
    let response = plain_client(&mitm)?.get(format!("https://{}/text", mitm.address())).send().await?;
    assert_eq!((response.version(), response.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    mitm.stop().await?;
    Ok(())
}

#[mitm_test]
async fn its_websockets_are_intercepted() -> TestResult {
    let origin = Streams::start().await;
    let mitm = standing_in_for(&format!("http://{}", origin.address)).await?;
    let tcp = TcpStream::connect(mitm.address()).await?;
    let (mut client, _) = tokio_tungstenite::client_async(format!("ws://{}/socket", mitm.address()), tcp).await?;
    let mut server = origin.socket().await;
    let hold = mitm.hold::<Message>(filter!(message == "hello"));
    say(&mut client, "hello").await;
    hold.next().await?.release().await?;
    assert_eq!(hear(&mut server).await, "hello");
    drop((client, server));
    mitm.stop().await?;
    Ok(())
}

/// Whatever a client says, no other server is reached.
#[mitm_test]
async fn it_leads_to_no_other_server() -> TestResult {
    let (origin, other) = (Origin::plain().await, Origin::plain().await);
    let mitm = standing_in_for("http://shop.test").await?;
    mitm.host("shop.test", origin.address);
    let address = other.address;
    for asked in [
        format!("GET http://{address}/text HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
        format!("GET /text HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
        format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"),
    ] {
        let said = raw::ask(&mut raw::connect(&mitm).await, asked.as_bytes(), "never").await;
        let is_refused = said.starts_with("HTTP/1.1 400") && said.contains("is no proxy");
        assert_eq!(is_refused, asked.starts_with("CONNECT"), "{said}");
    }
    assert!(other.state.seen().is_empty(), "{:?}", other.state.seen());
    assert!(mitm.exchanges().iter().all(|exchange| exchange.request.url().starts_with("http://shop.test/")));
    mitm.stop().await?;
    Ok(())
}

/// The name in the handshake is that by which the client knows it.
#[mitm_test]
async fn its_certificate_is_for_the_name_that_the_client_uses() -> TestResult {
    let origin = Origin::plain().await;
    let mitm = standing_in_for("https://shop.test").await?;
    mitm.host("shop.test", origin.address);
    let connector = TlsConnector::from(Arc::new(raw::tls_config(&mitm.ca_pem(), &["http/1.1"])));
    let tcp = TcpStream::connect(mitm.address()).await?;
    let mut tls = connector.connect(ServerName::try_from("staging.local")?, tcp).await?;
    tokio::io::AsyncWriteExt::write_all(&mut tls, b"GET /text HTTP/1.1\r\nhost: staging.local\r\n\r\n").await?;
    assert!(raw::read_until(&mut tls, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    let exchange = mitm.exchanges().pop().unwrap();
    assert_eq!(
        (exchange.request.url().as_str(), exchange.request.header("host")),
        ("https://shop.test/text", Some("shop.test"))
    );
    drop(tls);
    mitm.stop().await?;
    Ok(())
}

#[mitm_test]
async fn what_is_no_server_is_an_error_and_itself_is_a_loop() -> TestResult {
    for text in ["shop.test", "ftp://shop.test", "https://shop.test/path", "https://me@shop.test", "http://a:0", ""] {
        let said = standing_in_for(text).await.err().map(|failure| failure.to_string()).unwrap_or_default();
        assert!(said.contains("is not the URL of a server: write https://shop.test"), "{text}: {said}");
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    drop(listener);
    let config = Config::default().port(port).reverse(format!("http://127.0.0.1:{port}"));
    let mitm = Mitm::start_with(config).await?;
    assert_eq!(plain_client(&mitm)?.get(format!("http://127.0.0.1:{port}/")).send().await?.status(), 502);
    let outcome = mitm.exchanges().pop().unwrap().outcome.unwrap();
    assert!(matches!(&outcome, Outcome::Failed(fault) if fault.to_string().contains("would loop")), "{outcome}");
    mitm.stop().await?;
    Ok(())
}
