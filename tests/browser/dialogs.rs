//! `alert`, `confirm` and `prompt`: dialogs that a page opens, and the test's replies.

use crate::support::site::Site;
use holdup::prelude::*;
use std::pin::pin;

const PAGE: &str = "<p id=out></p><button id=ask>ask</button><script>
    ask.onclick = () => {
        out.textContent = confirm('Delete it?') ? 'deleting' : 'kept';
        if (out.textContent == 'deleting') fetch('/delete', { method: 'POST' }).then(() => { out.textContent = 'deleted'; });
    };</script>";

#[mitm_test(browsers = all)]
async fn a_question_waits_for_its_answer(browser: Browser, site: Site) -> TestResult {
    site.page("/", PAGE);
    site.page("/delete", "");
    browser.goto("https://site.test/").await?;
    browser.click("#ask").await?;
    // The page is blocked until the dialog is closed.
    browser.settled().await?;
    assert_eq!(browser.get_alert_text().await?, "Delete it?");
    let delete = hold!(path == "/delete");
    browser.accept_alert().await?;
    let call = delete.next().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "deleting");
    call.release().processed().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "deleted");
    browser.click("#ask").await?;
    browser.dismiss_alert().await?;
    browser.wait_text("#out", "kept").await?;
    Ok(())
}

#[mitm_test(browsers = all)]
async fn an_answer_comes_while_the_page_asks(browser: Browser, site: Site) -> TestResult {
    site.page(
        "/",
        "<p id=out></p><button id=ask>ask</button><script>
        ask.onclick = () => { fetch('/say').then(() => { out.textContent += 'said '; }); alert('Yes?'); out.textContent += 'asked '; };
        </script>",
    );
    site.page("/say", "");
    browser.goto("https://site.test/").await?;
    let say = hold!(response: path == "/say");
    browser.click("#ask").await?;
    let said = say.next().await?;
    browser.settled().await?;
    // The response arrives, but the page cannot process it while the dialog is open.
    said.release().await?;
    browser.settled().await?;
    browser.accept_alert().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "asked said");
    Ok(())
}

#[mitm_test(browsers = all)]
async fn a_page_asks_as_it_loads(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=out></p><script>out.textContent = prompt('Who?')</script>");
    browser.goto("https://site.test/").await?;
    browser.send_alert_text("me").await?;
    browser.accept_alert().await?;
    browser.wait_text("#out", "me").await?;
    Ok(())
}

#[mitm_test(browsers = all)]
async fn a_page_may_ask_just_after_it_has_loaded(browser: Browser, site: Site) -> TestResult {
    for late in 0..15 {
        site.page("/", &format!("<p id=out></p><script>onload = () => setTimeout(() => alert('x'), {late})</script>"));
        browser.goto("https://site.test/").await?;
        // The dialog may open at any time after the load.
        while browser.accept_alert().await.is_err() {}
    }
    Ok(())
}

#[mitm_test(browsers = all)]
async fn what_an_answer_sets_off_is_awaited(browser: Browser, site: Site) -> TestResult {
    site.page(
        "/",
        "<p id=out></p><button id=ask>ask</button><script>
        ask.onclick = () => { out.textContent = ''; confirm('x'); setTimeout(() => { out.textContent = 'done'; }, 30); };
        </script>",
    );
    for _ in 0..10 {
        browser.goto("https://site.test/").await?;
        browser.click("#ask").await?;
        browser.accept_alert().await?;
        browser.settled().await?;
        assert_eq!(browser.text("#out").await?, "done");
    }
    Ok(())
}

#[mitm_test(browsers = all)]
async fn nobody_is_asked_whether_to_leave(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<button id=b>b</button><script>onbeforeunload = event => event.preventDefault()</script>");
    site.page("/after", "<p id=out></p><img src=/late>");
    browser.goto("https://site.test/").await?;
    // Browsers show the `beforeunload` prompt only after a user interaction.
    browser.click("#b").await?;
    let late = hold!(path == "/late");
    let mut leaves = pin!(browser.goto("https://site.test/after"));
    let held = tokio::select! {
        _ = &mut leaves => panic!("it has not loaded yet"),
        held = late.next() => held?,
    };
    held.release().await?;
    leaves.await?;
    assert_eq!(browser.eval::<serde_json::Value>("return document.readyState").await?, "complete");
    Ok(())
}
