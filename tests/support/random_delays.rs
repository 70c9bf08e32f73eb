//! What others do about races, to compare with: run the test again and again, as it is or with answers that take as long as random_delays
//! has it. `HOLDUP_EXPLORE=off HOLDUP_REPEAT=100 HOLDUP_TEST_CHANCE=plain` does the one, `delays` the other.

use holdup::prelude::*;

/// Before the page is opened.
pub fn delays() {
    if std::env::var("HOLDUP_TEST_CHANCE").is_ok_and(|random_delays| random_delays == "delays") {
        delay!(resource == "xhr", 0ms..500ms);
        delay!(message: direction == "to_client", 0ms..500ms);
        delay!(event: url ~ ".", 0ms..500ms);
    }
}

/// Before the page is looked at: a test that nobody conducts has to wait.
pub async fn settle(browser: &Browser) {
    if std::env::var_os("HOLDUP_TEST_CHANCE").is_some() {
        // Some pages never do.
        drop(browser.settled().await);
    }
}
