//! Nothing waits for ever: a client that leaves is noticed, and a released flow continues.

use crate::support::origin::Origin;
use crate::support::{get, raw};
use futures_util::FutureExt;
use holdup::prelude::*;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[mitm_test]
async fn giving_up_is_live_on_http2(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    let held = hold.next().await?;
    asking.abort();
    held.cancelled().await?;
    assert!(held.is_cancelled());
    assert_eq!(held.release().await?, Outcome::ClientGone);
    assert_eq!(mitm.exchanges()[0].outcome, Some(Outcome::ClientGone));
    Ok(())
}

#[mitm_test]
async fn giving_up_is_live_on_http1_also_behind_an_unread_body(mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let mut stream = raw::connect(&mitm).await;
    let head = b"POST http://origin.test/x HTTP/1.1\r\nhost: origin.test\r\ncontent-length: 100000\r\n\r\n";
    stream.write_all(head).await?;
    stream.write_all(&vec![b'x'; 100_000]).await?;
    let held = hold.next().await?;
    drop(stream);
    held.cancelled().await?;
    assert_eq!(held.release().await?, Outcome::ClientGone);
    Ok(())
}

#[mitm_test]
async fn giving_up_at_the_response_is_live(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(response: path == "/x");
    for url in ["https://origin.test/x", "http://origin.test/x"] {
        let asking = get(&client, url);
        let held = hold.next().await?;
        asking.abort();
        held.cancelled().await?;
    }
    Ok(())
}

#[mitm_test]
async fn giving_up_cancels_the_upstream_request(client: Client, mitm: Mitm) -> TestResult {
    let (h2, pem) = Origin::tls("h2.test", &["h2"]).await;
    mitm.trust_upstream(&pem)?;
    mitm.host("h2.test", Upstream::tls(h2.address));
    let h1 = Origin::plain().await;
    mitm.host("h1.test", h1.address);
    for (origin, url) in [(h2, "https://h2.test/never"), (h1, "https://h1.test/never")] {
        let mut open = origin.state.open.subscribe();
        let asking = get(&client, url);
        open.wait_for(|open| *open == 1).await?;
        asking.abort();
        open.wait_for(|open| *open == 0).await?;
    }
    Ok(())
}

#[mitm_test]
async fn a_handle_that_is_dropped_releases_its_flow(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    drop(hold.next().await?);
    assert_eq!(asking.await??.0, 200);
    Ok(())
}

#[mitm_test]
async fn a_flow_that_was_let_go_was_not_given_up(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    let held = hold.next().await?;
    let other = hold!(host == "other.test").optional();
    other.remove();
    assert!(!held.is_cancelled());
    let held = held.advance().await?;
    held.release().await?;
    asking.await??;
    Ok(())
}

#[mitm_test]
async fn a_body_that_does_not_end_can_still_be_released(client: Client, mitm: Mitm) -> TestResult {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("endless.test", listener.local_addr()?);
    let hold = hold!(response: host == "endless.test").within(Duration::from_millis(100));
    let request = client.get("https://endless.test/");
    let asking = tokio::spawn(async move { request.send().await });
    let (mut server, _) = listener.accept().await?;
    raw::read_until(&mut server, "\r\n\r\n").await;
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\nthe start").await?;
    let held = hold.next().await?;
    held.body().await.expect_err("no end");
    drop(held.release());
    let mut response = asking.await??;
    assert_eq!(response.chunk().await?.unwrap(), "the start");
    Ok(())
}

#[mitm_test]
async fn a_body_that_blocks_its_thread_does_not_stop_the_proxy(mitm: Mitm) -> TestResult {
    let _ = &mitm;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    mitm.host("raw.test", listener.local_addr()?);
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
    });
    let mut stream = std::net::TcpStream::connect(mitm.address())?;
    std::io::Write::write_all(&mut stream, b"GET http://raw.test/ HTTP/1.1\r\nhost: raw.test\r\n\r\n")?;
    let mut answer = [0; 15];
    std::io::Read::read_exact(&mut stream, &mut answer)?;
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    server.join().unwrap();
    Ok(())
}

/// On HTTP/1 a client that leaves in the middle of its body is noticed at once, even while its request is parked.
#[mitm_test]
async fn a_client_that_leaves_in_the_middle_of_its_body(mitm: Mitm, origin: Origin) -> TestResult {
    let hold = hold!(path == "/count");
    let heads = [
        "POST http://origin.test/count HTTP/1.1\r\nhost: origin.test\r\ncontent-length: 99\r\n\r\n123",
        "POST http://origin.test/count HTTP/1.1\r\nhost: origin.test\r\ntransfer-encoding: chunked\r\n\r\n3\r\n123\r\n",
        "POST http://origin.test/count HTTP/1.1\r\nhost: origin.test\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123",
    ];
    for head in heads {
        for reset in [false, true] {
            let mut stream = raw::connect(&mitm).await;
            stream.write_all(head.as_bytes()).await?;
            let held = hold.next().await?;
            if reset {
                stream.set_zero_linger()?;
            }
            drop(stream);
            held.cancelled().await?;
            assert_eq!(held.release().await?, Outcome::ClientGone, "{head}, reset {reset}");
        }
    }
    assert_eq!(origin.state.seen().len(), 0);
    Ok(())
}

/// Dropping the future of `advance` after the response has arrived releases the flow.
#[mitm_test]
async fn an_advance_that_is_dropped_with_its_answer_releases_the_flow(
    client: Client,
    mitm: Mitm,
    _origin: Origin,
) -> TestResult {
    let hold = hold!(path == "/text");
    for _ in 0..20 {
        let asking = get(&client, "https://origin.test/text");
        let held = hold.next().await?;
        let mut advancing = Box::pin(held.advance());
        assert!((&mut advancing).now_or_never().is_none());
        // The response has arrived, but the future is not polled any more.
        while mitm.exchanges().last().is_some_and(|exchange| exchange.response.is_none()) {
            tokio::task::yield_now().await;
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        drop(advancing);
        assert_eq!(asking.await??.1, "the cat and the dog");
    }
    Ok(())
}
