//! Tests of holds.

use crate::support::get;
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::time::Duration;

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
async fn a_flow_that_was_advanced_takes_any_verdict(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(path == "/x");
    let asking = get(&client, "https://origin.test/x");
    hold.next().await?.advance().await?.respond((503, "changed my mind")).await?;
    assert_eq!(asking.await??, (503, "changed my mind".to_owned()));
    let asking = get(&client, "https://origin.test/x");
    assert_eq!(hold.next().await?.advance().await?.abort(AbortKind::Close).await?, Outcome::Aborted);
    asking.await?.expect_err("aborted");
    let asking = get(&client, "https://origin.test/x");
    drop(hold.next().await?.advance().await?);
    assert_eq!(asking.await??.0, 200);
    assert_eq!(origin.state.seen().len(), 3);
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

/// Runs on a current-thread runtime: the proxy has its own threads.
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

#[mitm_test]
async fn occurrences_are_counted_at_arrival_not_after_other_holds(client: Client) -> TestResult {
    respond!(host == "shop.test", 204);
    let first = hold!(response: path == "/x" && occurrence == 1);
    let second = hold!(response: path == "/x" && occurrence == 2);
    let one = get(&client, "https://shop.test/x");
    let held = first.next().await?;
    let two = get(&client, "https://shop.test/x");
    second.next().await?.release().await?;
    held.release().await?;
    assert_eq!((one.await??.0, two.await??.0), (204, 204));
    Ok(())
}
