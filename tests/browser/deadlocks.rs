//! Commands that wait for what their own test holds fail within about a second, not by timeout.

use crate::support::failure_of;
use crate::support::site::Site;
use holdup::prelude::*;

fn assert_told(body: fn(), parts: &[&str]) {
    let text = failure_of(body);
    for part in ["waits for what this test holds, and nothing else has happened for 1s"].iter().chain(parts) {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_page_whose_script_is_held() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<script src=/app.js></script>");
        let _app = hold!(path == "/app.js");
        browser.goto("https://site.test/").await?;
        Ok(())
    }
    assert_told(
        body,
        &[
            "`goto https://site.test/` waits",
            "#2 https://site.test/app.js, held by hold!(path == \"/app.js\") of tests/browser/deadlocks.rs:",
            "help: begin the navigation with `browser.start(..)`",
        ],
    );
}

/// Chromium does not answer for a page that is about to navigate; Firefox does.
#[test]
fn a_page_that_goes_on_to_one_that_is_held() {
    #[mitm_test(browser = headless_shell)]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<script>onload = () => { location = '/next'; }</script>");
        let _next = hold!(path == "/next");
        browser.goto("https://site.test/").await?;
        browser.text("p").await?;
        Ok(())
    }
    let text = failure_of(body);
    for part in [
        "`goto https://site.test/` waits for what this test holds",
        "#2 https://site.test/next, held by",
        "browser.start(..)",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_script_that_waits_for_its_call() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p>");
        browser.goto("https://site.test/").await?;
        let _call = hold!(path == "/call");
        browser.run("return fetch('/call')").await?;
        Ok(())
    }
    assert_told(body, &["`execute return fetch('/call')` waits", "do not return or await the call in the script"]);
}

/// A flow that is held and released while the command runs is no deadlock.
#[mitm_test]
async fn a_flow_that_is_let_go_beside_the_command(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<script src=/app.js></script>");
    let app = hold!(path == "/app.js");
    let release = async { TestResult::Ok(app.next().await?.release().await?) };
    let (shown, delivered) = tokio::join!(browser.goto("https://site.test/"), release);
    shown?;
    assert!(delivered?.is_delivered());
    Ok(())
}
