//! A recording in place of the server: the search needs no other.

use crate::support::app::App;
use crate::support::failure_of;
use crate::support::races::SEARCH;
use holdup::prelude::*;

const RECORDING: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/search.har");

/// What is recorded, and done again with the recording.
async fn search(browser: Browser) -> TestResult {
    browser.goto("https://app.test/").await?;
    browser.type_into("#q", "a").await?;
    browser.type_into("#q", "b").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "ab");
    Ok(())
}

#[test]
fn a_race_is_found_and_kept_in_a_recording() {
    #[mitm_test]
    async fn recorded(mitm: Mitm, browser: Browser, app: App) -> TestResult {
        mitm.save(RECORDING)?;
        app.serve(&SEARCH.page_of(false));
        search(browser).await
    }
    #[mitm_test(explore)]
    async fn explored(mitm: Mitm, browser: Browser) -> TestResult {
        mitm.replay(RECORDING)?;
        search(browser).await
    }
    #[mitm_test(schedule = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1")]
    async fn kept(mitm: Mitm, browser: Browser) -> TestResult {
        mitm.replay(RECORDING)?;
        search(browser).await
    }
    #[mitm_test(schedule = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1")]
    async fn corrected(mitm: Mitm, browser: Browser) -> TestResult {
        edit!(response: path == "/", |page| page.set_body(SEARCH.page_of(true)));
        mitm.replay(RECORDING)?;
        search(browser).await
    }
    recorded();
    let text = failure_of(explored);
    assert!(text.starts_with("race: explored failed in 1 of "), "{text}");
    assert!(text.contains("GET /say?text=ab") && text.contains("GET /say?text=a"), "{text}");
    assert!(failure_of(kept).contains("left: \"a\""));
    corrected();
}
