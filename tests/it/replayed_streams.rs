//! Replays in the recorded order and time, and of streams.

use crate::support::origin::Origin;
use crate::support::streams::{Speaker, Streams, client as socket, hear, say};
use crate::support::{failure_of, get, outcomes};
use futures_util::{SinkExt, StreamExt};
use holdup::Timing;
use holdup::prelude::*;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio_tungstenite::tungstenite::Message as Frame;

const HAR: &str = "tests/it/recorded/golden.har";
const FLOW_FILE: &str = "tests/it/recorded/golden.mitm";

fn files(folder: &Path) -> [PathBuf; 2] {
    [folder.join("a.har"), folder.join("a.mitm")]
}

/// Returns the paths of the flows in the order in which they were delivered.
fn delivered(mitm: &Mitm) -> Vec<String> {
    let ended = mitm.journal().into_iter().filter(|entry| entry.text().ends_with(" delivered"));
    let flows: Vec<_> = ended.filter_map(|entry| entry.flow()).collect();
    let exchanges = mitm.exchanges();
    flows.iter().filter_map(|id| Some(exchanges.iter().find(|it| it.id == *id)?.request.path().to_owned())).collect()
}

#[mitm_test]
async fn answers_come_in_the_recorded_order(mitm: Mitm, client: Client, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    for file in files(folder.path()) {
        mitm.save(file)?;
    }
    let held = hold!(response: path == "/a");
    let first = get(&client, "https://origin.test/a");
    let a = held.next().await?;
    client.get("https://origin.test/b").send().await?.text().await?;
    a.release().await?;
    first.await??;
    client.get("https://origin.test/c").send().await?.text().await?;
    outcomes(&mitm).await;
    mitm.stop().await?;
    for file in files(folder.path()) {
        let mitm = Mitm::start().await?;
        let client = mitm.client()?;
        mitm.replay(&file)?.in_recorded_order().strict();
        // Asked in another order.
        let c = get(&client, "https://origin.test/c");
        let a = get(&client, "https://origin.test/a");
        let b = get(&client, "https://origin.test/b");
        for (asked, body) in [(a, "this is /a"), (b, "this is /b"), (c, "this is /c")] {
            assert_eq!(asked.await??.1, body);
        }
        outcomes(&mitm).await;
        assert_eq!(delivered(&mitm), ["/b", "/a", "/c"], "{}", file.display());
        mitm.stop().await?;
    }
    Ok(())
}

#[test]
fn what_does_not_come_is_named() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client) -> TestResult {
        mitm.replay(HAR)?.in_recorded_order();
        assert_eq!(client.get("http://shop.test/count").send().await?.status(), 502);
        // Nothing else waits another five seconds.
        assert_eq!(client.get("http://shop.test/new").send().await?.status(), 502);
        Ok(())
    }
    let text = failure_of(body);
    let why = "the answer to GET http://shop.test/count comes after the request GET http://shop.test/ in the recording, and \
               that did not come within 5s";
    assert!(text.contains(why) && text.contains("tests/it/replayed_streams.rs:"), "{text}");
}

#[mitm_test]
async fn a_socket_says_what_was_recorded(mitm: Mitm) -> TestResult {
    for file in [HAR, FLOW_FILE] {
        let mitm = Mitm::start().await?;
        mitm.replay(file)?.ignore_host();
        let mut page = socket(&mitm, "other.test").await;
        say(&mut page, "other").await;
        assert_eq!(page.next().await.unwrap()?, Frame::binary(vec![0, 1]));
        page.send(Frame::Ping("p".into())).await?;
        assert_eq!(page.next().await.unwrap()?, Frame::Pong("p".into()));
        page.close(None).await?;
        assert!(matches!(page.next().await, Some(Ok(Frame::Close(_)))));
        mitm.stop().await?;
    }
    mitm.stop().await?;
    Ok(())
}

/// Records a socket, a stream and a call, of which parts come in turns.
async fn record(mitm: &Mitm, origin: &Streams, folder: &Path) -> TestResult<Speaker> {
    for file in files(folder) {
        mitm.save(file)?;
    }
    mitm.host("origin.test", origin.address);
    let (mut page, mut server) = origin.pair(mitm).await;
    let client = mitm.client()?;
    let feed = client.get("https://origin.test/feed").header("accept", "text/event-stream").send();
    let (feed, said) = tokio::join!(feed, origin.body());
    let mut feed = feed?;
    said.say("data: 1\n\n");
    feed.chunk().await?;
    say(&mut page, "a").await;
    assert_eq!(hear(&mut server).await, "a");
    say(&mut server, "b").await;
    assert_eq!(hear(&mut page).await, "b");
    said.say("id: 7\ndata: 2\n\n");
    feed.chunk().await?;
    say(&mut server, "c").await;
    assert_eq!(hear(&mut page).await, "c");
    drop(feed);
    page.close(None).await?;
    Ok(said)
}

/// Returns what the client has received, in order.
fn received(mitm: &Mitm) -> Vec<String> {
    let delivered = mitm.journal().into_iter().filter(|entry| entry.text().ends_with(" delivered"));
    let ids = delivered.filter_map(|entry| Some(entry.flow()?.to_string()));
    // The client's own message comes when the client sends it.
    ids.filter(|id| id != "#1.1").collect()
}

#[mitm_test]
async fn messages_and_events_come_in_the_recorded_order(mitm: Mitm) -> TestResult {
    let (folder, origin) = (tempfile::tempdir()?, Streams::start().await);
    // Open until the client has left.
    let _said = record(&mitm, &origin, folder.path()).await?;
    outcomes(&mitm).await;
    mitm.stop().await?;
    let recorded = received(&mitm);
    assert_eq!(recorded.len(), 5);
    for file in files(folder.path()) {
        let mitm = Mitm::start().await?;
        let client = mitm.client()?;
        mitm.replay(&file)?.in_recorded_order();
        let mut page = socket(&mitm, "origin.test").await;
        say(&mut page, "a").await;
        let feed = client.get("https://origin.test/feed").header("accept", "text/event-stream").send();
        let mut feed = feed.await?;
        assert_eq!(hear(&mut page).await, "b");
        assert_eq!(feed.chunk().await?.as_deref(), Some(&b"data: 1\n\n"[..]));
        assert_eq!(feed.chunk().await?.as_deref(), Some(&b"id: 7\ndata: 2\n\n"[..]));
        assert_eq!(hear(&mut page).await, "c");
        // The client has it before the journal does.
        let parts = loop {
            let parts = received(&mitm);
            if parts.len() == 5 {
                break parts;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(parts, recorded, "{}", file.display());
        assert!(mitm.exchanges()[1].outcome.is_none(), "the stream is still open");
        drop(feed);
        page.close(None).await?;
        mitm.stop().await?;
    }
    Ok(())
}

#[mitm_test]
async fn answers_take_the_recorded_time(mitm: Mitm, client: Client) -> TestResult {
    mitm.replay(HAR)?.timing(Timing::Scaled(0.5));
    let began = Instant::now();
    // Its hold took half a second.
    client
        .post("http://shop.test/save")
        .header("content-type", "application/json")
        .body("{\"x\":1}")
        .send()
        .await?
        .text()
        .await?;
    assert!(began.elapsed() >= Duration::from_millis(255), "{:?}", began.elapsed());
    Ok(())
}
