//! A test that runs repeatedly, as it is or in one order: its failures are counted.

use crate::support::app::App;
use crate::support::races::{SEARCH, play};
use holdup::prelude::*;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Runs one of the tests below in a separate process, and returns whether it passed and its output.
fn again(test: &str, env: &[(&str, &str)]) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("again::{test}"), "--nocapture"]).envs(env.iter().copied());
    let output = child.env_remove("RUST_BACKTRACE").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Passes in its natural order.
#[mitm_test(explore(max = 2))]
async fn search(browser: Browser, app: App) -> TestResult {
    play(&SEARCH, false, browser, app).await
}

/// Fails in every third execution.
#[mitm_test]
async fn third(browser: Browser, app: App) -> TestResult {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    let nth = EXECUTIONS.fetch_add(1, Ordering::Relaxed) + 1;
    app.serve(
        "<!doctype html><p id=out></p><script>out.textContent = document.cookie; document.cookie = 'seen=1'</script>",
    );
    browser.goto("https://app.test/").await?;
    assert_eq!(browser.text("#out").await?, "", "no execution sees the cookies of another");
    assert_ne!(nth % 3, 0, "the third");
    Ok(())
}

/// A fixture whose teardown takes longer than the timeout.
struct Slow;

impl Fixture for Slow {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        // A real wait: no event that the teardown could wait for takes this long.
        cx.defer(async { drop(tokio::time::timeout(Duration::from_secs(4), std::future::pending::<()>()).await) });
        Ok(Self)
    }
}

#[mitm_test(timeout = "1s")]
async fn hangs(_slow: Slow) -> TestResult {
    if std::env::var_os("HOLDUP_REPEAT").is_some() {
        std::future::pending::<()>().await;
    }
    Ok(())
}

#[test]
fn those_that_hang_are_counted_too() {
    let (passed, said) = again("hangs", &[("HOLDUP_REPEAT", "3")]);
    assert!(!passed && said.contains("hangs: 3 of 3 executions failed"), "{said}");
    assert!(said.contains("the test did not end within 1s"), "{said}");
}

#[test]
fn failures_are_counted() {
    let (passed, said) = again("third", &[("HOLDUP_REPEAT", "7")]);
    assert!(!passed && said.contains("third: 2 of 7 executions failed, in "), "{said}");
    assert!(said.contains("s; execution 3 failed:") && said.contains("the third"), "{said}");
    assert!(!said.contains("sees the cookies"), "{said}");
    let (passed, said) = again("third", &[("HOLDUP_REPEAT", "2")]);
    assert!(passed && said.contains("third: 0 of 2 executions failed, in "), "{said}");
}

#[test]
fn a_schedule_is_replayed_as_often_as_is_said() {
    let schedule = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1";
    let (passed, said) = again("search", &[("HOLDUP_REPEAT", "3"), ("HOLDUP_SCHEDULE", schedule)]);
    assert!(!passed && said.contains("search: 3 of 3 executions failed"), "{said}");
    assert!(said.contains("left: String(\"a\")"), "{said}");
    let (passed, said) = again("search", &[("HOLDUP_REPEAT", "3"), ("HOLDUP_SCHEDULE", "h1;ff")]);
    assert!(passed && said.contains("search: 0 of 3 executions failed"), "{said}");
}

#[test]
fn a_number_that_is_none_is_told() {
    for wrong in ["0", "often", "-1"] {
        let (passed, said) = again("third", &[("HOLDUP_REPEAT", wrong)]);
        assert!(!passed && said.contains("HOLDUP_REPEAT takes the number of runs of each test"), "{said}");
    }
}

/// Reads at once: an explored test reads from settled pages.
#[mitm_test(explore(max = 3))]
async fn looks_at_once(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><button id=go>go</button><p id=out>nothing</p><script>
        go.onclick = () => fetch('/say?text=a').then(a => a.text())
            .then(text => setTimeout(() => out.textContent = text, 150))</script>",
    );
    browser.goto("https://app.test/").await?;
    browser.click("#go").await?;
    assert_eq!(browser.text("#out").await?, "a");
    Ok(())
}

/// Reads mean the same when the test runs as it is.
#[test]
fn what_is_explored_looks_at_settled_pages_also_as_it_is() {
    for env in [&[][..], &[("HOLDUP_EXPLORE", "off")], &[("HOLDUP_EXPLORE", "off"), ("HOLDUP_REPEAT", "3")]] {
        let (passed, said) = again("looks_at_once", env);
        assert!(passed, "{env:?}: {said}");
    }
}
