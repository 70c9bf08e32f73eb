use holdup::prelude::*;

#[mitm_test]
async fn search(browser: Browser) -> TestResult {
    replay!("tests/browser/recorded/search.har")?;
    // Parked by hold!(response: query("text") == "a") at tests/browser/recorded.rs:31.
    let say = hold!(response: path == "/say" && query("text") == "a");
    // Parked by hold!(response: query("text") == "ab") at tests/browser/recorded.rs:31.
    let say_2 = hold!(response: path == "/say" && query("text") == "ab");
    browser.goto("https://app.test/").await?;
    // .. what the user does ..
    browser.type_into("#q", "a").await?; // added by hand
    browser.type_into("#q", "b").await?; // added by hand
    say_2.next().await?.release().processed().await?;
    say.next().await?.release().processed().await?;
    browser.settled().await?;
    // .. what the page shows then ..
    assert_eq!(browser.text("#out").await?, "a", "the older answer comes last"); // added by hand
    Ok(())
}
