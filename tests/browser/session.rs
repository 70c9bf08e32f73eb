//! What a person does in a browser and in a console becomes a test.

use crate::support::console::ConsoleClient;
use holdup::prelude::*;

/// The older answer can come last. It also has what else a person uses.
const PAGE: &str = "<input id=q><p id=out></p><p><input type=password></p>
    <button name=send>send</button><button>other</button><select><option>blue</option><option>red</option></select>
    <script>
        q.oninput = async () => out.textContent = await (await fetch('/say?text=' + q.value)).text();
    </script>";

/// A test that a console has written, with what it cannot know.
#[allow(unused_qualifications, clippy::todo, reason = "as the console writes it")]
#[allow(unreachable_code, reason = "what needs a password is only compiled")]
#[path = "written/session.rs"]
mod written;

fn serve() {
    respond!(path == "/", (200, [("content-type", "text/html")], PAGE));
    respond!(query("text") == "a", "a");
    respond!(query("text") == "ab", "ab");
}

#[mitm_test]
async fn what_a_person_does_becomes_a_test(mitm: Mitm, browser: Browser) -> TestResult {
    serve();
    browser.report_actions().await?;
    let mut console = ConsoleClient::on(&mitm);
    console.ask(json!({ "do": "intercept", "filter": "~u /say & ~s" })).await?;
    browser.goto("https://app.test/").await?;
    browser.type_into("#q", "a").await?;
    let older = console.held("/say?text=a").await?;
    browser.type_into("#q", "b").await?;
    let newer = console.held("/say?text=ab").await?;
    let text = console.ask(json!({ "do": "edit", "flows": [newer] })).await?;
    let text = text.as_str().unwrap_or_default().replace("\n\nab", "\n\nAB");
    console.ask(json!({ "do": "edit", "flows": [newer], "text": text })).await?;
    // Each until the page has processed it.
    console.ask(json!({ "do": "release", "flows": [newer, older], "wait": true })).await?;
    assert_eq!(console.ask(json!({ "do": "settled" })).await?, true);
    browser.click("button").await?;
    // Not by its text: that is done by a script, not by a person.
    browser.type_into("select", "r").await?;
    browser.type_into("input[type=password]", "xyz").await?;
    browser.settled().await?;
    let written = console.ask(json!({ "do": "test" })).await?;
    let expected = include_str!("written/session.rs").lines().filter(|line| !line.ends_with("// added by hand"));
    assert_eq!(written.as_str().unwrap_or_default().lines().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    Ok(())
}
