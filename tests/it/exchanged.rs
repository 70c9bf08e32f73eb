//! Recordings of others are replayed here, and ours there: Playwright, Chrome by DevTools' protocol, the HAR schema.
//! `cargo xtask test` fetches them into `target/clients` and runs these tests.

use crate::support::nodejs::{node, said};
use crate::support::outcomes;
use crate::support::streams::Streams;
use holdup::prelude::*;
use std::path::Path;
use std::process::Stdio;

/// A page with two equal calls, a form, a redirect and a WebSocket.
const PAGE: &str = "<p id=out></p><script>
    const text = async (...call) => (await fetch(...call)).text();
    const run = async () => {
        const parts = [await text('/count?b=2&a=1'), await text('/count?b=2&a=1')];
        parts.push(await text('/save', { method: 'POST', body: JSON.stringify({ id: 7 }), headers: { 'content-type': 'application/json' } }));
        parts.push(await text('/old'));
        out.textContent = parts.join(' ');
        document.title = 'done';
    };
    run();
</script>";
const SHOWN: &str = "1 2 saved new";

/// The application, made of rules.
fn serve(mitm: &Mitm) {
    let html = [("content-type", "text/html; charset=utf-8")];
    mitm.respond::<Request>(filter!(path == "/"), (200, html, PAGE));
    mitm.respond::<Request>(filter!(path == "/count" && occurrence == 1), (200, "1"));
    mitm.respond::<Request>(filter!(path == "/count"), (200, "2"));
    mitm.respond::<Request>(filter!(method == POST && path == "/save"), (200, "saved"));
    mitm.respond::<Request>(filter!(path == "/old"), (302, [("location", "/new")], ""));
    mitm.respond::<Request>(filter!(path == "/new"), (200, "new"));
}

async fn har(mitm: Option<&Mitm>, what: &str, file: &Path) -> TestResult<String> {
    let mut command = node("har.mjs");
    command.args([what, &file.display().to_string(), "https://app.test/"]).stdout(Stdio::piped()).kill_on_drop(true);
    if let Some(mitm) = mitm {
        command.env("HTTPS_PROXY", mitm.proxy_url());
    }
    Ok(said(command.spawn()?).await?.trim().to_owned())
}

/// Records the application by another program, and opens it again from that recording.
async fn is_replayed(mitm: &Mitm, what: &str, name: &str) -> TestResult {
    let folder = tempfile::tempdir()?;
    let (theirs, ours) = (folder.path().join(name), folder.path().join("ours.har"));
    serve(mitm);
    har(Some(mitm), what, &theirs).await?;
    mitm.stop().await?;
    let mitm = Mitm::start().await?;
    mitm.save(&ours)?;
    let replay = mitm.replay(&theirs)?.in_recorded_order();
    har(Some(&mitm), "playwright", &folder.path().join("again.har")).await?;
    assert_eq!(replay.unused(), Vec::<String>::new());
    outcomes(&mitm).await;
    mitm.stop().await?;
    // And what this crate has recorded of that, elsewhere. Playwright gives equal calls the first answer (#32272).
    assert_eq!(har(None, "validate", &ours).await?, "valid");
    assert_eq!(har(None, "shown", &ours).await?, SHOWN.replace('2', "1"));
    Ok(())
}

#[mitm_test]
#[ignore = "needs Playwright; run by `cargo xtask test`"]
async fn a_har_of_playwright(mitm: Mitm) -> TestResult {
    is_replayed(&mitm, "playwright", "theirs.har").await
}

#[mitm_test]
#[ignore = "needs Playwright; run by `cargo xtask test`"]
async fn an_archive_of_playwright(mitm: Mitm) -> TestResult {
    is_replayed(&mitm, "playwright", "theirs.zip").await
}

#[mitm_test]
#[ignore = "needs Playwright; run by `cargo xtask test`"]
async fn a_har_of_chrome(mitm: Mitm) -> TestResult {
    is_replayed(&mitm, "chrome", "theirs.har").await
}

/// Streams and flows without an answer, by the schema.
#[mitm_test]
#[ignore = "needs har-validator; run by `cargo xtask test`"]
async fn whatever_happens_is_valid(mitm: Mitm, client: Client) -> TestResult {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("a.har");
    mitm.save(&file)?;
    serve(&mitm);
    abort!(path == "/reset", reset);
    drop(client.get("https://app.test/reset").send().await);
    client.post("https://app.test/save?token=S3cret").body(vec![0, 159, 146, 150]).send().await?;
    let streams = Streams::start().await;
    mitm.host("origin.test", streams.address);
    let (page, server) = streams.pair(&mitm).await;
    drop((page, server));
    outcomes(&mitm).await;
    mitm.stop().await?;
    assert_eq!(har(None, "validate", &file).await?, "valid");
    Ok(())
}
