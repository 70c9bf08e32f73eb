//! Recordings: written while the test runs, readable by others, without secrets.

use crate::support::origin::Origin;
use crate::support::streams::{Streams, hear, say};
use crate::support::{get, outcomes};
use holdup::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What every HAR must have for Chrome's DevTools to open it: numbers where it casts to numbers.
fn assert_opens(har: &Value) {
    assert_eq!(har["log"]["version"], "1.2");
    for entry in har["log"]["entries"].as_array().unwrap() {
        let numbers = [
            "/time",
            "/request/headersSize",
            "/request/bodySize",
            "/response/status",
            "/response/headersSize",
            "/response/bodySize",
            "/response/content/size",
            "/timings/send",
            "/timings/wait",
            "/timings/receive",
        ];
        for number in numbers {
            assert!(entry.pointer(number).is_some_and(Value::is_number), "{number} of {entry:#}");
        }
        let date = entry["startedDateTime"].as_str().unwrap();
        assert!(date.len() == 24 && date.ends_with('Z'), "{date}");
        assert!(entry["response"]["content"]["mimeType"].is_string() && entry["response"]["redirectURL"].is_string());
    }
}

fn read_har(path: &Path) -> Value {
    let har = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_opens(&har);
    har
}

#[mitm_test]
async fn flows_are_in_the_file_as_soon_as_they_have_ended(mitm: Mitm, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let (har, flow_file) = (folder.path().join("a/b.har"), folder.path().join("b.mitm"));
    mitm.save(&har)?;
    mitm.save(&flow_file)?;
    assert_eq!(read_har(&har)["log"]["entries"], Value::Array(vec![]), "an empty file opens, too");
    let held = hold!(path == "/second");
    let client = mitm.client()?;
    let second = get(&client, "https://origin.test/second");
    let parked = held.next().await?;
    client
        .get("https://origin.test/first?token=S3cret")
        .header("authorization", "Bearer S3cret")
        .send()
        .await?
        .text()
        .await?;
    // A killed test leaves what has ended so far: wait for that, as a person who opens the file would.
    loop {
        // Half of it may be read before, and half after an entry is written.
        let har: Value = serde_json::from_str(&fs::read_to_string(&har)?).unwrap_or_default();
        let entries = har["log"]["entries"].as_array().map_or(0, Vec::len);
        if entries == 1 && fs::metadata(&flow_file)?.len() > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    parked.release().await?;
    second.await??;
    outcomes(&mitm).await;
    mitm.stop().await?;
    let written = read_har(&har);
    let entries = written["log"]["entries"].as_array().unwrap();
    let paths: Vec<_> = entries.iter().map(|entry| entry["request"]["url"].as_str().unwrap()).collect();
    assert_eq!(paths[0], "https://origin.test/second", "in the order of the requests");
    assert!(paths[1].starts_with("https://origin.test/first?token=%3Cmasked%20"), "{paths:?}");
    let own = &entries[0]["_holdup"];
    assert_eq!((own["order"]["answer"].as_u64(), &own["outcome"]), (Some(2), &Value::from("delivered")));
    assert_eq!(own["parked"][0]["rule"], "hold!(path == \"/second\")");
    assert!(own["parked"][0]["line"].as_str().unwrap().starts_with("tests/it/recordings.rs:"), "{own:#}");
    assert_eq!(entries[0]["response"]["content"]["text"], "this is /second");
    let flow_file = fs::read(&flow_file)?;
    assert!(!String::from_utf8_lossy(&flow_file).contains("S3cret") && !written.to_string().contains("S3cret"));
    Ok(())
}

/// `cargo clean` in the middle, for example: the files are there in the end, with all that they had.
#[mitm_test]
async fn files_that_are_removed_meanwhile_are_written_again(mitm: Mitm, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let below = folder.path().join("target");
    let (har, flow_file) = (below.join("a.har"), below.join("a.mitm"));
    mitm.save(&har)?;
    mitm.save(&flow_file)?;
    let client = mitm.client()?;
    client.get("https://origin.test/first").send().await?.text().await?;
    outcomes(&mitm).await;
    fs::remove_dir_all(&below)?;
    client.get("https://origin.test/second").send().await?.text().await?;
    outcomes(&mitm).await;
    mitm.finish_recordings().await?;
    assert_eq!(read_har(&har)["log"]["entries"].as_array().unwrap().len(), 2);
    assert_eq!(mitm.load(&flow_file)?.len(), 2);
    // The place that it needs is taken.
    mitm.save(&har)?;
    fs::remove_dir_all(&below)?;
    fs::write(&below, "a file")?;
    let failure = mitm.finish_recordings().await.expect_err("its folder is a file").to_string();
    assert!(failure.contains("a.har could not be written"), "{failure}");
    Ok(())
}

/// Messages, events, a body in a coding, one that is binary, one that is cut, a redirect, and a flow without an answer.
async fn record_many(mitm: &Mitm, path: &Path) -> TestResult {
    mitm.save(path)?;
    mitm.keep_bodies(64 * 1024, 1024 * 1024);
    let client = mitm.client()?;
    client
        .post("https://origin.test/echo")
        .body("{\"password\": \"S3cret\", \"token\": 17, \"a\": 1}")
        .header("content-type", "application/json")
        .send()
        .await?;
    respond!(path == "/binary", (200, "\u{0}\u{1}"));
    client.get("https://origin.test/binary").send().await?.bytes().await?;
    respond!(path == "/long", (200, "x".repeat(100_000)));
    client.get("https://origin.test/long").send().await?.bytes().await?;
    abort!(path == "/aborted", reset);
    drop(client.get("https://origin.test/aborted").send().await);
    client.head("https://origin.test/head").send().await?;
    let streams = Streams::start().await;
    mitm.host("origin.test", streams.address);
    let (mut page, mut server) = streams.pair(mitm).await;
    say(&mut page, "{\"token\": \"S3cret\"}").await;
    hear(&mut server).await;
    say(&mut server, "an answer").await;
    hear(&mut page).await;
    drop((page, server));
    outcomes(mitm).await;
    Ok(())
}

#[mitm_test]
async fn a_har_has_sockets_bodies_and_flows_without_an_answer(mitm: Mitm, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("all.har");
    record_many(&mitm, &path).await?;
    mitm.stop().await?;
    let har = read_har(&path);
    let of = |path: &str| {
        let entries = har["log"]["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["request"]["url"].as_str().unwrap().ends_with(path)).unwrap().clone()
    };
    let posted: Value = serde_json::from_str(of("/echo")["request"]["postData"]["text"].as_str().unwrap())?;
    assert!(posted["password"].as_str().unwrap().starts_with("<masked "), "{posted}");
    assert!(posted["token"].as_str().unwrap().starts_with("<masked ") && posted["a"] == 1, "JSON stays JSON: {posted}");
    assert_eq!(of("/long")["_holdup"]["truncated"], serde_json::json!(["response"]));
    assert_eq!(of("/long")["response"]["content"]["text"].as_str().unwrap().len(), 64 * 1024);
    assert_eq!(
        (&of("/aborted")["response"]["status"], &of("/aborted")["response"]["_error"]),
        (&0.into(), &"aborted".into())
    );
    let messages = of("/socket")["_webSocketMessages"].clone();
    assert_eq!((&messages[0]["type"], &messages[1]["data"]), (&"send".into(), &"an answer".into()));
    assert!(messages[0]["time"].as_f64().unwrap() > 1e9 && !har.to_string().contains("S3cret"), "{messages}");
    Ok(())
}

/// A script of mitmproxy that prints what it reads.
const READS: &str = "
import sys
from mitmproxy.io import FlowReader
for flow in FlowReader(open(sys.argv[1], 'rb')).stream():
    response = flow.response and (flow.response.status_code, len(flow.response.raw_content or b''))
    messages = flow.websocket and [(m.from_client, bytes(m.content)) for m in flow.websocket.messages]
    print(flow.request.method, flow.request.pretty_url, response, messages, flow.error and flow.error.msg, flow.metadata.get('holdup.id'))
";

#[mitm_test]
#[ignore = "needs mitmproxy; run by `cargo xtask test`"]
async fn mitmproxy_reads_a_flow_file(mitm: Mitm, _origin: Origin) -> TestResult {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("all.mitm");
    record_many(&mitm, &path).await?;
    mitm.stop().await?;
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/venv/bin/python");
    let read = Command::new(python).args(["-c", READS]).arg(&path).output()?;
    let said = String::from_utf8_lossy(&[read.stdout, read.stderr].concat()).into_owned();
    for line in [
        "POST https://origin.test/echo (200, ",
        "GET https://origin.test/binary (200, 2)",
        "GET https://origin.test/long (200, 0)",
        "GET https://origin.test/aborted None None aborted #",
        "HEAD https://origin.test/head (200, 0)",
        "GET http://origin.test/socket (101, 0) [(True, b'{\"token\": \"<masked ",
        "(False, b'an answer')]",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    Ok(())
}

#[mitm_test]
async fn a_file_that_cannot_be_written_is_named(mitm: Mitm) -> TestResult {
    let why = mitm.save("/dev/null/x.har").unwrap_err().to_string();
    assert!(
        why.starts_with("/dev/null/x.har cannot be written: ") && why.contains("at tests/it/recordings.rs:"),
        "{why}"
    );
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.har");
    mitm.save(&path)?;
    let why = mitm.save(&path).unwrap_err().to_string();
    assert!(why.contains("a.har cannot be written: another recording is writing it"), "{why}");
    mitm.save("/dev/full")?;
    drop(mitm.client()?.get("http://nowhere.invalid/").send().await);
    let why = mitm.stop().await.unwrap_err().to_string();
    assert!(why.contains("/dev/full could not be written"), "{why}");
    read_har(&path);
    Ok(())
}
