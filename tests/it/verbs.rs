//! Each verb, as seen from the client and from the server.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

#[mitm_test]
async fn watch_sees_and_parks_nothing(client: Client, _origin: Origin) -> TestResult {
    let watch = watch!(path ~ "^/a");
    client.get("https://origin.test/a?status=404").send().await?;
    client.get("https://origin.test/b").send().await?;
    client.get("https://origin.test/ab").send().await?;
    let first = watch.next().await?;
    assert_eq!(first.response.unwrap().status(), 404);
    assert_eq!(watch.next().await?.request.path(), "/ab");
    assert_eq!(watch.hits(), 2);
    Ok(())
}

#[mitm_test]
async fn delay_waits_from_arrival(client: Client, _origin: Origin) -> TestResult {
    let half = Duration::from_millis(50);
    delay!(path == "/slow", 50ms);
    delay!(response: path == "/slow", { half });
    let before = Instant::now();
    client.get("https://origin.test/slow").send().await?;
    // A lower bound that holds on any machine, not a measurement.
    assert!(before.elapsed() >= Duration::from_millis(100));
    Ok(())
}

#[mitm_test]
async fn abort_cuts_off_and_says_so(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    let (reset, close) = (abort!(path == "/reset", reset), abort!(response: path == "/close", close));
    for url in ["https://origin.test/reset", "https://origin.test/close"] {
        client.get(url).send().await.expect_err("aborted");
    }
    assert_eq!(origin.state.seen(), ["GET /close"]);
    reset.assert_applied()?;
    close.assert_applied()?;
    assert!(mitm.exchanges().iter().all(|exchange| exchange.outcome == Some(Outcome::Aborted)));
    Ok(())
}

#[mitm_test]
async fn on_http1_reset_is_a_tcp_reset_and_close_is_not(mitm: Mitm, _origin: Origin) -> TestResult {
    abort!(path == "/reset", reset);
    abort!(path == "/close", close);
    let mut stream = raw::connect(&mitm).await;
    let ask = |path: &str| format!("GET http://origin.test{path} HTTP/1.1\r\nhost: origin.test\r\n\r\n");
    assert_eq!(raw::ask(&mut stream, ask("/close").as_bytes(), "\r\n").await, "");
    let mut stream = raw::connect(&mitm).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, ask("/reset").as_bytes()).await?;
    let error = stream.read(&mut [0; 10]).await.expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    Ok(())
}

#[mitm_test]
async fn respond_answers_without_the_upstream(client: Client, origin: Origin) -> TestResult {
    respond!(path == "/status", 503);
    respond!(path == "/text", (200, "made up"));
    respond!(path == "/whole", http::Response::builder().status(201).header("x-made", "yes").body("whole")?);
    respond!(response: path == "/after", (500, "too late"));
    assert_eq!(client.get("https://origin.test/status").send().await?.status(), 503);
    assert_eq!(client.get("https://origin.test/text").send().await?.text().await?, "made up");
    let whole = client.get("https://origin.test/whole").send().await?;
    assert_eq!((whole.status().as_u16(), &whole.headers()["x-made"]), (201, &"yes".parse()?));
    assert_eq!(whole.text().await?, "whole");
    assert_eq!(client.get("https://nowhere.invalid/text").send().await?.text().await?, "made up");
    assert_eq!(client.get("https://origin.test/after").send().await?.status(), 500);
    assert_eq!(origin.state.seen(), ["GET /after"]);
    assert_eq!(client.head("https://origin.test/text").send().await?.headers()["content-length"], "7");
    Ok(())
}

#[mitm_test]
async fn a_made_up_answer_can_be_held(client: Client) -> TestResult {
    respond!(path == "/a", (200, "a"));
    let hold = hold!(response: path == "/a");
    let request = client.get("https://made.up/a");
    let asking = tokio::spawn(async move { request.send().await?.text().await });
    hold.next().await?.release().await?;
    assert_eq!(asking.await??, "a");
    Ok(())
}

#[mitm_test]
async fn replace_keeps_the_head_and_serves_the_file(client: Client, origin: Origin) -> TestResult {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "new")?;
    let fix = replace!(path ~ "^/(text|cached)$", file.path());
    for coding in ["gzip", "br", "zstd", "deflate"] {
        let response = client.get(format!("https://origin.test/text?{coding}")).send().await?;
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!((&headers["content-length"], &headers["cache-control"]), (&"3".parse()?, &"no-cache".parse()?));
        assert!(!headers.contains_key("content-encoding") && !headers.contains_key("etag"), "{headers:?}");
        assert_eq!(response.text().await?, "new");
    }
    // A client with the old version does not receive 304.
    let cached = client.get("https://origin.test/cached").header("if-none-match", "\"old\"").send().await?;
    assert_eq!((cached.status().as_u16(), cached.text().await?.as_str()), (200, "new"));
    std::fs::write(file.path(), "newer")?;
    assert_eq!(client.get("https://origin.test/cached").send().await?.text().await?, "newer");
    assert_eq!((fix.hits(), origin.state.seen().len()), (6, 6));
    Ok(())
}

#[mitm_test]
async fn rewrite_reads_any_content_encoding(client: Client, _origin: Origin) -> TestResult {
    let rewrite = rewrite!(content_type ~ "html", "the (\\w+)" => "teh $1");
    for coding in ["", "gzip", "br", "zstd", "deflate"] {
        let response = client.get(format!("https://origin.test/text?{coding}")).send().await?;
        assert!(!response.headers().contains_key("content-encoding"));
        assert_eq!(response.text().await?, "teh cat and teh dog", "{coding}");
    }
    assert_eq!(rewrite.hits(), 5);
    rewrite!(request: method == POST, "cat" => "dog");
    let echo = client.post("https://origin.test/echo").body("a cat").send().await?.text().await?;
    assert!(echo.ends_with("\na dog"), "{echo}");
    Ok(())
}

#[mitm_test]
async fn rules_apply_in_the_order_of_declaration(client: Client, _origin: Origin) -> TestResult {
    rewrite!(path == "/text", "cat" => "cow");
    rewrite!(path == "/text", "cow" => "pig");
    respond!(path == "/order", (200, "first"));
    respond!(path == "/order", (200, "second"));
    let text = client.get("https://origin.test/text").send().await?.text().await?;
    assert_eq!(text, "the pig and the dog");
    assert_eq!(client.get("https://origin.test/order").send().await?.text().await?, "first");
    respond!(response: path == "/late", (200, "first"));
    respond!(response: path == "/late", (200, "second"));
    assert_eq!(client.get("https://origin.test/late").send().await?.text().await?, "first");
    Ok(())
}

#[mitm_test]
async fn a_watch_sees_what_earlier_rules_end(client: Client) -> TestResult {
    respond!(path == "/made", 204);
    abort!(path == "/cut", reset);
    let watch = watch!(host == "any.test");
    client.get("https://any.test/made").send().await?;
    client.get("https://any.test/cut").send().await.expect_err("cut off");
    assert_eq!(watch.next().await?.response.unwrap().status(), 204);
    assert_eq!(watch.next().await?.outcome, Some(Outcome::Aborted));
    Ok(())
}

#[mitm_test]
async fn a_rule_is_limited_and_removed(client: Client, _origin: Origin) -> TestResult {
    respond!(path == "/x", 503).once();
    let always = respond!(path == "/y", 503);
    for (path, status) in [("x", 503), ("x", 200), ("y", 503), ("y", 503)] {
        assert_eq!(client.get(format!("https://origin.test/{path}")).send().await?.status(), status);
    }
    assert_eq!(always.hits(), 2);
    always.remove();
    assert_eq!(client.get("https://origin.test/y").send().await?.status(), 200);
    Ok(())
}

/// A filter on a later part is decided when that part arrives.
#[mitm_test]
async fn filters_see_both_sides_at_the_response(client: Client, _origin: Origin) -> TestResult {
    respond!(response: request.body contains "please" && body contains "content-length", (200, "both"));
    let said = client.post("https://origin.test/echo").body("please").send().await?.text().await?;
    assert_eq!(said, "both");
    let other = client.post("https://origin.test/echo").body("now").send().await?.text().await?;
    assert!(other.ends_with("now"));
    Ok(())
}

/// A rule on the response body does not wait for the end of an upload, nor count it against its limit.
#[mitm_test]
async fn a_body_at_the_response_is_the_answers(client: Client, _origin: Origin) -> TestResult {
    const SIZE: usize = 20 << 20;
    let seen = watch!(response: body contains "20971520");
    let counted = client.post("https://origin.test/count").body(vec![0; SIZE]).send().await?.text().await?;
    assert_eq!(counted, SIZE.to_string());
    assert_eq!(seen.hits(), 1);
    Ok(())
}

/// A rule declared while a flow is parked applies to its response; the request is prepared for that.
#[mitm_test]
async fn a_replacement_that_is_declared_while_its_flow_is_parked(client: Client, _origin: Origin) -> TestResult {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), "new")?;
    let hold = hold!(path == "/cached");
    let request = client.get("https://origin.test/cached").header("if-none-match", "\"old\"");
    let asking = tokio::spawn(async move { request.send().await });
    let held = hold.next().await?;
    let fix = replace!(path == "/cached", file.path());
    held.release().await?;
    assert_eq!(asking.await??.text().await?, "new");
    fix.assert_applied()?;
    Ok(())
}

const HOST: &str = "origin.test";

#[mitm_test]
async fn values_may_be_expressions(client: Client, _origin: Origin) -> TestResult {
    let (path, number) = ("/value", 443);
    let rule =
        respond!(host == HOST && path == { path } && port == { number } && !(method != GET || scheme == "http"), 204);
    assert_eq!(client.get("https://origin.test/value").send().await?.status(), 204);
    assert_eq!(rule.hits(), 1);
    Ok(())
}

#[mitm_test]
async fn caching_is_left_alone_when_the_test_says_so(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let url = "https://origin.test/cached";
    assert_eq!(client.get(url).send().await?.headers()["cache-control"], "no-cache");
    assert_eq!(client.get(url).header("if-none-match", "\"old\"").send().await?.status(), 304);
    mitm.let_browsers_cache();
    assert_eq!(client.get(url).send().await?.headers()["cache-control"], "max-age=3600");
    Ok(())
}
