//! Message heads fit the protocol of the outgoing connection, whatever the client speaks. Tested against nginx and
//! node.

use crate::support::origin::Origin;
use crate::support::programs::{Pair, Program};
use crate::support::raw;
use holdup::prelude::*;
use serde_json::Value;

/// A client that speaks only the protocols in `alpn`.
fn client(mitm: &Mitm, alpn: &[&str]) -> TestResult<reqwest::Client> {
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let tls = raw::tls_config(&mitm.ca_pem(), alpn);
    Ok(reqwest::Client::builder().proxy(proxy).tls_backend_preconfigured(tls).build()?)
}

const BOTH: [&[&str]; 2] = [&["h2"], &["http/1.1"]];

#[mitm_test]
async fn nginx_takes_requests_on_http2_and_http1(mitm: Mitm) -> TestResult {
    for listen in ["ssl http2", "ssl"] {
        let pair = Pair::new("nginx.test");
        let nginx =
            Program::nginx(listen, &pair, "location / { return 200 \"$server_protocol $host $http_host\"; }").await;
        mitm.trust_upstream(&pair.certificate)?;
        mitm.host("nginx.test", Upstream::tls(nginx.address));
        for alpn in BOTH {
            let response = client(&mitm, alpn)?.get("https://nginx.test/").send().await?;
            let (status, text) = (response.status(), response.text().await?);
            let version = if listen == "ssl" { "HTTP/1.1" } else { "HTTP/2.0" };
            assert_eq!((status.as_u16(), text), (200, format!("{version} nginx.test nginx.test")), "client {alpn:?}");
        }
    }
    Ok(())
}

#[mitm_test]
async fn node_sees_the_authority_once(mitm: Mitm) -> TestResult {
    let pair = Pair::new("node.test");
    let node = Program::node("http2.mjs", &pair, &[]).await;
    mitm.trust_upstream(&pair.certificate)?;
    for (upstream, version) in [
        (Upstream::tls(node.address), "2.0"),
        (Upstream::tls(node.address).http1_only(), "1.1"),
        (Upstream::tls(node.address).http2_only(), "2.0"),
    ] {
        mitm.host("node.test", upstream);
        for alpn in BOTH {
            let text = client(&mitm, alpn)?.post("https://node.test/a?b=c").body("x").send().await?.text().await?;
            let said: Value = serde_json::from_str(&text)?;
            let host = if version == "2.0" { &said["authority"] } else { &said["host"] };
            assert_eq!((&said["httpVersion"], host), (&version.into(), &"node.test".into()), "{said}");
            let has_host = said["headers"].get("host").is_some();
            assert_eq!(has_host, version == "1.1", "{said}");
        }
    }
    Ok(())
}

#[mitm_test]
async fn a_host_that_a_rule_sets_is_the_authority(mitm: Mitm) -> TestResult {
    let pair = Pair::new("node.test");
    let node = Program::node("http2.mjs", &pair, &[]).await;
    mitm.trust_upstream(&pair.certificate)?;
    mitm.host("node.test", Upstream::tls(node.address));
    rewrite!(request: host == "node.test", header("host") => "other.test");
    let text = client(&mitm, &["h2"])?.get("https://node.test/").send().await?.text().await?;
    let said: Value = serde_json::from_str(&text)?;
    assert_eq!(said["authority"], "other.test", "{said}");
    Ok(())
}

#[mitm_test]
async fn http_1_0_without_a_host_has_that_of_the_tunnel(mitm: Mitm, _origin: Origin) -> TestResult {
    let mut stream = raw::tunnel(&mitm, "origin.test", &["http/1.1"]).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"GET /echo HTTP/1.0\r\n\r\n").await?;
    let said = raw::read_until(&mut stream, "never").await;
    assert!(said.contains("GET /echo HTTP/1.1\nhost: origin.test\n"), "{said}");
    let mut plain = raw::connect(&mitm).await;
    raw::ask(&mut plain, b"CONNECT origin.test:80 HTTP/1.1\r\nhost: origin.test:80\r\n\r\n", "\r\n\r\n").await;
    let said = raw::ask(&mut plain, b"GET /echo HTTP/1.0\r\n\r\n", "never").await;
    assert!(said.contains("GET /echo HTTP/1.1\nhost: origin.test\n"), "{said}");
    Ok(())
}

#[mitm_test]
async fn an_upgrade_is_spelled_as_its_client_spells_it(mitm: Mitm) -> TestResult {
    let node = Program::node("http1.mjs", &Pair::new("node.test"), &[]).await;
    mitm.host("node.test", node.address);
    for (word, status) in [("Upgrade", "101"), ("upgrade", "400")] {
        let mut stream = raw::connect(&mitm).await;
        let ask =
            format!("GET http://node.test/ HTTP/1.1\r\nHost: node.test\r\nConnection: {word}\r\nUpgrade: echo\r\n\r\n");
        let said = raw::ask(&mut stream, ask.as_bytes(), "\r\n\r\n").await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{word}: {said}");
    }
    Ok(())
}

#[mitm_test]
async fn a_change_to_http2_is_not_passed_on(mitm: Mitm, origin: Origin) -> TestResult {
    let watch = watch!(path == "/echo");
    let mut stream = raw::connect(&mitm).await;
    let ask = "GET http://origin.test/echo HTTP/1.1\r\nhost: origin.test\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: \
               h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";
    let said = raw::ask(&mut stream, ask.as_bytes(), "host: origin.test\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && !said.contains("h2c") && !said.contains("http2-settings"), "{said}");
    raw::ask(&mut stream, b"GET http://origin.test/echo HTTP/1.1\r\nhost: origin.test\r\n\r\n", "host: origin").await;
    assert_eq!((watch.hits(), origin.state.seen().len()), (2, 2));
    Ok(())
}

#[mitm_test]
async fn http2_in_the_clear_with_prior_knowledge(mitm: Mitm) -> TestResult {
    let origin = Origin::plain().await;
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    for (upstream, version) in
        [(Upstream::h2c(origin.address), "HTTP/2.0"), (Upstream::plain(origin.address), "HTTP/1.1")]
    {
        mitm.host("grpc.test", upstream);
        let text = client(&mitm, &["h2"])?.get("https://grpc.test/echo").send().await?.text().await?;
        assert!(text.contains(version), "{text}");
    }
    // A client that begins with HTTP/2 inside CONNECT, to a server that no test has declared.
    drop(proxy);
    let mut stream = raw::connect(&mitm).await;
    let connect = format!("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n", origin.address);
    raw::ask(&mut stream, connect.as_bytes(), "\r\n\r\n").await;
    let (mut sender, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/echo", origin.address)).body(())?;
    let (answer, _) = sender.send_request(request, true)?;
    let mut body = answer.await?.into_body();
    let text = body.data().await.expect("a body")?;
    assert!(String::from_utf8_lossy(&text).contains("HTTP/2.0"), "{text:?}");
    Ok(())
}
