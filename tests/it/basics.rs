//! Messages arrive through the proxy as they were sent.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use holdup::{BrowserError, Delivery, Exchange, Fault, Filter, FilterError, TestError};
use tokio::io::AsyncWriteExt;

#[mitm_test]
async fn https_is_intercepted_and_the_server_need_not_speak_it(
    client: Client,
    mitm: Mitm,
    origin: Origin,
) -> TestResult {
    let response = client.get("https://origin.test/hello?x=1").send().await?;
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.text().await?, "this is /hello");
    assert_eq!(origin.state.seen(), ["GET /hello?x=1"]);
    assert_eq!(mitm.exchanges()[0].request.url(), "https://origin.test/hello?x=1");
    Ok(())
}

#[mitm_test]
async fn plain_http_is_intercepted(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let response = client.get("http://origin.test/hello").send().await?;
    assert_eq!(response.text().await?, "this is /hello");
    assert_eq!(mitm.exchanges()[0].request.url(), "http://origin.test/hello");
    Ok(())
}

#[mitm_test]
async fn http1_inside_tls_keeps_the_case_and_order_of_headers(mitm: Mitm, _origin: Origin) -> TestResult {
    let mut stream = raw::tunnel(&mitm, "origin.test", &["http/1.1"]).await;
    let request = b"GET /echo HTTP/1.1\r\nHost: origin.test\r\nX-Zebra: 1\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n\
                    aCCept: */*\r\nX-Ant: 2\r\nKeep-Alive: 9\r\n\r\n";
    stream.write_all(request).await?;
    let said = raw::read_until(&mut stream, "X-Ant").await;
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    // hyper shows header names in lower case; their order is as received.
    let names: Vec<_> = body.lines().skip(1).filter_map(|line| line.split(':').next()).take(4).collect();
    assert_eq!(names, ["host", "x-zebra", "accept", "x-ant"], "{said}");
    Ok(())
}

#[mitm_test]
async fn header_case_reaches_the_server(mitm: Mitm) -> TestResult {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("raw.test", listener.local_addr()?);
    let mut client = raw::connect(&mitm).await;
    client
        .write_all(b"GET http://raw.test/ HTTP/1.1\r\nHost: raw.test\r\nX-MiXed: 1\r\nuser-AGENT: me\r\n\r\n")
        .await?;
    let (mut server, _) = listener.accept().await?;
    let arrived = raw::read_until(&mut server, "\r\n\r\n").await;
    assert_eq!(arrived, "GET / HTTP/1.1\r\nHost: raw.test\r\nX-MiXed: 1\r\nuser-AGENT: me\r\n\r\n");
    server.write_all(b"HTTP/1.1 200 OK\r\nX-AnSwer: yes\r\nContent-Length: 2\r\nA: b\r\n\r\nok").await?;
    let answered = raw::read_until(&mut client, "ok").await;
    assert_eq!(
        answered,
        "HTTP/1.1 200 OK\r\nX-AnSwer: yes\r\nContent-Length: 2\r\nA: b\r\ncache-control: no-cache\r\n\r\nok"
    );
    Ok(())
}

#[mitm_test]
async fn cookies_that_http2_splits_arrive_joined(client: Client, _origin: Origin) -> TestResult {
    let request = client.get("https://origin.test/echo").header("cookie", "a=1").header("cookie", "b=2");
    let text = request.send().await?.text().await?;
    assert!(text.contains("cookie: a=1; b=2\n"), "{text}");
    Ok(())
}

#[mitm_test]
async fn bodies_and_their_lengths_arrive(client: Client, _origin: Origin) -> TestResult {
    for url in ["https://origin.test/echo", "http://origin.test/echo"] {
        let text = client.post(url).body("said").send().await?.text().await?;
        assert!(text.ends_with("\nsaid") && text.contains("content-length: 4\n"), "{text}");
    }
    let response = client.head("https://origin.test/text").send().await?;
    assert_eq!(response.headers()["content-length"], "19");
    Ok(())
}

#[mitm_test]
async fn an_upstream_with_tls_is_verified_with_the_roots_that_the_test_adds(client: Client, mitm: Mitm) -> TestResult {
    for (name, alpn) in [("one.test", &["h2", "http/1.1"][..]), ("two.test", &["http/1.1"])] {
        let (origin, pem) = Origin::tls(name, alpn).await;
        mitm.host(name, Upstream::tls(origin.address));
        let url = format!("https://{name}/echo");
        let refused = client.get(&url).send().await?;
        assert_eq!(refused.status(), 502);
        let text = refused.text().await?;
        assert!(text.contains("upstream tls") && text.contains("trust_upstream"), "{text}");
        mitm.trust_upstream(&pem)?;
        let text = client.get(&url).send().await?.text().await?;
        assert!(text.contains(if alpn.len() == 2 { "HTTP/2" } else { "HTTP/1.1" }), "{text}");
    }
    Ok(())
}

#[mitm_test]
async fn an_upstream_is_believed_unverified_only_by_name(client: Client, mitm: Mitm) -> TestResult {
    let (origin, _) = Origin::tls("other.test", &["http/1.1"]).await;
    mitm.host("wrong.test", Upstream::tls(origin.address));
    mitm.insecure_upstream("wrong.test");
    assert_eq!(client.get("https://wrong.test/hello").send().await?.status(), 200);
    Ok(())
}

#[mitm_test]
async fn an_upgrade_becomes_a_tunnel(mitm: Mitm, _origin: Origin) -> TestResult {
    for tls in [false, true] {
        let request = "GET /upgrade HTTP/1.1\r\nhost: origin.test\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\n";
        if tls {
            let mut stream = raw::tunnel(&mitm, "origin.test", &["http/1.1"]).await;
            check_echo(&mut stream, request).await?;
        } else {
            // Browsers open ws: through CONNECT, and then send plaintext.
            let mut stream = raw::connect(&mitm).await;
            let connect = b"CONNECT origin.test:80 HTTP/1.1\r\nhost: origin.test:80\r\n\r\n";
            raw::ask(&mut stream, connect, "\r\n\r\n").await;
            check_echo(&mut stream, request).await?;
        }
    }
    assert_eq!(mitm.exchanges()[0].request.url(), "http://origin.test/upgrade");
    Ok(())
}

async fn check_echo(
    stream: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin),
    request: &str,
) -> TestResult {
    stream.write_all(request.as_bytes()).await?;
    let head = raw::read_until(stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("upgrade: echo"), "{head}");
    stream.write_all(b"anything").await?;
    assert_eq!(raw::read_until(stream, "anything").await, "anything");
    Ok(())
}

/// Sends 256 MiB each way. Client, proxy and server share one process, and no other test may use its memory meanwhile.
#[test]
fn a_large_body_passes_in_constant_memory() {
    const ALONE: &str = "HOLDUP_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return pass_large_bodies();
    }
    let this = std::env::current_exe().unwrap();
    let mut alone = std::process::Command::new(this);
    alone.args(["--exact", "basics::a_large_body_passes_in_constant_memory", "--nocapture"]).env(ALONE, "1");
    let output = alone.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn pass_large_bodies() {
    #[mitm_test]
    async fn pass(client: Client, _origin: Origin) -> TestResult {
        const SIZE: usize = 256 << 20;
        let mut largest = 0;
        for url in ["https://origin.test", "http://origin.test"] {
            let before = resident_mib();
            let mut response = client.get(format!("{url}/bytes?{SIZE}")).send().await?;
            let mut seen = 0;
            while let Some(chunk) = response.chunk().await? {
                seen += chunk.len();
                largest = largest.max(resident_mib().saturating_sub(before));
            }
            assert_eq!(seen, SIZE);
            let zeros = bytes::Bytes::from(vec![0; 1 << 16]);
            let chunks = (0..SIZE >> 16).map(move |_| Ok::<_, std::io::Error>(http_body::Frame::data(zeros.clone())));
            let body = http_body_util::StreamBody::new(futures_util::stream::iter(chunks));
            let counted =
                client.post(format!("{url}/count")).body(reqwest::Body::wrap(body)).send().await?.text().await?;
            assert_eq!(counted, SIZE.to_string());
            largest = largest.max(resident_mib().saturating_sub(before));
        }
        assert!(largest < 64, "grew by {largest} MiB");
        Ok(())
    }
    pass();
}

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) / 1024
}

/// Test bodies that come from a `macro_rules`: only the compiler can parse them.
macro_rules! tests {
    ($($name:ident $body:block $whole:block)*) => {
        $(
            mod $name {
                use super::*;

                #[mitm_test]
                async fn body(mitm: Mitm) -> TestResult {
                    $body
                    assert!(mitm.exchanges().is_empty());
                    Ok(())
                }

                #[mitm_test]
                async fn whole(_mitm: Mitm) -> TestResult $whole
            }
        )*
    };
}
tests! {
    made_by_a_macro { assert_eq!(1 + 1, 2) } { Ok(()) }
}

#[test]
fn tests_that_a_macro_has_made_are_run() {
    let output = std::process::Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    for name in ["body", "whole"] {
        assert!(listed.contains(&format!("basics::made_by_a_macro::{name}: test")), "{listed}");
    }
}

/// What a test may move to a task of its own.
#[test]
fn handles_records_and_errors_cross_threads() {
    const fn crosses<T: Send + Sync + 'static>() {}
    crosses::<(Mitm, Client, Browser, Filter, Rule)>();
    crosses::<(Hold<Request>, Hold<Response>, Held<Request>, Held<Response>)>();
    crosses::<(Watch<Request>, Delivery, Exchange, Request, Response)>();
    crosses::<(Failure, Fault, FilterError, BrowserError, TestError)>();
}
