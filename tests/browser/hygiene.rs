//! No driver, browser or file is left behind, however the test process ends.

use crate::apart::{self, Apart};
use crate::support::site::Site;
use futures_util::FutureExt;
use holdup::prelude::*;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;

const TEST: &str = "hygiene::nothing_is_left";

#[mitm_test]
async fn body(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/held");
    browser.run("fetch('/held')").await?;
    let _held = hold.next().await?;
    writeln!(std::io::stdout(), "\nready")?;
    match () {
        () if apart::is("panic") => panic!("on purpose"),
        () if apart::is("exit") => std::process::exit(7),
        () if apart::is("wait") => std::future::pending().await,
        () => Ok(()),
    }
}

fn is_child() -> bool {
    ["pass", "panic", "exit", "wait"].iter().any(|ending| apart::is(ending))
}

/// Starts a child and waits until its browser shows a page.
fn started(apart: &mut Apart) -> Child {
    let mut child = apart.spawn();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.trim() == "ready");
    assert!(ready, "{:?}", std::io::read_to_string(child.stderr.take().unwrap()));
    child
}

#[test]
fn nothing_is_left() {
    if is_child() {
        return body();
    }
    for (ending, signal) in
        [("pass", None), ("panic", None), ("exit", None), ("wait", Some("TERM")), ("wait", Some("KILL"))]
    {
        let mut apart = Apart::new(TEST, ending);
        let mut child = started(&mut apart);
        if let Some(signal) = signal {
            assert!(
                apart.survivors().iter().any(|process| process.contains("chrom") || process.contains("firefox")),
                "no browser to leave behind"
            );
            let kill = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            assert!(kill.unwrap().success());
        }
        child.wait().unwrap();
        apart.wait_until_gone();
    }
}

/// Number of browsers that this process has open, without their child processes.
fn sessions() -> usize {
    let mark = std::env::var(apart::MARK).unwrap();
    let is_session = |process: &String| {
        let path = process.split(' ').next().unwrap_or_default();
        let command = std::fs::read(format!("{path}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let is_main = command.contains("--user-data-dir=") || command.contains(" -profile ");
        is_main && !command.contains(" --type=") && !command.contains("-contentproc")
    };
    apart::marked(&mark).iter().filter(|process| is_session(process)).count()
}

#[mitm_test]
async fn dropped_body(mitm: Mitm, site: Site) -> TestResult {
    if !apart::is("dropped") {
        return Ok(());
    }
    site.page("/", "<p id=here>here");
    for polls in 0..3 {
        let mut opening = Box::pin(mitm.browser());
        for _ in 0..=polls {
            assert!((&mut opening).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    let browser = mitm.browser().await?;
    browser.goto("https://site.test/").await?;
    // Dropped browsers are closed while the test still runs.
    while sessions() != 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(browser.text("#here").await?, "here");
    Ok(())
}

#[test]
fn a_session_whose_future_is_dropped_is_closed() {
    if apart::is("dropped") {
        return dropped_body();
    }
    let mut apart = Apart::new("hygiene::a_session_whose_future_is_dropped_is_closed", "dropped");
    let said = apart.output();
    assert!(said.contains("1 passed"), "{said}");
    apart.wait_until_gone();
}
