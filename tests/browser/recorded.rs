//! A race that was recorded happens again, without its server.

use crate::support::app::App;
use crate::support::failure_of;
use crate::support::races::SEARCH;
use crate::support::streams::{Streams, say};
use holdup::prelude::*;

const SEARCHED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/recorded-search.har");
const PUSHED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/recorded-push.mitm");

/// A test that [`holdup::record::to_rust`] has written from a recording, with what a recording does not have.
#[path = "recorded/search.rs"]
mod search;

#[test]
fn a_recording_becomes_a_test() {
    let written = include_str!("recorded/search.rs").lines().filter(|line| !line.ends_with("// added by hand"));
    let text = holdup::record::to_rust("tests/browser/recorded/search.har").unwrap();
    assert_eq!(text.lines().collect::<Vec<_>>(), written.collect::<Vec<_>>());
}

async fn type_query(browser: &Browser) -> TestResult {
    browser.goto("https://app.test/").await?;
    browser.type_into("#q", "a").await?;
    browser.type_into("#q", "b").await?;
    Ok(())
}

async fn shows(browser: &Browser, text: &str) -> TestResult {
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, text);
    Ok(())
}

#[test]
fn answers_in_the_wrong_order_are_recorded_and_come_again() {
    #[mitm_test]
    async fn recorded(mitm: Mitm, browser: Browser, app: App) -> TestResult {
        mitm.save(SEARCHED)?;
        app.serve(&SEARCH.page_of(false));
        let (older, newer) = (hold!(response: query("text") == "a"), hold!(response: query("text") == "ab"));
        type_query(&browser).await?;
        let older = older.next().await?;
        newer.next().await?.release().processed().await?;
        older.release().await?;
        shows(&browser, "a").await
    }
    #[mitm_test]
    async fn kept(mitm: Mitm, browser: Browser) -> TestResult {
        mitm.replay(SEARCHED)?.in_recorded_order().strict();
        type_query(&browser).await?;
        shows(&browser, "ab").await
    }
    #[mitm_test]
    async fn corrected(mitm: Mitm, browser: Browser) -> TestResult {
        edit!(response: path == "/", |page| page.set_body(SEARCH.page_of(true)));
        mitm.replay(SEARCHED)?.in_recorded_order().strict();
        type_query(&browser).await?;
        shows(&browser, "ab").await
    }
    recorded();
    let text = failure_of(kept);
    assert!(text.contains("left: \"a\"") && text.contains("right: \"ab\""), "{text}");
    corrected();
}

/// Shows what the server has pushed, and what it has answered, whichever comes last.
fn pushed_page(is_fixed: bool) -> String {
    format!(
        "<p id=out></p><script>
            let newest = 0;
            const show = ([version, text]) => {{
                if ({is_fixed} && version < newest) return;
                newest = version;
                out.textContent = text;
            }};
            const socket = new WebSocket('wss://origin.test/socket');
            socket.onopen = () => socket.send('subscribe');
            socket.onmessage = event => show(JSON.parse(event.data));
            fetch('/now').then(answer => answer.json()).then(show);
        </script>"
    )
}

#[test]
fn a_message_before_an_answer_is_recorded_and_comes_again() {
    #[mitm_test]
    async fn recorded(mitm: Mitm, browser: Browser) -> TestResult {
        mitm.save(PUSHED)?;
        let streams = Streams::start().await;
        mitm.host("origin.test", streams.address);
        respond!(path == "/", (200, [("content-type", "text/html")], pushed_page(false)));
        respond!(path == "/now", (200, "[1, \"old\"]"));
        let now = hold!(response: path == "/now");
        browser.goto("https://origin.test/").await?;
        let now = now.next().await?;
        say(&mut streams.socket().await, "[2, \"new\"]").await;
        browser.settled().await?;
        now.release().await?;
        shows(&browser, "old").await
    }
    #[mitm_test]
    async fn kept(mitm: Mitm, browser: Browser) -> TestResult {
        mitm.replay(PUSHED)?.in_recorded_order().strict();
        browser.goto("https://origin.test/").await?;
        shows(&browser, "new").await
    }
    #[mitm_test]
    async fn corrected(mitm: Mitm, browser: Browser) -> TestResult {
        edit!(response: path == "/", |page| page.set_body(pushed_page(true)));
        mitm.replay(PUSHED)?.in_recorded_order().strict();
        browser.goto("https://origin.test/").await?;
        shows(&browser, "new").await
    }
    recorded();
    let text = failure_of(kept);
    assert!(text.contains("left: \"old\"") && text.contains("right: \"new\""), "{text}");
    corrected();
}
