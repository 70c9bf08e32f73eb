//! Pages in a real browser, and what is held of them.

use crate::support::failure_of;
use crate::support::site::Site;
use holdup::prelude::*;

const SAVE: &str = "<button id=save onclick=\"fetch('/ajax/something', {method: 'POST'})
    .then(() => out.textContent = 'saved', e => out.textContent = e.name)\">Save</button>
    <a id=leave href=/next>leave</a> <p id=out></p>";

#[mitm_test]
async fn an_ajax_call_is_held_while_the_page_goes_on(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/", SAVE);
    let save = hold!(url ~ "/ajax/something");
    browser.goto("https://site.test/").await?;
    browser.click("#save").await?;
    let call = save.next().await?;
    assert_eq!(call.request().method(), "POST");
    assert_eq!(browser.eval("return document.querySelector('#out').textContent").await?, "");
    assert!(call.release().await?.is_delivered());
    browser.text("#out:not(:empty)").await?;
    assert_eq!(browser.text("#out").await?, "saved");
    // The page and its call, and nothing of the browser's own.
    let urls: Vec<_> = mitm.exchanges().iter().map(|exchange| exchange.request.url()).collect();
    assert_eq!(urls, ["https://site.test/", "https://site.test/ajax/something"]);
    Ok(())
}

#[mitm_test]
async fn a_page_sees_what_the_test_answers(browser: Browser, site: Site) -> TestResult {
    site.page("/", SAVE);
    browser.goto("https://site.test/").await?;
    let save = hold!(path == "/ajax/something");
    browser.click("#save").await?;
    save.next().await?.abort(AbortKind::Reset).await?;
    browser.text("#out:not(:empty)").await?;
    assert_eq!(browser.text("#out").await?, "TypeError");
    Ok(())
}

#[mitm_test]
async fn an_abort_controller_is_noticed_at_once(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<script>var control = new AbortController()</script>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/call");
    browser.eval("fetch('/call', {signal: window.control.signal}).catch(() => {})").await?;
    let held = hold.next().await?;
    assert!(!held.is_cancelled());
    browser.eval("window.control.abort()").await?;
    held.cancelled().await?;
    assert_eq!(held.release().await?, Outcome::ClientGone);
    Ok(())
}

/// One test for each, by name.
#[mitm_test(browsers = all)]
async fn a_page_is_shown(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=it>it</p>");
    browser.goto("https://site.test/").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#it").await?, "it");
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    assert!(test.ends_with(&format!("a_page_is_shown_in_{}", browser.kind())), "{test}");
    Ok(())
}

#[mitm_test]
async fn a_navigation_is_held(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=old>old</p>");
    site.page("/next", "<p id=new>new</p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/next");
    browser.start("https://site.test/next");
    let held = hold.next().await?;
    assert_eq!(held.request().header("sec-fetch-dest"), Some("document"));
    held.release().await?;
    assert_eq!(browser.text("#new").await?, "new");
    Ok(())
}

#[mitm_test]
async fn a_page_that_stops_its_own_loading_is_there(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=it>it</p><img src=/late><script>setTimeout(stop, 1)</script>");
    // It may stop before it has asked for this.
    let _late = hold!(path == "/late").optional();
    browser.goto("https://site.test/").await?;
    assert_eq!(browser.text("#it").await?, "it");
    Ok(())
}

#[mitm_test(browsers = all)]
async fn frames_in_frames_of_other_sites_go_with_them(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<iframe src=https://other.test/in></iframe>");
    site.page("/in", "<iframe src=https://site.test/leaf></iframe>");
    site.page("/leaf", "leaf");
    site.page("/plain", "<p id=it>it</p>");
    browser.goto("https://site.test/").await?;
    browser.settled().await?;
    browser.goto("https://other.test/plain").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#it").await?, "it");
    Ok(())
}

#[mitm_test(browsers = all)]
async fn a_page_may_log_much(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=it>it</p>");
    browser.goto("https://site.test/").await?;
    browser.eval("void console.log('x'.repeat(17 << 20))").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#it").await?, "it");
    Ok(())
}

#[mitm_test]
async fn web_sockets_and_events_pass(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/", "<p id=socket></p><p id=plain></p><p id=events></p>");
    for scheme in ["https", "http"] {
        browser.goto(&format!("{scheme}://site.test/")).await?;
        let (origin, script) = (
            scheme.replace("http", "ws"),
            "new WebSocket(URL).onmessage = e => document.querySelector('#socket').textContent = e.data",
        );
        browser.eval(&script.replace("URL", &format!("'{origin}://site.test/socket'"))).await?;
        browser.eval("new EventSource('/events').onmessage = e => document.querySelector('#events').textContent += e.data + ' '").await?;
        assert_eq!(browser.text("#socket:not(:empty)").await?, "hi");
        assert!(browser.text("#events:not(:empty)").await?.starts_with("one"));
    }
    let sockets = mitm.exchanges().into_iter().filter(|exchange| exchange.request.path() == "/socket");
    let urls: Vec<_> = sockets.map(|exchange| exchange.request.url()).collect();
    assert_eq!(urls, ["https://site.test/socket", "http://site.test/socket"]);
    Ok(())
}

#[test]
fn commands_and_flows_stand_in_one_journal() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", SAVE);
        browser.goto("https://site.test/").await?;
        let save = hold!(url ~ "/ajax/something");
        browser.click("#save").await?;
        let call = save.next().await?;
        browser.click("#leave").await?;
        call.cancelled().await?;
        Err(Failure::new("look at the journal"))?
    }
    let text = failure_of(body);
    let mut rest = &text[..];
    for part in [
        "look at the journal",
        "browser: new session, answered 200",
        "goto https://site.test/",
        "GET https://site.test/",
        "click #save",
        "POST https://site.test/ajax/something",
        "parked at its request by hold!(url ~ \"/ajax/something\") of tests/browser/pages.rs:",
        "click #leave",
        "client gone",
        "end session",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} (in this order) in:\n{text}")).1;
    }
    // It is asked in the first way that is tried.
    assert_eq!(text.matches("new session").count(), 1, "{text}");
}
