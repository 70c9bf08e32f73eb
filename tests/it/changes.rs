//! Verbs that change a flow by code, and filters that read bodies.

use crate::support::failure_of;
use crate::support::get;
use crate::support::origin::Origin;
use holdup::prelude::*;
use http::{HeaderValue, Method};

#[mitm_test]
async fn edit_changes_both_sides(client: Client, origin: Origin) -> TestResult {
    edit!(path == "/old", |request| {
        request.set_path_and_query("/echo?new");
        request.set_method(Method::POST);
        request.set_body("changed");
    });
    let shout = edit!(response: path == "/echo", |response| {
        let text = String::from_utf8_lossy(response.body().expect("it was read")).to_uppercase();
        response.set_body(text);
        response.set_status(http::StatusCode::ACCEPTED);
    });
    let answer = client.get("https://origin.test/old").send().await?;
    assert_eq!(answer.status(), 202);
    assert!(answer.text().await?.ends_with("\nCHANGED"));
    assert_eq!(origin.state.seen(), ["POST /echo?new"]);
    shout.assert_applied()?;
    Ok(())
}

#[mitm_test]
async fn edit_may_take_its_time(client: Client, _origin: Origin) -> TestResult {
    let (sender, receiver) = tokio::sync::watch::channel(false);
    edit!(response: path == "/slow", async move |response| {
        receiver.clone().wait_for(|go| *go).await.expect("a sender");
        response.set_body("late");
    });
    let asking = tokio::spawn(client.get("https://origin.test/slow").send());
    sender.send(true)?;
    assert_eq!(asking.await??.text().await?, "late");
    Ok(())
}

#[test]
fn an_edit_that_panics_fails_its_flow_and_the_test() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        edit!(response: path == "/", |_response| panic!("on purpose"));
        assert_eq!(client.get("https://origin.test/").send().await?.status(), 502);
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("a rule could not be applied") && text.contains("panicked: on purpose"), "{text}");
}

#[mitm_test]
async fn redirect_sends_elsewhere(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    mitm.host("staging.test", origin.address);
    redirect!(path == "/kept", "https://staging.test");
    redirect!(path == "/prefixed", "http://staging.test/v2/");
    redirect!(path == "/replaced", String::from("http://staging.test/other?x"));
    redirect!(path == "/echo", "http://staging.test", keep_host);
    for (path, host) in [("/kept?a=b", "staging.test"), ("/prefixed", "staging.test"), ("/replaced", "staging.test")] {
        let watch = watch!(response: host == {host});
        client.get(format!("https://origin.test{path}")).send().await?;
        assert_eq!(
            watch.next().await?.request.url(),
            format!("https://origin.test{path}"),
            "what the browser asked for"
        );
    }
    assert_eq!(origin.state.seen(), ["GET /kept?a=b", "GET /v2/prefixed", "GET /other?x"]);
    let said = client.get("https://origin.test/echo").send().await?.text().await?;
    assert!(said.to_lowercase().contains("host: origin.test"), "{said}");
    Ok(())
}

#[mitm_test]
async fn rewrite_sets_headers_and_urls(client: Client, origin: Origin) -> TestResult {
    rewrite!(path ~ "^/", header("x-set") => "new");
    rewrite!(path ~ "^/", header("content-type") => none);
    rewrite!(request: path ~ "^/", header("x-asked") => format!("{}", 7));
    rewrite!(path ~ "^/v1", url("^/v1/(.*)$") => "/echo?$1");
    let answer = client.get("https://origin.test/v1/a").send().await?;
    assert_eq!(answer.headers()["x-set"], "new");
    assert!(!answer.headers().contains_key("content-type"));
    assert!(answer.text().await?.contains("x-asked: 7"));
    assert_eq!(origin.state.seen(), ["GET /echo?a"]);
    Ok(())
}

#[mitm_test]
async fn respond_takes_json_and_files(client: Client) -> TestResult {
    let folder = tempfile::tempdir()?;
    let page = folder.path().join("page.html");
    std::fs::write(&page, "<p>it")?;
    respond!(path == "/json", json!({"a": [1, 2]}));
    respond!(path == "/bad", (422, json!("no")));
    respond!(path == "/file", file(&page));
    for (path, status, kind, text) in [
        ("json", 200, "application/json", r#"{"a":[1,2]}"#),
        ("bad", 422, "application/json", r#""no""#),
        ("file", 200, "text/html; charset=utf-8", "<p>it"),
    ] {
        let answer = client.get(format!("https://made.test/{path}")).send().await?;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["content-type"], HeaderValue::from_static(kind));
        assert_eq!(answer.text().await?, text);
    }
    Ok(())
}

#[mitm_test]
async fn filters_read_what_bodies_say(client: Client, _origin: Origin) -> TestResult {
    let (mut hits, url) = (Vec::new(), "https://origin.test/echo");
    let rules = [
        watch!(json("/user/name") == "Ada"),
        watch!(operation == "Cart"),
        watch!(form("k") ~ "^v"),
        watch!(method == POST && size in 1..=3),
        watch!("~u /echo & ~bq three"),
        watch!(client ~ "^127\\.0\\.0\\.1:" && server == "origin.test:443" && headers ~ "(?im)^content-type: text"),
    ];
    for (kind, body) in [
        ("application/json", r#"{"user": {"name": "Ada"}}"#),
        ("application/json", r#"{"query": "query Cart { items }"}"#),
        ("application/x-www-form-urlencoded", "a=1&k=v%20w"),
        ("image/png", "123"),
        ("image/png", "one two Three"),
        ("text/plain", "plain"),
    ] {
        let sent = client.post(url).header("content-type", kind).body(body).send().await?;
        assert!(sent.text().await?.ends_with(body));
        hits.push(rules.iter().map(Watch::hits).collect::<Vec<_>>());
    }
    assert_eq!(hits, (0..6).map(|n| (0..6).map(|i| u64::from(i <= n)).collect::<Vec<_>>()).collect::<Vec<_>>());
    Ok(())
}

#[test]
fn a_filter_that_cannot_be_read_is_told_at_its_line() {
    #[mitm_test]
    async fn body(_mitm: Mitm) -> TestResult {
        hold!("~u /ajax ~c 2..").remove();
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("bad filter at column 13: `~c` takes one status"), "{text}");
}

/// One thread carries all proxies, and code of a test may wait there for what the proxy does next.
#[mitm_test]
async fn code_that_keeps_its_thread_keeps_no_other_flow(mitm: Mitm, origin: Origin) -> TestResult {
    let meeting = std::sync::Arc::new(std::sync::Barrier::new(3));
    let inside = std::sync::Arc::clone(&meeting);
    edit!(path == "/kept", move |_| {
        inside.wait();
    });
    let client = mitm.client()?;
    let kept = [get(&client, "https://origin.test/kept?1"), get(&client, "https://origin.test/kept?2")];
    // Both are inside, as far as the proxy is concerned, before it carries another.
    while mitm.exchanges().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(get(&client, "https://origin.test/text").await??.0, 200);
    tokio::task::spawn_blocking(move || meeting.wait()).await?;
    for kept in kept {
        assert_eq!(kept.await??.0, 200);
    }
    assert_eq!(origin.state.seen().len(), 3);
    Ok(())
}
