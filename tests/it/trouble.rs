//! Bad upstreams and bad clients: each gets a clear response, and nothing is lost.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use holdup::{Fault, FaultStage};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

fn fault_of(mitm: &Mitm, index: usize) -> Fault {
    match mitm.exchanges()[index].outcome.clone() {
        Some(Outcome::Failed(fault)) => fault,
        other => panic!("no fault, but {other:?}"),
    }
}

#[mitm_test]
async fn an_upstream_that_refuses(client: Client, mitm: Mitm) -> TestResult {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?; // free again by now
    mitm.host("gone.test", port);
    let response = client.get("https://gone.test/").send().await?;
    assert_eq!(response.status(), 502);
    let text = response.text().await?;
    assert!(text.contains("connect: https://gone.test at 127.0.0.1"), "{text}");
    assert_eq!(fault_of(&mitm, 0).stage(), FaultStage::Connect);
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_does_not_shake_hands() -> TestResult {
    let mitm =
        Mitm::start_with(holdup::Config::default().connect_within(std::time::Duration::from_millis(200))).await?;
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("silent.test", Upstream::tls(silent.local_addr()?));
    let text = mitm.client()?.get("https://silent.test/").send().await?.text().await?;
    assert!(
        text.contains(
            "upstream tls: https://silent.test accepted the connection and did not respond to the TLS handshake within \
             200ms"
        ),
        "{text}"
    );
    mitm.stop().await?;
    Ok(())
}

#[mitm_test]
async fn a_name_that_nobody_knows(client: Client, mitm: Mitm) -> TestResult {
    let text = client.get("https://nobody.invalid/").send().await?.text().await?;
    assert!(text.contains("resolve: ") && text.contains("mitm.host(\"nobody.invalid\", address)"), "{text}");
    assert_eq!(fault_of(&mitm, 0).stage(), FaultStage::Resolve);
    Ok(())
}

#[mitm_test]
async fn an_upstream_that_closes_or_speaks_garbage(client: Client, mitm: Mitm) -> TestResult {
    for (i, says) in ["", "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 abc\r\n\r\n"].into_iter().enumerate() {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        mitm.host("bad.test", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                raw::read_until(&mut stream, "\r\n\r\n").await;
                let _ = stream.write_all(says.as_bytes()).await;
            }
        });
        let response = client.post("https://bad.test/").send().await?;
        assert_eq!(response.status(), 502, "{says}");
        assert_eq!(fault_of(&mitm, i).stage(), FaultStage::Exchange);
    }
    Ok(())
}

#[mitm_test]
async fn an_upstream_that_closes_in_the_middle_of_a_body(client: Client, mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("bad.test", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345").await;
        }
    });
    let watch = watch!(path == "/broken");
    for url in ["https://bad.test/broken", "http://bad.test/broken"] {
        let response = client.get(url).send().await?;
        assert_eq!(response.status(), 200);
        response.text().await.expect_err("a whole body");
        let outcome = watch.next().await?.outcome;
        assert!(matches!(outcome, Some(Outcome::Failed(fault)) if fault.stage() == FaultStage::Body));
    }
    Ok(())
}

/// A kept-alive connection that the server closes causes no error for the next request.
#[mitm_test]
async fn an_upstream_that_closes_kept_connections(client: Client, mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("short.test", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Responds once without `connection: close`, and closes on the second request.
            raw::read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            raw::read_until(&mut stream, "\r\n\r\n").await;
        }
    });
    for _ in 0..20 {
        assert_eq!(client.get("https://short.test/").send().await?.text().await?, "ok");
    }
    Ok(())
}

#[mitm_test]
async fn a_request_to_the_proxy_itself_does_not_loop(client: Client, mitm: Mitm) -> TestResult {
    let own = mitm.proxy_url();
    let direct = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(raw::tls_config(&mitm.ca_pem(), &[]));
    let said = direct.build()?.get(&own).send().await?;
    assert_eq!(said.status(), 400);
    assert!(said.text().await?.contains("this is a Holdup proxy"));
    for url in [own.clone(), own.replace("127.0.0.1", "localhost"), own.replace("http:", "https:")] {
        let text = client.get(&url).send().await?.text().await?;
        assert!(text.contains("would loop"), "{url}: {text}");
    }
    Ok(())
}

#[mitm_test]
async fn a_client_that_speaks_garbage(mitm: Mitm, client: Client, _origin: Origin) -> TestResult {
    let mut stream = raw::connect(&mitm).await;
    let said = raw::ask(&mut stream, b"\x01\x02 what is this\r\n\r\n", "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    // After CONNECT, bytes that are neither TLS nor HTTP are forwarded to the server.
    let mut stream = raw::connect(&mitm).await;
    let connect = b"CONNECT origin.test:80 HTTP/1.1\r\nhost: origin.test:80\r\n\r\n";
    raw::ask(&mut stream, connect, "\r\n\r\n").await;
    assert!(raw::ask(&mut stream, b"\x00\x00garbage\r\n\r\n", "\r\n\r\n").await.contains("400"));
    let mut stream = raw::connect(&mitm).await;
    raw::ask(&mut stream, connect, "\r\n\r\n").await;
    raw::ask(&mut stream, b"\x16\x03\x01\x00\x05hello", "\r\n\r\n").await;
    assert_eq!(client.get("https://origin.test/x").send().await?.status(), 200);
    Ok(())
}

#[mitm_test]
async fn a_client_that_sends_large_headers(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    for url in ["https://origin.test/echo", "http://origin.test/echo"] {
        let response = client.get(url).header("x-large", "x".repeat(100_000)).send().await?;
        assert_eq!(response.status(), 200, "{url}");
        assert!(response.text().await?.len() > 100_000);
    }
    let mut stream = raw::connect(&mitm).await;
    let huge = format!("GET http://origin.test/ HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(1_000_000));
    let said = raw::ask(&mut stream, huge.as_bytes(), "\r\n\r\n").await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431"), "{said}");
    Ok(())
}

/// A request whose client leaves while a rule delays it is not sent to the server.
#[mitm_test]
async fn a_client_that_leaves_behind_its_body_while_it_is_delayed(mitm: Mitm, origin: Origin) -> TestResult {
    delay!(path == "/save", 60s);
    let saves = watch!(path == "/save");
    let mut stream = raw::connect(&mitm).await;
    let head = b"POST http://origin.test/save HTTP/1.1\r\nhost: origin.test\r\ncontent-length: 50000\r\n\r\n";
    stream.write_all(head).await?;
    stream.write_all(&vec![b'x'; 50_000]).await?;
    while mitm.exchanges().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(stream);
    let outcome = loop {
        if let Some(outcome) = mitm.exchanges()[0].outcome.clone() {
            break outcome;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(outcome, Outcome::ClientGone);
    assert_eq!((saves.hits(), origin.state.seen().len()), (0, 0));
    Ok(())
}

#[mitm_test]
async fn a_large_upload_is_answered_without_the_upstream(mitm: Mitm) -> TestResult {
    respond!(host == "up.test", 204);
    let mut stream = raw::connect(&mitm).await;
    let head =
        b"POST http://up.test/ HTTP/1.1\r\nhost: up.test\r\nconnection: close\r\ncontent-length: 5000000\r\n\r\n";
    stream.write_all(head).await?;
    stream.write_all(&vec![b'x'; 5_000_000]).await?;
    assert!(raw::read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 204"));
    Ok(())
}

#[mitm_test]
async fn a_client_that_leaves_in_mid_request(mitm: Mitm, origin: Origin) -> TestResult {
    let mut open = origin.state.open.subscribe();
    let mut stream = raw::connect(&mitm).await;
    stream
        .write_all(b"POST http://origin.test/count HTTP/1.1\r\nhost: origin.test\r\ncontent-length: 9\r\n\r\n123")
        .await?;
    open.wait_for(|open| *open == 1).await?;
    drop(stream);
    open.wait_for(|open| *open == 0).await?;
    let mut stream = raw::connect(&mitm).await;
    stream.write_all(b"GET http://origin.te").await?;
    drop(stream);
    Ok(())
}

#[mitm_test]
async fn a_client_that_does_not_trust_the_ca_is_told_what_to_do(mitm: Mitm) -> TestResult {
    let stranger = rcgen::KeyPair::generate()?;
    let other_ca = rcgen::CertificateParams::default().self_signed(&stranger)?.pem();
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let client = reqwest::Client::builder().proxy(proxy).tls_backend_preconfigured(raw::tls_config(&other_ca, &[]));
    client.build()?.get("https://any.test/").send().await.expect_err("no trust");
    let hold = hold!(host == "any.test").optional().within(std::time::Duration::from_millis(100));
    let failure = hold.next().await.expect_err("nothing").to_string();
    assert!(failure.contains("does not trust Holdup's CA: give it `mitm.ca_pem()`"), "{failure}");
    Ok(())
}

/// A server that sends `first`, and then `then` without end.
async fn endless(first: &'static str, then: &'static str) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::read_until(&mut stream, "\r\n\r\n").await;
            let _ = stream.write_all(first.as_bytes()).await;
            let more = then.repeat(1_000);
            while stream.write_all(more.as_bytes()).await.is_ok() {}
        }
    });
    address
}

#[mitm_test]
async fn a_server_that_never_comes_to_the_point(client: Client, mitm: Mitm) -> TestResult {
    mitm.host("hints.test", endless("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await);
    let text = client.get("https://hints.test/").send().await?.text().await?;
    assert!(text.contains("more than 128 informational responses"), "{text}");
    assert_eq!(fault_of(&mitm, 0).stage(), FaultStage::Exchange);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
    for (i, filling) in ["0", "5;", "1 ", "1\r\na\r\n0\r\nx: y\r\n"].into_iter().enumerate() {
        let end = if i == 3 { "x: y\r\n" } else { filling };
        let first = Box::leak(format!("{chunked}{filling}").into_boxed_str());
        mitm.host("zeros.test", endless(first, end.trim_start_matches(['5', '1'])).await);
        let answer = client.get("https://zeros.test/").send().await?;
        assert!(answer.bytes().await.is_err(), "{filling:?}");
        assert_eq!(fault_of(&mitm, i + 1).stage(), FaultStage::Body);
    }
    Ok(())
}

/// Checked without timing: the response must not have to wait for the others. On a busy machine it may come late, so that
/// they need longer bodies to be still matched then.
#[mitm_test]
async fn a_slow_pattern_stops_nobody_else(client: Client, mitm: Mitm) -> TestResult {
    let hold = hold!(response: path ~ "/[0-9]");
    watch!(response: path ~ "/[0-9]" && body ~ r"\b(?:[abé]{1,99}[^abé]){1,4}\b");
    for length in [50_000, 200_000, 800_000] {
        let slow = raw::answers("content-type: text/plain\r\n", "abé".repeat(length).as_bytes()).await;
        mitm.host("slow.test", slow);
        let mut held = Vec::new();
        for n in 0..4 {
            crate::support::get(&client, &format!("https://slow.test/{n}"));
            held.push(hold.next().await?);
        }
        // Now the pattern is matched: at every position, by an engine that takes long for it.
        let released: Vec<_> = held.into_iter().map(Held::release).collect();
        client.get("https://slow.test/beside").send().await?.bytes().await?;
        let is_under_way = |one: &Exchange| one.request.path() != "/beside" && one.outcome.is_none();
        if mitm.exchanges().iter().any(is_under_way) {
            return Ok(());
        }
        for released in released {
            released.await?;
        }
    }
    panic!("the response has waited for all patterns");
}
