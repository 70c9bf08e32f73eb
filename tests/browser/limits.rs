//! Limits of browsers: each is lifted, or named in the failure.

use crate::support::site::Site;
use holdup::prelude::*;

/// A page that requests `/call?1`, `/call?2`, .., `/call?{calls}`.
fn page(calls: usize) -> String {
    format!("<script>for (let n = 1; n <= {calls}; n++) fetch('/call?' + n)</script>")
}

#[mitm_test]
async fn twenty_calls_of_one_plain_host_are_held_at_once(browser: Browser, site: Site) -> TestResult {
    site.page("/", &page(20));
    let calls = hold!(path == "/call");
    browser.goto("http://site.test/").await?;
    let held = calls.take(20).await?;
    browser.settled().await?;
    for call in held {
        call.release().await?;
    }
    Ok(())
}

#[mitm_test]
async fn two_equal_gets_are_held_at_once(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<script>for (let n = 0; n < 2; n++) fetch('/same')</script>");
    let calls = hold!(path == "/same");
    browser.goto("https://site.test/").await?;
    for call in calls.take(2).await? {
        call.release().await?;
    }
    Ok(())
}

/// Chromium requests a plain host over HTTP/2 to the proxy; Firefox opens as many connections as it is configured to.
#[mitm_test]
async fn the_limit_of_firefox_is_named(browser: Browser, site: Site) -> TestResult {
    if browser.kind() != BrowserKind::Firefox {
        return Ok(());
    }
    site.page("/", &page(260));
    let calls = hold!(path == "/call");
    browser.goto("http://site.test/").await?;
    let told = browser.settled().await.unwrap_err().to_string();
    let failure = calls.take(260).await.unwrap_err().to_string();
    for text in [failure, told] {
        for part in ["opens no more connections to site.test", "/call?", "hold!(path == \"/call\")", "limits.rs"] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
    calls.remove();
    Ok(())
}
