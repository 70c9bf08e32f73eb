//! What holding means.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

fn get(client: &Client, url: &str) -> tokio::task::JoinHandle<Result<(u16, String), reqwest::Error>> {
    let request = client.get(url);
    tokio::spawn(async move {
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    })
}

#[mitm_test]
async fn a_held_request_has_not_reached_the_server(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(path == "/slow");
    let asking = get(&client, "https://origin.test/slow");
    let held = hold.next().await?;
    assert_eq!(held.request().method(), "GET");
    assert_eq!(origin.state.seen(), [""; 0]);
    assert!(held.release().await?.is_delivered());
    assert_eq!(asking.await??.1, "this is /slow");
    Ok(())
}

#[mitm_test]
async fn a_held_response_has_reached_the_server_and_not_the_client(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(response: path == "/slow" && status == 200);
    let asking = get(&client, "https://origin.test/slow");
    let held = hold.next().await?;
    assert_eq!(held.response().status(), 200);
    assert_eq!(held.body().await?, "this is /slow");
    assert_eq!(origin.state.seen(), ["GET /slow"]);
    assert!(!asking.is_finished());
    assert!(held.release().await?.is_delivered());
    assert_eq!(asking.await??.1, "this is /slow");
    Ok(())
}

#[mitm_test]
async fn flows_are_released_in_any_order_on_one_connection(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(response: path ~ "^/n");
    let asking: Vec<_> = (0..5).map(|n| get(&client, &format!("https://origin.test/n{n}"))).collect();
    let mut all = hold.take(5).await?;
    all.sort_by_key(|held| held.request().path().to_owned());
    let free = client.get("https://origin.test/free").send().await?;
    assert_eq!(free.text().await?, "this is /free");
    for n in [3, 0, 1, 0, 0] {
        assert!(all.remove(n).release().await?.is_delivered());
    }
    for (n, asking) in asking.into_iter().enumerate() {
        assert_eq!(asking.await??.1, format!("this is /n{n}"));
    }
    assert_eq!(mitm.exchanges().len(), 6);
    Ok(())
}

#[mitm_test]
async fn an_earlier_arrival_never_satisfies_a_later_wait(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x").within(Duration::from_millis(200));
    let first = get(&client, "https://origin.test/x");
    hold.next().await?.release().await?;
    first.await??;
    hold.next().await.expect_err("no second flow");
    let second = get(&client, "https://origin.test/x");
    hold.next().await?.release().await?;
    second.await??;
    assert_eq!(hold.hits(), 2);
    Ok(())
}

#[mitm_test]
async fn nth_lets_those_before_it_go(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let first = get(&client, "https://origin.test/x?1");
    let both = async {
        first.await??;
        TestResult::Ok(get(&client, "https://origin.test/x?2"))
    };
    let (held, second) = tokio::join!(hold.nth(2), both);
    let held = held?;
    assert_eq!(held.request().url(), "https://origin.test/x?2");
    held.release().await?;
    second?.await??;
    Ok(())
}

#[mitm_test]
async fn advance_parks_the_flow_again_with_its_response(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(path == "/twice");
    let asking = get(&client, "https://origin.test/twice");
    let mut held = hold.next().await?;
    held.edit(|request| request.set_path_and_query("/edited"));
    let mut held = held.advance().await?;
    assert_eq!(origin.state.seen(), ["GET /edited"]);
    assert_eq!(held.response().status(), 200);
    held.edit(|response| {
        response.set_status(http::StatusCode::IM_A_TEAPOT);
        response.set_body("short and stout");
    });
    held.release().await?;
    assert_eq!(asking.await??, (418, "short and stout".to_owned()));
    Ok(())
}

#[mitm_test]
async fn a_request_is_edited_and_its_body_read(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(method == POST);
    let request = client.post("https://origin.test/echo").body("before");
    let asking = tokio::spawn(async move { request.send().await?.text().await });
    let mut held = hold.next().await?;
    assert_eq!(held.body().await?, "before");
    held.edit(|request| request.set_body("after all"));
    held.release().await?;
    let text = asking.await??;
    assert!(text.ends_with("\nafter all") && text.contains("content-length: 9\n"), "{text}");
    Ok(())
}

#[mitm_test]
async fn a_body_that_was_read_still_goes_on(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(body contains "needle");
    let request = client.post("https://origin.test/echo").body("hay needle hay");
    let asking = tokio::spawn(async move { request.send().await?.text().await });
    let held = hold.next().await?;
    assert_eq!(held.request().body().map(|body| &body[..]), Some(&b"hay needle hay"[..]));
    held.release().await?;
    assert!(asking.await??.ends_with("hay needle hay"));
    let passes = client.post("https://origin.test/echo").body("hay").send().await?.text().await?;
    assert!(passes.ends_with("\nhay"));
    Ok(())
}

#[mitm_test]
async fn the_test_answers_in_the_servers_place(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    assert!(hold.next().await?.respond((503, "try later")).await?.is_delivered());
    assert_eq!(asking.await??, (503, "try later".to_owned()));
    assert!(origin.state.seen().is_empty());
    Ok(())
}

#[mitm_test]
async fn an_aborted_stream_leaves_its_connection_alone(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    let held = hold.next().await?;
    let sibling = get(&client, "https://origin.test/y");
    assert_eq!(held.abort(AbortKind::Reset).await?, Outcome::Aborted);
    asking.await?.expect_err("aborted");
    assert_eq!(sibling.await??.1, "this is /y");
    assert_eq!(mitm.exchanges()[0].outcome, Some(Outcome::Aborted));
    Ok(())
}

#[mitm_test]
async fn one_is_released_after_the_other(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(response: path ~ "^/[ab]$");
    let a = get(&client, "https://origin.test/a");
    let held_a = hold.next().await?;
    let b = get(&client, "https://origin.test/b");
    let held_b = hold.next().await?;
    let late = held_a.release_after(&held_b);
    let soon = held_b.release();
    assert!(late.await?.is_delivered());
    assert!(soon.await?.is_delivered());
    let outcomes: Vec<_> = mitm.exchanges().into_iter().map(|exchange| exchange.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Delivered), Some(Outcome::Delivered)]);
    a.await??;
    b.await??;
    Ok(())
}

#[mitm_test]
async fn two_holds_take_a_flow_in_turn(client: Client, _origin: Origin) -> TestResult {
    let (first, second) = (hold!(path == "/x"), hold!(method == "GET"));
    let asking = get(&client, "https://origin.test/x");
    first.next().await?.release();
    second.next().await?.release().await?;
    asking.await??;
    Ok(())
}

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
async fn a_hold_that_is_removed_releases_what_it_parks(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let (first, second) = (get(&client, "https://origin.test/x?1"), get(&client, "https://origin.test/x?2"));
    let held = hold.next().await?;
    while hold.hits() < 2 {
        tokio::task::yield_now().await;
    }
    hold.remove();
    let (mine, other) = if held.request().url().ends_with('1') { (first, second) } else { (second, first) };
    assert_eq!(other.await??.0, 200);
    assert!(!mine.is_finished());
    assert!(held.release().await?.is_delivered());
    mine.await??;
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

/// Reading a stream that has no end gives up in time, and the flow can still be decided.
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
async fn a_client_that_has_a_copy_is_not_told_that_nothing_changed(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(response: path == "/cached" && body contains "old");
    let request = client.get("https://origin.test/cached").header("if-none-match", "\"old\"");
    let asking = tokio::spawn(async move { request.send().await });
    hold.next().await?.release().await?;
    assert_eq!(asking.await??.status(), 200);
    Ok(())
}

#[mitm_test]
async fn none_for_says_what_came(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    hold.none_for(Duration::from_millis(50)).await?;
    let asking = get(&client, "https://origin.test/x");
    let failure = hold.none_for(Duration::from_secs(5)).await.expect_err("one came").to_string();
    assert!(failure.contains("GET https://origin.test/x"), "{failure}");
    assert_eq!(asking.await??.0, 200);
    Ok(())
}

/// The proxy has threads of its own.
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

#[tokio::test]
async fn nothing_needs_the_macros() -> TestResult {
    let mitm = Mitm::start().await?;
    let origin = Origin::plain().await;
    mitm.host("origin.test", origin.address);
    let hold = mitm.hold::<Response>(filter!(status == 200));
    let asking = get(&mitm.client()?, "https://origin.test/x");
    hold.next().await?.release().await?;
    asking.await??;
    mitm.stop().await?;
    Ok(())
}

#[mitm_test]
async fn a_spawned_task_says_whose_verbs_it_means(mitm: Mitm, client: Client, _origin: Origin) -> TestResult {
    let hold = tokio::spawn(mitm.scope(async { hold!(path == "/x") })).await?;
    let asking = get(&client, "https://origin.test/x");
    hold.next().await?.release().await?;
    asking.await??;
    let lost = tokio::spawn(async { drop(hold!(path == "/x")) }).await.expect_err("no Mitm there").into_panic();
    let text = lost.downcast_ref::<String>().unwrap();
    assert!(text.contains("mitm.scope"), "{text}");
    Ok(())
}
