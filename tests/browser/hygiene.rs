//! Whatever ends the test process, no driver, no browser and no file is left.

use crate::apart::{self, Apart};
use crate::support::site::Site;
use holdup::prelude::*;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;

const TEST: &str = "hygiene::nothing_is_left";

#[mitm_test]
async fn body(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/held");
    browser.eval("fetch('/held')").await?;
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

/// Starts a child, and waits until its browser shows a page.
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
