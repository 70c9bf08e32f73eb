//! Recordings that answer requests in place of their servers.

use crate::support::origin::Origin;
use crate::support::{failure_of, get, outcomes};
use holdup::prelude::*;
use holdup::{Again, Strangers};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Files that mitmproxy and Playwright read.
const HAR: &str = "tests/it/recorded/golden.har";
const FLOW_FILE: &str = "tests/it/recorded/golden.mitm";

async fn text(client: &Client, url: &str) -> Result<String, reqwest::Error> {
    client.get(url).send().await?.text().await
}

#[mitm_test]
async fn a_har_of_others_answers(mitm: Mitm, client: Client) -> TestResult {
    let replay = mitm.replay(HAR)?;
    let saving = client.post("http://shop.test/save").header("content-type", "application/json").body("{ \"x\": 1 }");
    assert_eq!(saving.send().await?.text().await?, "saved");
    // The n-th request gets the n-th answer, and then the last again.
    for n in ["1", "2", "2"] {
        assert_eq!(text(&client, "http://shop.test/count").await?, n);
    }
    assert_eq!(text(&client, "http://shop.test/old").await?, "new", "a redirect is followed");
    assert_eq!(text(&client, "https://shop.test/h2?a=1&b=2").await?, "{\"ok\":true}");
    assert!(client.get("http://shop.test/dot.png").send().await?.bytes().await?.starts_with(b"\x89PNG"));
    assert!(client.get("http://shop.test/gone").send().await.is_err(), "no answer came in the recording");
    assert_eq!(
        replay.unused(),
        [
            "GET http://shop.test/",
            "PUT http://shop.test/item",
            "GET http://shop.test/feed",
            "GET http://shop.test/socket"
        ]
    );
    Ok(())
}

#[mitm_test]
async fn a_flow_file_of_mitmproxy_answers(mitm: Mitm, client: Client) -> TestResult {
    let replay = mitm.replay(FLOW_FILE)?.and(HAR)?;
    assert_eq!(text(&client, "https://shop.test/search?q=a").await?, "{\"results\":\"a\"}");
    let saving = client.post("https://shop.test/save").header("content-type", "application/json").body("{\"x\": 1}");
    assert_eq!(saving.send().await?.status(), 204);
    assert!(client.get("https://shop.test/gone").send().await.is_err(), "no answer came in the recording");
    assert_eq!(text(&client, "http://shop.test/new").await?, "new", "of the second file");
    assert_eq!(replay.unused()[..2], ["GET https://shop.test/socket", "GET https://shop.test/stream"]);
    Ok(())
}

#[mitm_test]
#[ignore = "needs mitmproxy; run by `cargo xtask test`"]
async fn what_mitmproxy_writes_answers(mitm: Mitm) -> TestResult {
    let folder = tempfile::tempdir()?;
    let (har, flow_file) = (folder.path().join("a.har"), folder.path().join("a.mitm"));
    let mitmdump = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/mitmdump");
    let mut converting = Command::new(mitmdump);
    converting
        .args(["-q", "-n", "-r", FLOW_FILE, "-w"])
        .arg(&flow_file)
        .arg("--set")
        .arg(format!("hardump={}", har.display()));
    assert!(converting.status()?.success());
    for file in [har, flow_file] {
        let other = Mitm::start().await?;
        let client = other.client()?;
        other.replay(&file)?;
        assert_eq!(text(&client, "https://shop.test/search?q=a").await?, "{\"results\":\"a\"}");
        let saving =
            client.post("https://shop.test/save").header("content-type", "application/json").body("{\"x\": 1}");
        assert_eq!(saving.send().await?.status(), 204);
        other.stop().await?;
    }
    mitm.stop().await?;
    Ok(())
}

#[mitm_test]
async fn what_was_recorded_is_replayed_without_its_server(mitm: Mitm, client: Client, origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let files = [folder.path().join("a.har"), folder.path().join("a.mitm")];
    for file in &files {
        mitm.save(file)?;
    }
    let url = "https://origin.test/echo?token=S3cret&at=1";
    client
        .post(url)
        .header("content-type", "application/json")
        .body("{\"password\": \"S3cret\", \"id\": 1}")
        .send()
        .await?
        .text()
        .await?;
    let first = text(&client, "https://origin.test/first").await?;
    outcomes(&mitm).await;
    mitm.stop().await?;
    let seen = origin.state.seen().len();
    for file in &files {
        let mitm = Mitm::start().await?;
        mitm.host("origin.test", origin.address);
        let client = mitm.client()?;
        mitm.replay(file)?.ignore_query("at").ignore_json("/id").strict();
        assert_eq!(text(&client, "https://origin.test/first").await?, first);
        // Another secret, another time, another id.
        let url = "https://origin.test/echo?at=2&token=0ther";
        let answer = client
            .post(url)
            .header("content-type", "application/json")
            .body("{\"id\": 2, \"password\": \"0ther\"}")
            .send()
            .await?;
        assert_eq!(answer.status(), 200);
        mitm.stop().await?;
    }
    assert_eq!(origin.state.seen().len(), seen, "nothing reached the server");
    Ok(())
}

#[mitm_test]
async fn rules_act_on_replayed_flows(mitm: Mitm, client: Client) -> TestResult {
    let held = hold!(response: path == "/count");
    rewrite!(path == "/new", "new" => "old");
    mitm.replay(HAR)?;
    let first = get(&client, "http://shop.test/count");
    let first_held = held.next().await?;
    let second = get(&client, "http://shop.test/count");
    held.next().await?.release().await?;
    assert_eq!(second.await??.1, "2");
    first_held.release().await?;
    assert_eq!(first.await??.1, "1");
    assert_eq!(text(&client, "http://shop.test/new").await?, "old");
    Ok(())
}

#[mitm_test]
async fn answers_can_begin_again(mitm: Mitm, client: Client) -> TestResult {
    mitm.replay(HAR)?.again(Again::First).strangers(Strangers::Status(404)).ignore_host();
    for n in ["1", "2", "1", "1"] {
        assert_eq!(text(&client, "https://other.test/count").await?, n);
    }
    assert_eq!(client.get("https://other.test/none").send().await?.status(), 404);
    Ok(())
}

#[mitm_test]
async fn strangers_can_go_to_their_server(mitm: Mitm, client: Client, origin: Origin) -> TestResult {
    mitm.replay(FLOW_FILE)?.and(HAR)?.strangers(Strangers::Pass);
    assert_eq!(text(&client, "http://origin.test/").await?, "this is /");
    assert_eq!(text(&client, "http://shop.test/new").await?, "new");
    assert_eq!(origin.state.seen(), ["GET /"]);
    Ok(())
}

#[test]
fn a_stranger_fails_the_test_and_names_the_nearest() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client, origin: Origin) -> TestResult {
        mitm.host("shop.test", origin.address);
        mitm.replay(HAR)?;
        assert_eq!(client.get("https://shop.test/h2?a=1&b=3").send().await?.status(), 502);
        assert_eq!(origin.state.seen(), Vec::<String>::new());
        Ok(())
    }
    let text = failure_of(body);
    let nearest = "the nearest is GET https://shop.test/h2?b=2&a=1, but its query is \"a=1&b=3\", recorded \"a=1&b=2\"";
    assert!(
        text.contains(nearest) && text.contains("ignore_query") && text.contains("tests/it/replaying.rs:"),
        "{text}"
    );
}

#[test]
fn an_answer_too_many_fails_if_asked_to() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client) -> TestResult {
        mitm.replay(HAR)?.again(Again::Fail);
        for status in [200, 502] {
            assert_eq!(client.get("http://shop.test/new").send().await?.status(), status);
        }
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("all 1 recorded answers to this request were used"), "{text}");
}

#[test]
fn what_was_not_asked_for_fails_a_strict_test() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client) -> TestResult {
        mitm.replay(HAR)?.strict();
        text(&client, "http://shop.test/new").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(
        text.contains("recorded requests were never made") && text.contains("GET http://shop.test/count"),
        "{text}"
    );
    assert!(!text.contains("    GET http://shop.test/new\n"), "{text}");
}

#[mitm_test]
async fn what_is_no_recording_says_why(mitm: Mitm) -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("file");
    let cut = fs::read(FLOW_FILE)?;
    let (zip, old) = (b"PK\x03\x04".as_slice(), b"14:7:version;1:7#}".as_slice());
    for (content, why) in [
        (b"".as_slice(), "it is empty"),
        (b"\xff\xfe", "it is neither a HAR nor a flow file"),
        (b"{}", "`log.entries` is missing"),
        (&cut[..100], "it is cut in its first flow"),
        (zip, "it is an archive"),
        (old, "`mitmdump -nr OLD -w NEW` converts it"),
    ] {
        fs::write(&path, content)?;
        let said = mitm.replay(&path).unwrap_err().to_string();
        assert!(said.contains(why) && said.contains("tests/it/replaying.rs:"), "{said}");
    }
    for (path, why) in [("none.har", "No such file"), (".", "Is a directory")] {
        let said = mitm.replay(path).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
    Ok(())
}
