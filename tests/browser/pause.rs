//! A test that is paused for a person.

use crate::apart::{self, Apart};
use crate::support::site::Site;
use holdup::prelude::*;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;
use std::time::Duration;

/// A body in a process of its own. Its timeout is shorter than the pause.
#[mitm_test(timeout = "20s")]
async fn in_its_process(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    if !apart::is("pauses") && !apart::is("fails") {
        return Ok(());
    }
    site.page(
        "/",
        "<p id=out>-</p><script>fetch('/data').then(async got => out.textContent = await got.text())</script>",
    );
    let call = hold!(path == "/data");
    browser.goto("https://site.test/").await?;
    let call = call.next().await?;
    if apart::is("fails") {
        return Err("on purpose".into());
    }
    browser.pause().await?;
    assert_eq!(browser.text("#out").await?, "-", "what is parked stays parked");
    call.release().processed().await?;
    assert_eq!(browser.text("#out").await?, "this is /data");
    let said: Vec<_> = mitm.journal().iter().map(|entry| entry.text().to_owned()).collect();
    assert!(said.iter().any(|said| said.starts_with("the test is paused at tests/browser/pause.rs:")), "{said:?}");
    Ok(())
}

/// Starts a body, goes on with it after its timeout, and returns what it has written.
fn go_on(body: &str, pause: &str) -> String {
    let mut apart = Apart::new("pause::in_its_process", body).env("HOLDUP_PAUSE", pause).env("CI", "");
    let mut child = apart.spawn();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("goes on") {
        assert_ne!(errors.read_line(&mut said).unwrap(), 0, "{said}");
    }
    #[expect(clippy::disallowed_methods, reason = "a person takes longer than the timeout of the test")]
    std::thread::sleep(Duration::from_secs(22));
    let kill = said.split('`').find(|part| part.starts_with("kill ")).unwrap();
    assert!(Command::new("sh").args(["-c", kill]).status().unwrap().success());
    errors.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    format!("{said}{}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn the_timeout_stands_still_and_what_is_parked_stays() {
    let said = go_on("pauses", "");
    assert!(said.contains("the test is paused") && said.contains("at tests/browser/pause.rs:"), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn a_test_that_fails_is_paused_before_anything_is_released() {
    let said = go_on("fails", "on-failure");
    let (paused, failed) = (said.find("the test has failed, and nothing was released yet"), said.find("on purpose"));
    assert!(paused.is_some() && paused < failed && said.contains("1 failed"), "{said}");
}

/// A pause that is dropped is over: the timeout of the test goes on.
#[test]
fn a_pause_that_is_given_up_is_over() {
    let said = Apart::new("pause::gives_up", "gives up").env("CI", "").output();
    assert!(said.contains("the test did not end within 20s") && said.contains("1 failed"), "{said}");
}

#[mitm_test(timeout = "20s")]
async fn gives_up(browser: Browser) -> TestResult {
    if apart::is("gives up") {
        drop(tokio::time::timeout(Duration::from_millis(10), browser.pause()).await);
        std::future::pending::<()>().await;
    }
    Ok(())
}

#[test]
fn nobody_is_in_a_ci_job() {
    let said = Apart::new("pause::in_its_process", "pauses").env("CI", "true").output();
    assert!(said.contains("a pause needs a person, and this is a CI job") && said.contains("1 failed"), "{said}");
}

#[test]
fn a_value_that_cannot_be_used_fails_the_test() {
    for (name, says) in [
        ("HOLDUP_PAUSE", "HOLDUP_PAUSE is \"x\"; it takes on-failure"),
        ("HOLDUP_KEEP", "HOLDUP_KEEP is \"x\"; it takes 1"),
        ("HOLDUP_LOG", "HOLDUP_LOG is \"x\"; it takes flows or all"),
    ] {
        let said = Apart::new("pause::in_its_process", "").env(name, "x").output();
        assert!(said.contains(says) && said.contains("1 failed"), "{said}");
    }
}

#[test]
fn the_journal_is_printed_on_request() {
    for (log, says) in [("flows", "#1 GET http://log.test/?token=<masked 1>"), ("all", " ms  #1 failed (")] {
        let said = Apart::new("pause::writes_a_journal", "writes").env("HOLDUP_LOG", log).output();
        assert!(said.contains(says) && said.contains("1 passed"), "{said}");
    }
}

#[mitm_test]
async fn writes_a_journal(mitm: Mitm) -> TestResult {
    mitm.host("log.test", ([127, 0, 0, 1], 9));
    drop(mitm.client()?.get("http://log.test/?token=S3cret").send().await);
    Ok(())
}
