//! The settled page.

use crate::support::handlers::{HANDLERS, page};
use crate::support::site::Site;
use holdup::prelude::*;

const SHOWN: &str = "return document.querySelector('#out').textContent";

#[mitm_test]
async fn whatever_the_answer_starts_has_happened(browser: Browser, site: Site) -> TestResult {
    site.page("/", &page());
    let hold = hold!(path == "/api");
    browser.goto("https://site.test/").await?;
    for (name, _) in HANDLERS {
        browser.eval(&format!("window.run('{name}')")).await?;
        browser.settled().await?;
        let held = hold.next().await?;
        assert_eq!(browser.eval(SHOWN).await?, "", "{name}, while it is held");
        if name == "aborted" {
            browser.eval("window.abort()").await?;
        } else {
            held.release().await?;
        }
        browser.settled().await?;
        assert_eq!(browser.eval(SHOWN).await?, "!", "{name}");
    }
    Ok(())
}
