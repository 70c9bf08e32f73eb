//! Clients that share a proxy are isolated: upstream connections, streams, and their state belong to one client.

use crate::support::raw;
use futures_util::future::join_all;
use holdup::prelude::*;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that runs `each` for every connection.
async fn server<F: Future<Output = ()> + Send + 'static>(each: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(each(stream));
        }
    });
    address
}

/// Alice's six long polls wait for a message from Bob.
#[mitm_test]
async fn six_connections_are_of_each_client(mitm: Mitm) -> TestResult {
    let (polls, said) = (watch::Sender::new(0), watch::Sender::new(false));
    let (mut polling, shared) = (polls.subscribe(), Arc::new((polls, said)));
    let chat = server(move |mut stream| {
        let shared = Arc::clone(&shared);
        async move {
            let (polls, said) = &*shared;
            loop {
                let ask = raw::read_until(&mut stream, "\r\n\r\n").await;
                if ask.starts_with("GET /poll") {
                    polls.send_modify(|count| *count += 1);
                    said.subscribe().wait_for(|said| *said).await.unwrap();
                } else if ask.is_empty() {
                    return;
                } else {
                    said.send_replace(true);
                }
                stream.write_all(OK).await.unwrap();
            }
        }
    });
    mitm.host("chat.test", chat.await);
    let (alice, bob) = (mitm.client()?, mitm.client()?);
    let all: Vec<_> = (0..6).map(|n| tokio::spawn(alice.get(format!("https://chat.test/poll{n}")).send())).collect();
    polling.wait_for(|count| *count == 6).await?;
    assert_eq!(bob.get("https://chat.test/say").send().await?.status(), 200);
    for poll in all {
        assert_eq!(poll.await??.status(), 200);
    }
    Ok(())
}

/// A POST is sent once to a server that closes while it processes it: Bob has never used a connection to it.
#[mitm_test]
async fn a_post_is_not_sent_to_each_kept_connection(mitm: Mitm) -> TestResult {
    let posts = Arc::new(AtomicUsize::new(0));
    let (all, mut come) = watch::channel(0);
    let counted = Arc::clone(&posts);
    let pay = server(move |mut stream| {
        let (posts, all) = (Arc::clone(&counted), all.clone());
        async move {
            loop {
                let ask = raw::read_until(&mut stream, "\r\n\r\n").await;
                if ask.starts_with("POST") {
                    posts.fetch_add(1, SeqCst);
                    return;
                }
                if ask.is_empty() {
                    return;
                }
                // The responses wait for each other, so that there are six connections.
                all.send_modify(|count| *count += 1);
                all.subscribe().wait_for(|count| *count >= 6).await.unwrap();
                stream.write_all(OK).await.unwrap();
            }
        }
    });
    mitm.host("pay.test", pay.await);
    let (alice, bob) = (mitm.client()?, mitm.client()?);
    for answer in join_all((0..6).map(|n| alice.get(format!("https://pay.test/{n}")).send())).await {
        assert_eq!(answer?.text().await?, "ok");
    }
    come.wait_for(|count| *count == 6).await?;
    assert_eq!(bob.post("https://pay.test/").body("amount=1").send().await?.status(), 502);
    assert_eq!(posts.load(SeqCst), 1);
    // Alice has used one, and browsers retry once then.
    assert_eq!(alice.post("https://pay.test/").body("amount=1").send().await?.status(), 502);
    assert_eq!(posts.load(SeqCst), 3);
    Ok(())
}

#[mitm_test]
async fn a_kept_http2_connection_that_closes_is_survived(mitm: Mitm, client: Client) -> TestResult {
    let once = server(|stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let mut answered = false;
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            if std::mem::replace(&mut answered, true) {
                // Simulates a process that has died.
                return;
            }
            let _: h2::SendStream<bytes::Bytes> = answer.send_response(http::Response::new(()), true).unwrap();
        }
    });
    mitm.host("once.test", Upstream::h2c(once.await));
    for _ in 0..4 {
        assert_eq!(client.get("https://once.test/").send().await?.status(), 200);
    }
    Ok(())
}

/// A request that cannot be sent again does not use another client's connection, which may close.
#[mitm_test]
async fn a_large_upload_of_a_new_client_arrives(mitm: Mitm) -> TestResult {
    let big = server(|mut stream| async move {
        raw::read_until(&mut stream, "said").await;
        stream.write_all(OK).await.unwrap();
        // Closes on the second request.
        let _ = stream.read_u8().await;
    });
    mitm.host("big.test", big.await);
    for _ in 0..4 {
        let upload = mitm.client()?.post("https://big.test/").body("x".repeat(200_000) + "said");
        assert_eq!(upload.send().await?.status(), 200);
    }
    Ok(())
}

/// A server that allows ten streams per connection serves twenty of two clients.
#[mitm_test]
async fn each_client_has_streams_of_its_own(mitm: Mitm) -> TestResult {
    let few = server(|stream| async move {
        let mut builder = h2::server::Builder::new();
        let mut connection = builder.max_concurrent_streams(10).handshake::<_, bytes::Bytes>(stream).await.unwrap();
        let mut open = Vec::new();
        while let Some(Ok((_, mut answer))) = connection.accept().await {
            let head = http::Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
            open.push(answer.send_response(head, false).unwrap());
        }
    });
    mitm.host("few.test", Upstream::h2c(few.await));
    let clients = [mitm.client()?, mitm.client()?];
    let mut open = Vec::new();
    for client in &clients {
        for n in 0..8 {
            open.push(client.get(format!("https://few.test/{n}")).send().await?);
        }
    }
    assert_eq!(open.len(), 16);
    Ok(())
}

#[mitm_test]
async fn an_answer_without_a_body_has_no_length(mitm: Mitm, client: Client) -> TestResult {
    let none = server(|mut stream| async move {
        while !raw::read_until(&mut stream, "\r\n\r\n").await.is_empty() {
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n").await.unwrap();
        }
    });
    mitm.host("none.test", none.await);
    let answer = client.get("https://none.test/").send().await?;
    assert_eq!((answer.status().as_u16(), answer.headers().get("content-length")), (204, None));
    Ok(())
}

/// Protocols that begin with a line of text pass through CONNECT, as do bytes without a line end.
#[mitm_test]
async fn first_words_that_are_no_http_pass(mitm: Mitm) -> TestResult {
    let echo = server(|mut stream| async move {
        let (mut read, mut write) = stream.split();
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    mitm.host("echo.test", echo.await);
    for word in ["hi\n", "SSH-2.0-x\r\n", "NICK bob\r\n", "PING\r\n", "get x\r\n", "\r\nhello\r\n", "no line end"] {
        let mut stream = raw::connect(&mitm).await;
        raw::ask(&mut stream, b"CONNECT echo.test:7 HTTP/1.1\r\nhost: echo.test:7\r\n\r\n", "\r\n\r\n").await;
        stream.write_all(word.as_bytes()).await?;
        stream.shutdown().await?;
        assert_eq!(raw::read_until(&mut stream, "never").await, word);
    }
    Ok(())
}

/// A server that closes the connection without sending a byte ends its tunnel.
#[mitm_test]
async fn a_server_that_closes_without_a_word_is_heard(mitm: Mitm) -> TestResult {
    mitm.host("shut.test", server(|stream| async move { drop(stream) }).await);
    let mut stream = raw::connect(&mitm).await;
    raw::ask(&mut stream, b"CONNECT shut.test:25 HTTP/1.1\r\nhost: shut.test:25\r\n\r\n", "\r\n\r\n").await;
    assert_eq!(raw::read_until(&mut stream, "never").await, "");
    Ok(())
}

#[mitm_test]
async fn a_server_that_closes_at_once_is_asked_once(mitm: Mitm, client: Client) -> TestResult {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let shut = server(move |stream| {
        counted.fetch_add(1, SeqCst);
        async move { drop(stream) }
    });
    mitm.host("shut.test", shut.await);
    for _ in 0..20 {
        assert_eq!(client.get("https://shut.test/").send().await?.status(), 502);
    }
    assert_eq!(connections.load(SeqCst), 20);
    Ok(())
}

/// The proxy sends `100 Continue` itself, and does not forward the expectation.
#[mitm_test]
async fn a_client_that_waits_to_be_asked_is_asked_by_the_proxy(mitm: Mitm) -> TestResult {
    let asks = server(|mut stream| async move {
        let ask = raw::read_until(&mut stream, "said").await;
        let status = if ask.contains("expect") { "417 Expectation Failed" } else { "200 OK" };
        stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").as_bytes()).await.unwrap();
        pending::<()>().await;
    });
    mitm.host("asks.test", asks.await);
    let mut stream = raw::connect(&mitm).await;
    let head =
        b"POST http://asks.test/ HTTP/1.1\r\nhost: asks.test\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    assert!(raw::ask(&mut stream, head, "\r\n\r\n").await.starts_with("HTTP/1.1 100"));
    assert!(raw::ask(&mut stream, b"said", "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    Ok(())
}

/// A response that cannot be parsed is reported with its line.
#[mitm_test]
async fn an_answer_that_cannot_be_read_is_named(mitm: Mitm, client: Client) -> TestResult {
    for (says, why) in [
        ("HTTP/1.1 200 OK\r\nx : 1\r\n\r\n", "the header line \"x : 1\" has a blank before its colon"),
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n", "the header line \" b\" is folded"),
        ("HTTP/1.1 abc\r\n\r\n", "the status line \"HTTP/1.1 abc\" is not"),
    ] {
        mitm.host("odd.test", raw::says(says).await);
        let text = client.get("https://odd.test/").send().await?.text().await?;
        assert!(text.contains(why), "{text}");
    }
    Ok(())
}
