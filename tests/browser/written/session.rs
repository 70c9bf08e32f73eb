// As a schedule: h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1
use holdup::prelude::*;

#[mitm_test]
async fn session(browser: Browser) -> TestResult {
    super::serve(); // added by hand
    let say = hold!(response: path == "/say" && query("text") == "a");
    let say_2 = hold!(response: path == "/say" && query("text") == "ab");
    browser.goto("https://app.test/").await?;
    browser.type_into("#q", "ab").await?;
    let mut say_2 = say_2.next().await?;
    say_2.edit(|it| {
        it.set_body("AB");
    });
    say_2.release().processed().await?;
    browser.settled().await?;
    say.next().await?.release().processed().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "a", "the older answer comes last"); // added by hand
    browser.click("button[name=\"send\"]").await?;
    browser.find(holdup::fantoccini::Locator::Css("select")).await?.select_by_label("red").await?;
    return Ok(()); // added by hand
    browser.type_into("body > p:nth-of-type(2) > input", &std::env::var("SECRET")?).await?;
    browser.settled().await?;
    todo!("what must hold now")
}
