//! Every way to cut off a flow, as seen by clients on HTTP/1 and HTTP/2.

use crate::support::origin::Origin;
use crate::support::{get, outcomes, raw};
use holdup::prelude::*;
use tokio::io::AsyncWriteExt;

fn ask(path: &str) -> String {
    format!("GET http://origin.test{path} HTTP/1.1\r\nhost: origin.test\r\n\r\n")
}

/// Requests `path` over HTTP/1 and reads until the connection closes.
async fn read_on_http1(mitm: &Mitm, path: &str) -> String {
    let mut stream = raw::connect(mitm).await;
    raw::ask(&mut stream, ask(path).as_bytes(), "\0never").await
}

#[mitm_test]
async fn a_truncated_answer_says_its_whole_length(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    abort!(response: path == "/bytes", truncate(100_000));
    abort!(response: path == "/", truncate(4));
    let short = read_on_http1(&mitm, "/").await;
    assert!(short.contains("content-length: 9\r\n") && short.ends_with("\r\n\r\nthis"), "{short}");
    let long = read_on_http1(&mitm, "/bytes?1000000").await;
    let (_, body) = long.split_once("\r\n\r\n").unwrap();
    // The chunk sizes are between the zero bytes.
    assert_eq!(body.bytes().filter(|byte| *byte == 0).count(), 100_000);

    // On HTTP/2 the client receives the same bytes, then a reset.
    let mut answer = client.get("https://origin.test/bytes?1000000").send().await?;
    let mut got = 0;
    let error = loop {
        match answer.chunk().await {
            Ok(chunk) => got += chunk.expect("no end").len(),
            Err(error) => break error,
        }
    };
    assert_eq!(got, 100_000, "{error:?}");
    assert_eq!(origin.state.seen(), ["GET /", "GET /bytes?1000000", "GET /bytes?1000000"]);
    assert!(
        mitm.exchanges().iter().all(|exchange| exchange.outcome == Some(Outcome::Aborted)),
        "{:?}",
        mitm.exchanges()
    );
    Ok(())
}

#[mitm_test]
async fn what_is_shorter_is_not_truncated(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    let short = abort!(response: host == "origin.test", truncate(100));
    let whole = client.get("https://origin.test/").send().await?.text().await?;
    assert_eq!(client.head("https://origin.test/").send().await?.status(), 200);
    assert_eq!((whole.len(), short.hits()), (9, 0));
    assert_eq!(outcomes(&mitm).await, [Outcome::Delivered, Outcome::Delivered]);
    let text = short.assert_applied().unwrap_err().to_string();
    assert!(text.contains("-> 200: its body was no longer than that\n"), "{text}");
    assert!(text.contains("-> 200: its response has no body"), "{text}");
    drop(origin);
    Ok(())
}

#[mitm_test]
async fn an_answer_may_break_off_that_no_server_gave(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    abort!(path == "/count", truncate(3));
    let said = read_on_http1(&mitm, "/count").await;
    assert!(said.contains("content-length: 4\r\n") && said.ends_with("\r\n\r\n   "), "{said}");
    client.get("https://origin.test/count").send().await?.bytes().await.expect_err("it breaks off");
    assert_eq!(client.head("https://origin.test/count").send().await?.status(), 200);
    assert_eq!(outcomes(&mitm).await, [Outcome::Aborted, Outcome::Aborted, Outcome::Delivered]);
    assert_eq!(origin.state.seen(), [""; 0]);
    Ok(())
}

#[mitm_test]
async fn a_malformed_answer_is_no_http(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    abort!(path == "/request", malformed);
    abort!(response: path == "/response", malformed);
    for path in ["/request", "/response"] {
        let said = read_on_http1(&mitm, path).await;
        assert!(!said.is_empty() && !said.starts_with("HTTP"), "{said:?}");
        client.get(format!("https://origin.test{path}")).send().await.expect_err("no HTTP/2 either");
    }
    assert_eq!(origin.state.seen(), ["GET /response", "GET /response"]);
    Ok(())
}

/// Polls `hits`: an abort rule has no event to wait for.
async fn until_met(rule: &Rule, times: u64) {
    while rule.hits() < times {
        tokio::task::yield_now().await;
    }
}

#[mitm_test]
async fn a_stalled_flow_hangs_until_its_client_gives_up(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    let request = abort!(path == "/request", stall);
    let response = abort!(response: path == "/response", stall);
    let seen = watch!(path ~ "^/re");
    for (path, stalled) in [("/request", &request), ("/response", &response)] {
        let asking = get(&client, &format!("https://origin.test{path}"));
        until_met(stalled, 1).await;
        asking.abort();
        // The watch sees the end of the flow.
        assert_eq!(seen.next().await?.outcome, Some(Outcome::ClientGone));
    }
    // On HTTP/1 the close arrives behind the bytes that the client sent.
    let mut stream = raw::connect(&mitm).await;
    stream.write_all(ask("/request").as_bytes()).await?;
    until_met(&request, 2).await;
    drop(stream);
    assert_eq!(seen.next().await?.outcome, Some(Outcome::ClientGone));
    assert_eq!(origin.state.seen(), ["GET /response"]);
    Ok(())
}

#[tokio::test]
async fn a_stalled_flow_ends_with_the_test() -> TestResult {
    let (mitm, origin) = (Mitm::start().await?, Origin::plain().await);
    mitm.host("origin.test", origin.address);
    let stalled = mitm.abort::<Request>(filter!(path == "/"), AbortKind::Stall);
    let asking = get(&mitm.client()?, "https://origin.test/");
    until_met(&stalled, 1).await;
    mitm.stop().await?;
    asking.await?.expect_err("it is cut off then");
    Ok(())
}

#[mitm_test]
async fn goaway_sends_the_client_to_another_connection(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    client.get("https://origin.test/before").send().await?;
    let held = hold!(path == "/sibling");
    let sibling = get(&client, "https://origin.test/sibling");
    let held = held.next().await?;
    abort!(path == "/", goaway).once();
    // reqwest retries after a refusal, as browsers do.
    let answer = client.get("https://origin.test/").send().await;
    held.release().await?;
    assert_eq!(sibling.await??, (200, "this is /sibling".to_owned()), "other streams come to their end");
    let exchanges = mitm.exchanges();
    let of_root: Vec<_> = exchanges.iter().filter(|exchange| exchange.request.path() == "/").collect();
    assert_eq!(of_root[0].outcome, Some(Outcome::Aborted));
    if let Ok(answer) = answer {
        assert_eq!((answer.status().as_u16(), of_root.len()), (200, 2));
    }
    let after = client.get("https://origin.test/after").send().await?;
    assert_eq!(after.status(), 200);
    assert!(origin.state.seen().contains(&"GET /after".to_owned()));
    Ok(())
}

#[mitm_test]
async fn the_test_may_cut_off_what_it_holds_in_any_way(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(response: path == "/");
    for kind in [AbortKind::Reset, AbortKind::Close, AbortKind::Malformed, AbortKind::Truncate(2), AbortKind::Goaway] {
        let asking = get(&client, "https://origin.test/");
        let held = hold.next().await?;
        assert_eq!(held.abort(kind).await?, Outcome::Aborted, "{kind}");
        if kind == AbortKind::Goaway {
            // The client retries.
            hold.next().await?.release().await?;
            assert_eq!(asking.await??.0, 200);
        } else {
            asking.await?.expect_err("cut off");
        }
    }
    Ok(())
}
