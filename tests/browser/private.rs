//! Text typed into a password field, and control characters of a page, appear in no failure.

use crate::support::failure_of;
use crate::support::site::Site;
use holdup::prelude::*;

const PAGE: &str = "<meta charset=utf-8><title>\\u{1b}[31m</title>
    <input id=name><input id=pw type=password><input id=card autocomplete=cc-number><p id=said></p>
    <script>said.textContent = '\\u{1b}]0;owned\\u{7} \\u{202e}abc {\"token\": \"S3cret-page\"}'</script>";

async fn typed(browser: &Browser, site: &Site) -> TestResult {
    site.page("/", PAGE);
    browser.goto("https://site.test/?access_token=S3cret-url").await?;
    browser.type_into("#name", "Ada").await?;
    browser.type_into("#pw", "S3cret-password").await?;
    browser.type_into("#card", "S3cret-4111").await?;
    Ok(())
}

#[track_caller]
fn assert_private(text: &str) {
    assert!(text.contains("goto https://site.test/?access_token=<masked ") && text.contains("<masked "), "{text}");
    assert!(!text.contains("S3cret"), "{text}");
    let harmful =
        text.chars().find(|char| (char.is_control() && *char != '\n' && *char != '\t') || *char == '\u{202e}');
    assert_eq!(harmful, None, "{text:?}");
}

#[test]
fn a_page_that_says_something_else() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        typed(&browser, &site).await?;
        browser.wait_text("#said", "hello").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(
        text.contains("type \"Ada\" into #name") && text.contains("into #pw") && text.contains("]0;owned"),
        "{text}"
    );
    assert_private(&text);
}

#[test]
fn a_script_that_throws() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        typed(&browser, &site).await?;
        browser.run("throw new Error('\\u{1b}[2J token=S3cret-thrown \\u{9b}31m')").await?;
        Ok(())
    }
    assert_private(&failure_of(body));
}

#[test]
fn an_alert_that_nobody_awaits() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        typed(&browser, &site).await?;
        browser.run("setTimeout(() => alert('\\u{1b}[2J\\u{202e} token=S3cret-alert'))").await?;
        let refused = browser.click("#name").await;
        refused?;
        browser.click("#none").await?;
        Ok(())
    }
    assert_private(&failure_of(body));
}
