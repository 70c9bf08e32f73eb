//! Another proxy between this one and the servers.

use crate::support::origin::Origin;
use crate::support::streams::{Streams, client as socket, hear, say};
use crate::support::{failure_of, raw};
use holdup::prelude::*;
use holdup::{FaultStage, Outcome};
use std::net::SocketAddr;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

/// The proxy on the way, which knows where `origin.test` is. It is one that intercepts, so its certificates are trusted.
async fn on_the_way(mitm: &Mitm, origin: SocketAddr) -> Result<Mitm, Failure> {
    let parent = Mitm::start().await?;
    parent.host("origin.test", origin);
    mitm.upstream_proxy(&parent.proxy_url());
    mitm.trust_upstream(&parent.ca_pem())?;
    Ok(parent)
}

fn urls(mitm: &Mitm) -> Vec<String> {
    mitm.exchanges().iter().map(|exchange| exchange.request.url()).collect()
}

async fn fault(mitm: &Mitm, client: &Client, url: &str) -> TestResult<(FaultStage, String)> {
    assert_eq!(client.get(url).send().await?.status(), 502);
    match mitm.exchanges().pop().and_then(|exchange| exchange.outcome) {
        Some(Outcome::Failed(fault)) => Ok((fault.stage(), fault.to_string())),
        other => Err(format!("{other:?}").into()),
    }
}

#[mitm_test]
async fn servers_are_reached_through_it_with_and_without_tls(mitm: Mitm, client: Client) -> TestResult {
    let origin = Origin::plain().await;
    let parent = on_the_way(&mitm, origin.address).await?;
    let all = ["http://origin.test/text?a=1", "https://origin.test/text", "http://origin.test:8080/text"];
    for url in all {
        let response = client.get(url).send().await?;
        assert_eq!((response.status().as_u16(), response.text().await?.is_empty()), (200, false), "{url}");
    }
    // One connection serves the next request to the same server.
    client.get(all[0]).send().await?.text().await?;
    assert_eq!(urls(&parent), [all[0], all[1], all[2], all[0]]);
    assert_eq!(urls(&parent), urls(&mitm));
    // A request that a rule redirects goes there, too.
    redirect!(host == "other.test", "http://origin.test");
    client.get("http://other.test/text").send().await?.text().await?;
    assert_eq!(urls(&parent).last().unwrap(), "http://origin.test/text");
    parent.stop().await?;
    Ok(())
}

/// A proxy cannot forward an upgrade, so the connection is a tunnel.
#[mitm_test]
async fn a_websocket_goes_through_it(mitm: Mitm) -> TestResult {
    let origin = Streams::start().await;
    let parent = on_the_way(&mitm, origin.address).await?;
    let mut client = socket(&mitm, "origin.test").await;
    let mut server = origin.socket().await;
    say(&mut client, "hello").await;
    assert_eq!(hear(&mut server).await, "hello");
    assert_eq!(urls(&parent), ["http://origin.test/socket"]);
    drop((client, server));
    parent.stop().await?;
    Ok(())
}

#[mitm_test]
async fn servers_of_this_machine_are_reached_without_it(mitm: Mitm, client: Client, origin: Origin) -> TestResult {
    mitm.upstream_proxy("http://127.0.0.1:1");
    let port = origin.address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), "origin.test".to_owned()] {
        assert_eq!(client.get(format!("http://{host}/text")).send().await?.status(), 200, "{host}");
    }
    let (stage, said) = fault(&mitm, &client, "https://else.test/").await?;
    assert_eq!(stage, FaultStage::Connect);
    assert!(said.contains("the upstream proxy 127.0.0.1:1 cannot be reached"), "{said}");
    mitm.upstream_proxy("http://none.invalid:3128");
    let (stage, said) = fault(&mitm, &client, "http://else.test/").await?;
    assert_eq!(stage, FaultStage::Resolve);
    assert!(said.contains("the upstream proxy none.invalid:3128") && !said.contains("mitm.host"), "{said}");
    mitm.upstream_proxy(&mitm.proxy_url());
    let (_, said) = fault(&mitm, &client, "http://else.test/").await?;
    assert!(said.contains("this proxy itself"), "{said}");
    Ok(())
}

#[mitm_test]
async fn what_it_refuses_is_told(mitm: Mitm, client: Client) -> TestResult {
    for (answer, why) in [
        (
            "HTTP/1.1 403 Not here\r\ncontent-length: 3\r\n\r\nno.",
            "did not connect to a.test:443: HTTP/1.1 403 Not here",
        ),
        ("HTTP/1.1 407 Who\r\n\r\n", "asks for a user and a password (407): the URL of `mitm.upstream_proxy`"),
        ("SSH-2.0\r\n\r\n", "did not connect to a.test:443: SSH-2.0"),
        ("HTTP/1.1 200", "did not connect to a.test:443: "),
        ("", "did not connect to a.test:443: "),
    ] {
        let parent = raw::says(answer).await;
        mitm.upstream_proxy(&format!("http://{parent}"));
        let (stage, said) = fault(&mitm, &client, "https://a.test/").await?;
        assert_eq!(stage, FaultStage::Connect, "{answer:?}");
        assert!(said.contains(&format!("the upstream proxy {parent} {why}")), "{answer:?}: {said}");
    }
    // Without TLS, its response is not one of the server, for which a browser would ask its user.
    let parent = raw::says("HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n").await;
    mitm.upstream_proxy(&format!("http://me:wrong@{parent}"));
    let (_, said) = fault(&mitm, &client, "http://a.test/").await?;
    assert!(said.contains("refuses the user and the password (407)") && !said.contains("wrong"), "{said}");
    Ok(())
}

/// What a parent proxy was asked.
async fn asked_by(mitm: &Mitm, client: &Client, url: &str) -> TestResult<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.upstream_proxy(&format!("http://a%20b:p%40ss@{}", listener.local_addr()?));
    let asking = crate::support::get(client, url);
    let (mut stream, _) = listener.accept().await?;
    let head = raw::read_until(&mut stream, "\r\n\r\n").await;
    stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await?;
    drop(stream);
    asking.await??;
    Ok(head)
}

#[mitm_test]
async fn it_gets_the_password_and_servers_do_not(mitm: Mitm, client: Client) -> TestResult {
    let head = asked_by(&mitm, &client, "http://a.test/x?y").await?;
    assert!(head.starts_with("GET http://a.test/x?y HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("proxy-authorization: Basic YSBiOnBAc3M=\r\n") && head.contains("host: a.test\r\n"),
        "{head}"
    );
    let head = asked_by(&mitm, &client, "https://a.test/").await?;
    let authorization = "proxy-authorization: Basic YSBiOnBAc3M=";
    assert_eq!(head, format!("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n{authorization}\r\n\r\n"));
    // It is in no record.
    let recorded = format!("{:?}", mitm.exchanges());
    assert!(!recorded.contains("YSBiOnBAc3M") && !recorded.contains("proxy-authorization"), "{recorded}");
    Ok(())
}

/// The greeting is in the same packet as the response to CONNECT, and the head comes in pieces.
#[mitm_test]
async fn a_server_that_speaks_first_is_heard(mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.upstream_proxy(&format!("http://{}", listener.local_addr()?));
    let parent = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        raw::read_until(&mut stream, "\r\n\r\n").await;
        for piece in ["HTTP/1.1 200", " OK\r\n", "x: y\r", "\n\r", "\n220 mail.test ESMTP\r\n"] {
            stream.write_all(piece.as_bytes()).await?;
        }
        let said = raw::read_until(&mut stream, "\n").await;
        stream.write_all(b"250 yes\r\n").await?;
        Ok::<_, std::io::Error>(said)
    });
    let mut client = raw::connect(&mitm).await;
    let connect = b"CONNECT mail.test:25 HTTP/1.1\r\nhost: mail.test:25\r\n\r\n";
    let said = raw::ask(&mut client, connect, "ESMTP\r\n").await;
    assert!(said.ends_with("\r\n\r\n220 mail.test ESMTP\r\n"), "{said}");
    assert_eq!(raw::ask(&mut client, b"EHLO me\r\n", "\n").await, "250 yes\r\n");
    assert_eq!(parent.await??, "EHLO me\r\n");
    Ok(())
}

#[test]
fn what_is_no_proxy_is_a_mistake_at_its_line() {
    #[mitm_test]
    async fn by_socks(mitm: Mitm) -> TestResult {
        mitm.upstream_proxy("socks5://me:secret@proxy.test");
        Ok(())
    }
    let text = failure_of(by_socks);
    assert!(text.contains("scheme \"socks5\"") && text.contains("with user:password@ before the host"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}
