//! What a person does in a console.

use crate::support::console::ConsoleClient;
use crate::support::get;
use crate::support::origin::Origin;
use crate::support::streams::{Streams, hear, say};
use holdup::prelude::*;
use serde_json::Value;

/// Waits until the console tells a row that is as wanted.
async fn row(console: &mut ConsoleClient, mut is_wanted: impl FnMut(&Value) -> bool) -> TestResult<Value> {
    loop {
        let told = console.told().await?;
        if let Some(row) = told["rows"].as_array().into_iter().flatten().find(|row| is_wanted(row)) {
            return Ok(row.clone());
        }
    }
}

/// A release is waited for; meanwhile, everything else is done.
#[mitm_test]
async fn a_wait_for_one_flow_does_not_keep_others(mitm: Mitm, _origin: Origin) -> TestResult {
    let mut console = ConsoleClient::on(&mitm);
    console.ask(json!({ "do": "intercept", "filter": "~q" })).await?;
    let never = get(&mitm.client()?, "https://origin.test/never");
    let flow = console.held("/never").await?;
    let release = console.begin(json!({ "do": "release", "flows": [flow], "wait": true })).await?;
    let shown = console.ask(json!({ "do": "show", "flows": [1] })).await?;
    assert!(shown["request"].as_str().is_some_and(|text| text.contains("GET https://origin.test/never")), "{shown}");
    // Its client leaves, so the wait is over.
    never.abort();
    while console.told().await?["n"] != release {}
    Ok(())
}

#[mitm_test]
async fn the_body_of_a_held_message_is_shown_and_its_edit_is_sent(mitm: Mitm, _origin: Origin) -> TestResult {
    let mut console = ConsoleClient::on(&mitm);
    console.ask(json!({ "do": "intercept", "filter": "~s" })).await?;
    let asked = get(&mitm.client()?, "https://origin.test/text?gzip");
    let flow = console.held("/text?gzip").await?;
    let shown = console.ask(json!({ "do": "show", "flows": [flow] })).await?;
    assert_eq!(shown["unread"], true, "the body has not come to the client");
    let shown = console.ask(json!({ "do": "show", "flows": [flow], "read": true })).await?;
    assert!(shown["response"].as_str().is_some_and(|text| text.ends_with("the cat and the dog")), "{shown}");
    let text = console.ask(json!({ "do": "edit", "flows": [flow] })).await?;
    let text = text.as_str().unwrap_or_default().replace("cat", "cow");
    let state = console.ask(json!({ "do": "edit", "flows": [flow], "text": text })).await?;
    assert_eq!(state["edited"], json!([1]));
    console.ask(json!({ "do": "release", "flows": [flow] })).await?;
    assert_eq!(asked.await??, (200, "the cow and the dog".to_owned()));
    assert_eq!(console.ask(json!({ "do": "state" })).await?["edited"], json!([]));
    Ok(())
}

/// What is recorded, and sent again, is one request: as the client has sent it.
#[mitm_test]
async fn an_edited_request_is_kept_as_it_came(mitm: Mitm, origin: Origin) -> TestResult {
    let mut console = ConsoleClient::on(&mitm);
    console.ask(json!({ "do": "intercept", "filter": "~q" })).await?;
    let client = mitm.client()?;
    let asked = client.post("https://origin.test/echo").body("old").send();
    let asked = tokio::spawn(async { asked.await?.text().await });
    let flow = console.held("/echo").await?;
    let text = console.ask(json!({ "do": "edit", "flows": [flow] })).await?;
    let text = text.as_str().unwrap_or_default().replace("/echo", "/echo?new").replace("old", "new");
    console.ask(json!({ "do": "edit", "flows": [flow], "text": text })).await?;
    console.ask(json!({ "do": "release", "flows": [flow] })).await?;
    assert!(asked.await??.ends_with("new"));
    // Too late.
    let late = console.ask(json!({ "do": "edit", "flows": [flow], "text": text })).await;
    assert!(late.is_err_and(|why| why.to_string().contains("not held")));
    let shown = console.ask(json!({ "do": "show", "flows": [1] })).await?;
    assert!(shown["request"].as_str().is_some_and(|text| text.contains("/echo\n") && text.ends_with("old")), "{shown}");
    console.ask(json!({ "do": "intercept", "filter": "" })).await?;
    let flows = mitm.exchanges();
    let again = mitm.resend(&flows[0]).await?;
    assert!(again.body().is_some_and(|body| body.ends_with(b"old")));
    assert_eq!(origin.state.seen(), ["POST /echo?new", "POST /echo"]);
    Ok(())
}

/// The list shows what matches, bodies included; of a filter that is none nothing changes.
#[mitm_test]
async fn the_list_shows_only_what_matches(mitm: Mitm, _origin: Origin) -> TestResult {
    let mut console = ConsoleClient::on(&mitm);
    let client = mitm.client()?;
    for path in ["/text?gzip", "/bytes?9"] {
        client.get(format!("https://origin.test{path}")).send().await?.bytes().await?;
    }
    console.ask(json!({ "do": "view", "filter": "~bs \"and the dog\"" })).await?;
    let is = |shown: bool, path: &'static str| move |row: &Value| row["path"] == path && row["shown"] == shown;
    row_is(&mut console, is(false, "/bytes?9")).await?;
    client.get("https://origin.test/text?br").send().await?.bytes().await?;
    row_is(&mut console, is(true, "/text?br")).await?;
    assert!(console.ask(json!({ "do": "view", "filter": "~zz" })).await.is_err());
    assert_eq!(console.ask(json!({ "do": "state" })).await?["view"], "~bs \"and the dog\"");
    let filter = console.ask(json!({ "do": "filter", "flows": [2] })).await?;
    assert_eq!(filter, "path == \"/bytes\"");
    Ok(())
}

async fn row_is(console: &mut ConsoleClient, is_wanted: impl FnMut(&Value) -> bool) -> TestResult {
    row(console, is_wanted).await.map(drop)
}

#[mitm_test]
async fn the_messages_of_a_socket_are_held_one_by_one(mitm: Mitm, origin: Streams) -> TestResult {
    let mut console = ConsoleClient::on(&mitm);
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "before").await;
    assert_eq!(hear(&mut client).await, "before");
    let state = console.ask(json!({ "do": "parts", "flows": [1] })).await?;
    assert_eq!(state["parts"], json!([1]));
    for text in ["one", "two"] {
        say(&mut server, text).await;
    }
    let held = row(&mut console, |row| row["parked"].as_array().is_some_and(|parked| parked.len() == 2)).await?;
    let ids: Vec<_> = held["parked"].as_array().into_iter().flatten().map(|parked| parked["id"].clone()).collect();
    console.ask(json!({ "do": "release", "flows": [ids[1]] })).await?;
    assert_eq!(hear(&mut client).await, "two");
    console.ask(json!({ "do": "parts", "flows": [1] })).await?;
    console.ask(json!({ "do": "release", "flows": [ids[0]] })).await?;
    assert_eq!(hear(&mut client).await, "one");
    say(&mut server, "after").await;
    assert_eq!(hear(&mut client).await, "after");
    Ok(())
}
