//! A baseline for the explorer: runs a test repeatedly, as it is or with random delays.
//!
//! `HOLDUP_EXPLORE=off HOLDUP_REPEAT=100 HOLDUP_TEST_CHANCE=plain` runs it as it is, `HOLDUP_TEST_CHANCE=delays` with
//! delays.

use holdup::prelude::*;

/// Declares the delays; call it before the page is opened.
pub fn delays() {
    if std::env::var("HOLDUP_TEST_CHANCE").is_ok_and(|random_delays| random_delays == "delays") {
        delay!(resource == "xhr", 0ms..500ms);
        delay!(message: direction == "to_client", 0ms..500ms);
        delay!(event: url ~ ".", 0ms..500ms);
    }
}

/// Waits for the page before it is checked: without the explorer, the test has to wait itself.
pub async fn settle(browser: &Browser) {
    if std::env::var_os("HOLDUP_TEST_CHANCE").is_some() {
        // Some pages never settle.
        drop(browser.settled().await);
    }
}
