//! Input that browsers accept is forwarded; ambiguous input is refused, with the reason.

use crate::support::origin::Origin;
use crate::support::programs::{Pair, Program};
use crate::support::raw;
use holdup::prelude::*;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[mitm_test]
async fn tls_that_ends_without_a_word_is_an_end(client: Client, mitm: Mitm) -> TestResult {
    let pair = Pair::new("abrupt.test");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.trust_upstream(&pair.certificate)?;
    mitm.host("abrupt.test", Upstream::tls(listener.local_addr()?));
    tokio::spawn(async move {
        let acceptor = raw::acceptor(&pair, &["http/1.1"]);
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = acceptor.accept(stream).await.unwrap();
            let ask = raw::read_until(&mut stream, "\r\n\r\n").await;
            let length = if ask.contains("/told") { "content-length: 99\r\n" } else { "" };
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\nall of it").as_bytes()).await.unwrap();
            // Closes TCP without a TLS `close_notify`.
            stream.get_mut().0.shutdown().await.unwrap();
        }
    });
    assert_eq!(client.get("https://abrupt.test/").send().await?.text().await?, "all of it");
    // With a declared length, this is no valid end.
    client.get("https://abrupt.test/told").send().await?.text().await.expect_err("broken off");
    Ok(())
}

#[mitm_test]
async fn many_headers_pass_both_ways(client: Client, mitm: Mitm) -> TestResult {
    let links: String = (0..150).map(|n| format!("link: </{n}.css>; rel=preload\r\n")).collect();
    mitm.host("many.test", raw::answers(&links, b"ok").await);
    let response = client.get("https://many.test/").send().await?;
    assert_eq!((response.status().as_u16(), response.headers().get_all("link").iter().count()), (200, 150));
    let mut stream = raw::connect(&mitm).await;
    let ask = b"GET http://many.test/ HTTP/1.1\r\nhost: many.test\r\nconnection: close\r\n\r\n";
    let said = raw::ask(&mut stream, ask, "\r\n\r\nok").await;
    assert_eq!(said.matches("link: ").count(), 150, "{said}");
    // Over HTTP/1, since the HTTP/2 client accepts fewer headers.
    let many: String = (0..4_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    mitm.host("many.test", raw::answers(&many, b"ok").await);
    let mut stream = raw::connect(&mitm).await;
    assert_eq!(raw::ask(&mut stream, ask, "\r\n\r\nok").await.matches("x-").count(), 4_000);
    let mut stream = raw::connect(&mitm).await;
    let ask = format!("GET http://many.test/ HTTP/1.1\r\nhost: many.test\r\n{many}\r\n");
    assert!(raw::ask(&mut stream, ask.as_bytes(), "\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
    let huge = format!("x: {}\r\n", "y".repeat(300_000));
    mitm.host("many.test", raw::answers(&huge, b"ok").await);
    let response = client.get("https://many.test/").send().await?;
    assert_eq!(response.status(), 502);
    Ok(())
}

#[mitm_test]
async fn a_line_that_cannot_be_read_costs_itself_only(client: Client, mitm: Mitm) -> TestResult {
    for line in ["nothing here", "my header: 1", "x: a\u{1}b"] {
        mitm.host("odd.test", raw::answers(&format!("a: 1\r\n{line}\r\nb: 2\r\n"), b"ok").await);
        let response = client.get("https://odd.test/").send().await?;
        let headers = response.headers();
        assert!(headers["a"] == "1" && headers["b"] == "2" && !headers.contains_key("x"), "{headers:?}");
        assert_eq!(response.text().await?, "ok", "{line}");
    }
    Ok(())
}

/// Checks the journal that is printed with a failure.
#[test]
fn the_line_is_named_in_the_journal() {
    let said = crate::support::failure_of(|| {
        #[mitm_test]
        async fn fails(client: Client, mitm: Mitm) -> TestResult {
            mitm.host("odd.test", raw::answers("no colon here\r\n", b"ok").await);
            client.get("https://odd.test/").send().await?;
            Err(std::io::Error::other("to see the journal"))?
        }
        fails();
    });
    assert!(said.contains("#1 a line of its response was dropped: \"no colon here\" has no colon"), "{said}");
}

#[mitm_test]
async fn what_could_be_read_in_two_ways_is_refused(client: Client, mitm: Mitm) -> TestResult {
    for line in [
        "content-length 2",
        "content-length: 2\u{1}",
        "transfer-encoding: chunked\u{b}",
        "transfer-encoding : chunked",
        "content-length: 2\r\n 3",
        "x : 1",
    ] {
        mitm.host("odd.test", raw::says(format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\nok")).await);
        assert_eq!(client.get("https://odd.test/").send().await?.status(), 502, "{line}");
    }
    Ok(())
}

#[mitm_test]
async fn a_refused_request_is_told_to_its_client_and_in_the_journal(mitm: Mitm, _origin: Origin) -> TestResult {
    let watch = watch!(path == "/never").within(Duration::from_millis(1));
    for (line, why) in [
        ("x : 1", "the header line \"x : 1\" has a blank before its colon"),
        ("no colon", "the header line \"no colon\" has no colon"),
        ("x: a\0b", "has a NUL byte in its value"),
        ("host: other.test", "the request has more than one host header"),
    ] {
        let mut stream = raw::connect(&mitm).await;
        let ask = format!("GET http://origin.test/ HTTP/1.1\r\nhost: origin.test\r\n{line}\r\n\r\n");
        let said = raw::ask(&mut stream, ask.as_bytes(), why).await;
        assert!(said.starts_with("HTTP/1.1 400") && said.contains(why), "{said}");
        // The same inside a tunnel.
        let mut stream = raw::tunnel(&mitm, "origin.test", &["http/1.1"]).await;
        stream.write_all(format!("GET / HTTP/1.1\r\nhost: origin.test\r\n{line}\r\n\r\n").as_bytes()).await?;
        let said = raw::read_until(&mut stream, why).await;
        assert!(said.starts_with("HTTP/1.1 400") && said.contains(why), "{said}");
        let failure = watch.next().await.expect_err("nothing").to_string();
        assert!(failure.contains(why), "{failure}");
    }
    Ok(())
}

/// An application that insists on https, like those behind a load balancer.
#[mitm_test]
async fn a_plain_server_behind_an_https_name_is_told_what_the_browser_sees(client: Client, mitm: Mitm) -> TestResult {
    let server = "location / { if ($http_x_forwarded_proto != 'https') { return 301 https://$host$request_uri; }
        return 200 '$http_x_forwarded_proto $http_x_forwarded_host $http_x_forwarded_for'; }";
    let nginx = Program::nginx("", &Pair::new("x"), server).await;
    mitm.host("app.test", nginx.address);
    let text = client.get("https://app.test/").send().await?.text().await?;
    assert_eq!(text, "https app.test 127.0.0.1");
    // Plain requests are forwarded as http, and a header of the test is kept.
    assert!(client.get("http://app.test/").send().await?.text().await?.starts_with("https"), "redirected once");
    let request = client.get("https://app.test/").header("x-forwarded-for", "192.0.2.1");
    assert_eq!(request.send().await?.text().await?, "https app.test 192.0.2.1");
    // The journal shows the request as the browser sent it.
    assert_eq!(mitm.exchanges()[0].request.header("x-forwarded-proto"), None);
    mitm.forward_nothing();
    client.get("https://app.test/").send().await.expect_err("redirected for ever");
    Ok(())
}
