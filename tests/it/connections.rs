//! Connections to upstreams: their number, their owners, and which requests are retried when one closes.

use crate::support::programs::{Pair, Program};
use crate::support::{get, raw};
use futures_util::future::{join_all, try_join_all};
use holdup::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

async fn most(client: &Client) -> TestResult<u64> {
    let said: serde_json::Value =
        serde_json::from_str(&client.get("https://pictures.test/most").send().await?.text().await?)?;
    Ok(said["most"].as_u64().expect("a number"))
}

/// Sends one request: until the client knows that the proxy speaks HTTP/2, it opens a connection per request.
async fn known_as_http2(client: &Client) -> TestResult {
    client.get("https://pictures.test/1").send().await?;
    Ok(())
}

#[mitm_test]
async fn a_page_with_150_pictures_has_six_connections(client: Client, mitm: Mitm) -> TestResult {
    let node = Program::node("pictures.mjs", &Pair::new("x"), &[]).await;
    mitm.host("pictures.test", node.address);
    known_as_http2(&client).await?;
    let all = (1..=150).map(|n| get(&client, &format!("https://pictures.test/{n}")));
    for (n, answer) in (1..).zip(join_all(all).await) {
        assert_eq!(answer??.1.len(), n);
    }
    assert_eq!(most(&client).await?, 6);
    Ok(())
}

#[mitm_test]
async fn a_test_says_how_many_connections_there_are(client: Client, mitm: Mitm) -> TestResult {
    let node = Program::node("pictures.mjs", &Pair::new("x"), &[]).await;
    mitm.host("pictures.test", node.address);
    mitm.limit_connections(2);
    known_as_http2(&client).await?;
    let all = (1..=20).map(|n| get(&client, &format!("https://pictures.test/{n}")));
    try_join_all(all).await?;
    assert_eq!(most(&client).await?, 2);
    Ok(())
}

#[mitm_test]
async fn parked_flows_take_no_connection_away(client: Client, mitm: Mitm) -> TestResult {
    let node = Program::node("pictures.mjs", &Pair::new("x"), &[]).await;
    mitm.host("pictures.test", node.address);
    // One response is larger than the read-ahead.
    mitm.limit_bodies(100_000);
    let hold = hold!(response: path ~ "^/[0-9]+$");
    let answers: Vec<_> = (1..=200).map(|n| get(&client, &format!("https://pictures.test/{}", n * 1_000))).collect();
    let held = hold.take(200).await?;
    assert!(most(&client).await? >= 1);
    for held in held {
        assert!(held.release().await?.is_delivered());
    }
    for (n, answer) in (1..).zip(try_join_all(answers).await?) {
        assert_eq!(answer?.1.len(), n * 1_000);
    }
    Ok(())
}

/// A server whose connections remember the user after authentication, as with NTLM.
async fn remembers() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut user = "nobody".to_owned();
                loop {
                    let ask = raw::read_until(&mut stream, "\r\n\r\n").await;
                    if ask.is_empty() {
                        return;
                    }
                    let said = ask.lines().find_map(|line| line.strip_prefix("authorization: NTLM "));
                    user = said.map_or(user, ToOwned::to_owned);
                    let text = format!("secret of {user}");
                    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

#[mitm_test]
async fn a_connection_that_knows_its_client_is_no_others(mitm: Mitm) -> TestResult {
    mitm.host("ntlm.test", remembers().await);
    let (alice, bob) = (mitm.client()?, mitm.client()?);
    let url = "https://ntlm.test/";
    let ask = |client: &Client, who: Option<&str>| {
        let request = client.get(url);
        let request =
            who.map_or(request.try_clone().unwrap(), |who| request.header("authorization", format!("NTLM {who}")));
        async { TestResult::Ok(request.send().await?.text().await?) }
    };
    assert_eq!(ask(&alice, Some("alice")).await?, "secret of alice");
    assert_eq!(ask(&bob, None).await?, "secret of nobody");
    assert_eq!(ask(&alice, None).await?, "secret of alice");
    assert_eq!(ask(&bob, Some("bob")).await?, "secret of bob");
    assert_eq!(ask(&alice, None).await?, "secret of alice");
    Ok(())
}

#[mitm_test]
async fn what_nginx_has_not_dealt_with_is_asked_again(client: Client, mitm: Mitm) -> TestResult {
    let pair = Pair::new("few.test");
    let server = "keepalive_requests 5; client_max_body_size 1m; location / { return 200 \"$request_method $uri\"; }";
    mitm.trust_upstream(&pair.certificate)?;
    for listen in ["ssl http2", "ssl"] {
        let nginx = Program::nginx(listen, &pair, server).await;
        mitm.host("few.test", Upstream::tls(nginx.address));
        let ask = |n: usize| {
            let request = if n.is_multiple_of(2) {
                client.get(format!("https://few.test/{n}"))
            } else {
                client.post(format!("https://few.test/{n}")).body("x".repeat(n * 100))
            };
            async move { TestResult::Ok(request.send().await?.text().await?) }
        };
        let answers = try_join_all((0..60).map(ask)).await?;
        for (n, text) in answers.iter().enumerate() {
            assert!(text.ends_with(&format!(" /{n}")), "{listen}: {n}: {text}");
        }
    }
    Ok(())
}

/// Reads a request whose body ends with "said"; a chunked body to its last chunk.
async fn ends_with_said(stream: &mut TcpStream) -> String {
    let mut request = raw::read_until(stream, "said").await;
    if request.contains("chunked") && !request.ends_with("0\r\n\r\n") {
        request += &raw::read_until(stream, "0\r\n\r\n").await;
    }
    request
}

/// A server that responds once per connection, with `text` of the request's length, and closes on the second request.
async fn closes_when_asked_again(text: fn(usize) -> String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let text = text(ends_with_said(&mut stream).await.len());
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                ends_with_said(&mut stream).await;
            });
        }
    });
    address
}

#[mitm_test]
async fn a_post_is_asked_again_when_a_kept_connection_closes(client: Client, mitm: Mitm) -> TestResult {
    mitm.host("short.test", closes_when_asked_again(|length| length.to_string()).await);
    for size in [0, 1_000, 60_000] {
        for _ in 0..3 {
            let request = client.post("https://short.test/").body("x".repeat(size) + "said");
            let response = request.send().await?;
            assert_eq!(response.status(), 200, "{size}");
            assert!(response.text().await?.parse::<usize>()? > size);
        }
    }
    // A body too large to be sent again gets a new connection.
    let large = mitm.client()?.post("https://short.test/").body("x".repeat(200_000) + "said");
    assert_eq!(large.send().await?.status(), 200);
    Ok(())
}

/// The body has no declared length, and has been sent completely when the connection closes.
#[mitm_test]
async fn a_body_in_chunks_goes_again_whole(mitm: Mitm) -> TestResult {
    mitm.host("short.test", closes_when_asked_again(|_| "done".to_owned()).await);
    let mut stream = raw::connect(&mitm).await;
    let post = "POST http://short.test/ HTTP/1.1\r\nhost: short.test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsaid\r\n0\r\n\r\n";
    for _ in 0..5 {
        let answer = raw::ask(&mut stream, post.as_bytes(), "done").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    Ok(())
}

/// An HTTP/2 server that refuses three streams before it accepts one.
#[mitm_test]
async fn a_refused_stream_is_asked_again(client: Client, mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("busy.test", Upstream::h2c(listener.local_addr()?));
    tokio::spawn(async move {
        let mut refusals = 3;
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut answer))) = connection.accept().await {
                if refusals > 0 {
                    refusals -= 1;
                    answer.send_reset(h2::Reason::REFUSED_STREAM);
                } else {
                    let mut body = answer.send_response(http::Response::new(()), false).unwrap();
                    body.send_data(bytes::Bytes::from("at last"), true).unwrap();
                }
            }
        }
    });
    assert_eq!(client.post("https://busy.test/").body("x").send().await?.text().await?, "at last");
    Ok(())
}

#[mitm_test]
async fn a_server_that_wants_http1_gets_it(client: Client, mitm: Mitm) -> TestResult {
    let pair = Pair::new("old.test");
    // The server accepts HTTP/2 and resets every stream, as IIS does where it authenticates connections.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    mitm.trust_upstream(&pair.certificate)?;
    mitm.host("old.test", Upstream::tls(address));
    tokio::spawn(async move {
        let acceptor = raw::acceptor(&pair, &["h2", "http/1.1"]);
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await.unwrap();
                if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((_, mut answer))) = connection.accept().await {
                        answer.send_reset(h2::Reason::HTTP_1_1_REQUIRED);
                    }
                } else {
                    raw::read_until(&mut stream, "\r\n\r\n").await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nold").await.unwrap();
                }
            });
        }
    });
    assert_eq!(client.get("https://old.test/").send().await?.text().await?, "old");
    Ok(())
}

/// The server responds with 413 while 8 MB are being sent.
#[mitm_test]
async fn an_answer_that_comes_before_the_end_of_the_upload_is_delivered(mitm: Mitm) -> TestResult {
    let pair = Pair::new("small.test");
    mitm.trust_upstream(&pair.certificate)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let closes = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::read_until(&mut stream, "\r\n\r\n").await;
            let answer = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 9\r\nconnection: close\r\n\r\ntoo large";
            stream.write_all(answer).await.unwrap();
            // Closing with unread data sends a reset.
            drop(stream);
        }
    });
    let server = "client_max_body_size 1k; location / { proxy_pass http://127.0.0.1:1; }";
    let (http1, http2) = (Program::nginx("ssl", &pair, server).await, Program::nginx("ssl http2", &pair, server).await);
    for upstream in [Upstream::plain(closes), Upstream::tls(http1.address), Upstream::tls(http2.address)] {
        mitm.host("small.test", upstream);
        for alpn in [&["h2"][..], &["http/1.1"]] {
            let client = reqwest::Client::builder()
                .proxy(reqwest::Proxy::all(mitm.proxy_url())?)
                .tls_backend_preconfigured(raw::tls_config(&mitm.ca_pem(), alpn));
            let request = client.build()?.post("https://small.test/").body("x".repeat(8_000_000));
            assert_eq!(request.send().await?.status(), 413, "{alpn:?}");
        }
    }
    Ok(())
}

/// Idle connections to the origin are closed.
#[mitm_test]
async fn idle_connections_are_closed(client: Client, mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("idle.test", listener.local_addr()?);
    let (closed, mut seen) = watch::channel(false);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        raw::read_until(&mut stream, "\r\n\r\n").await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        raw::read_until(&mut stream, "never").await;
        closed.send_replace(true);
    });
    assert_eq!(client.get("https://idle.test/").send().await?.text().await?, "ok");
    seen.wait_for(|closed| *closed).await?;
    Ok(())
}
