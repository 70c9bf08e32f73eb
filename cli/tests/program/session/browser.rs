// As a schedule: h1;ff;r:GET /search?q=a#1 > r:GET /search?q=ab#1
use holdup::prelude::*;

#[mitm_test]
async fn session(browser: Browser) -> TestResult {
    let search = hold!(response: path == "/search" && query("q") == "a");
    let search_2 = hold!(response: path == "/search" && query("q") == "ab");
    browser.goto("https://shop.test/").await?;
    // .. what the user does ..
    search_2.next().await?.release().processed().await?;
    browser.settled().await?;
    search.next().await?.release().processed().await?;
    browser.settled().await?;
    todo!("what must hold now")
}
