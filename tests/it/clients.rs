//! Common clients from Debian, npm and PyPI: their flows are held, rewritten and cut off. `cargo xtask test` fetches
//! the clients into `target/clients` and runs these tests.

use crate::support::nodejs::{fetched, node, root, said};
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

fn python(library: &str) -> Command {
    let mut command = Command::new(fetched("venv/bin/python"));
    command.arg(root().join("tests/clients/ask.py")).arg(library);
    command
}

/// The client requests a text that is held and rewritten, and one that is cut off.
async fn is_held_rewritten_and_cut_off(mitm: &Mitm, mut command: Command, version: http::Version) -> TestResult {
    let hold = hold!(path == "/text");
    rewrite!(path == "/text", "the" => "teh");
    abort!(path == "/cut", reset);
    let child = command
        .args(["https://origin.test/text?gzip", "https://origin.test/cut"])
        .envs(mitm.envs()?)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let held = hold.next().await?;
    assert_eq!(held.request().version(), version);
    assert!(held.release().await?.is_delivered());
    let said = said(child).await?;
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some("200 teh cat and teh dog"), "{said}");
    assert!(lines.next().is_some_and(|line| line.starts_with("failed")), "{said}");
    Ok(())
}

#[mitm_test]
#[ignore = "needs undici; run by `cargo xtask test`"]
async fn fetch_of_node(mitm: Mitm, _origin: Origin) -> TestResult {
    is_held_rewritten_and_cut_off(&mitm, node("fetch.mjs"), http::Version::HTTP_11).await
}

#[mitm_test]
#[ignore = "needs requests; run by `cargo xtask test`"]
async fn requests_of_python(mitm: Mitm, _origin: Origin) -> TestResult {
    is_held_rewritten_and_cut_off(&mitm, python("requests"), http::Version::HTTP_11).await
}

#[mitm_test]
#[ignore = "needs httpx; run by `cargo xtask test`"]
async fn httpx_of_python(mitm: Mitm, _origin: Origin) -> TestResult {
    is_held_rewritten_and_cut_off(&mitm, python("httpx"), http::Version::HTTP_11).await
}

#[mitm_test]
#[ignore = "needs httpx; run by `cargo xtask test`"]
async fn httpx_of_python_on_http2(mitm: Mitm, _origin: Origin) -> TestResult {
    is_held_rewritten_and_cut_off(&mitm, python("httpx2"), http::Version::HTTP_2).await
}

/// Starts a compressing WebSocket server, and returns it with its port.
async fn server() -> TestResult<(Child, u16)> {
    let mut server = node("server.mjs").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let port = lines.next_line().await?.unwrap().parse()?;
    Ok((server, port))
}

#[mitm_test]
#[ignore = "needs ws; run by `cargo xtask test`"]
async fn ws_of_node_compressed(mitm: Mitm) -> TestResult {
    let (_server, port) = server().await?;
    mitm.host("origin.test", ([127, 0, 0, 1], port));
    let hold = hold!(message: message contains "again");
    rewrite!(message: message contains "you said", "hello" => "hallo");
    abort!(message: message == "bye", discard).once();
    for (url, says) in [
        ("ws://origin.test/", "you said hallo\nand you said hallo again\n"),
        ("wss://origin.test/", "you said hallo\nand you said hallo again\nbye\nclosed 4000\n"),
    ] {
        let mut command = node("socket.mjs");
        let child = command.arg(url).envs(mitm.envs()?).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let held = hold.next().await?;
        assert_eq!(held.message().text(), "and you said hello again");
        held.release().await?;
        if says.ends_with("4000\n") {
            assert_eq!(said(child).await?, format!("compressed: true\n{says}"));
            continue;
        }
        // The `bye` of the client was discarded: the client waits on, and receives the test's messages.
        let mut lines = BufReader::new(child.stdout.unwrap()).lines();
        let mut heard = String::new();
        while heard.lines().count() < 3 {
            heard += &format!("{}\n", lines.next_line().await?.unwrap());
        }
        assert_eq!(heard, format!("compressed: true\n{says}"));
    }
    Ok(())
}

#[mitm_test]
#[ignore = "needs ws; run by `cargo xtask test`"]
async fn ws_of_node_passes_compressed_where_no_rule_looks(mitm: Mitm) -> TestResult {
    let (_server, port) = server().await?;
    mitm.host("origin.test", ([127, 0, 0, 1], port));
    let mut command = node("socket.mjs");
    let child = command.arg("wss://origin.test/").envs(mitm.envs()?).stdout(Stdio::piped()).spawn()?;
    let says = "compressed: true\nyou said hello\nand you said hello again\nbye\nclosed 4000\n";
    assert_eq!(said(child).await?, says);
    Ok(())
}
