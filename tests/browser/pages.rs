//! Pages in a real browser, and holds on their flows.

use crate::support::failure_of;
use crate::support::site::Site;
use holdup::By;
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
    assert_eq!(browser.eval::<serde_json::Value>("return document.querySelector('#out').textContent").await?, "");
    assert!(call.release().await?.is_delivered());
    browser.text("#out:not(:empty)").await?;
    assert_eq!(browser.text("#out").await?, "saved");
    // Only the page and its call, no requests of the browser itself.
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
    browser.run("fetch('/call', {signal: window.control.signal}).catch(() => {})").await?;
    let held = hold.next().await?;
    assert!(!held.is_cancelled());
    browser.run("window.control.abort()").await?;
    held.cancelled().await?;
    assert_eq!(held.release().await?, Outcome::ClientGone);
    Ok(())
}

/// Expands to one test per browser, with the browser in its name.
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
    // The page may stop before it requests this.
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
    browser.run("void console.log('x'.repeat(17 << 20))").await?;
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
        browser.run(&script.replace("URL", &format!("'{origin}://site.test/socket'"))).await?;
        browser.run("new EventSource('/events').onmessage = e => document.querySelector('#events').textContent += e.data + ' '").await?;
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
        "goto https://site.test/",
        "GET https://site.test/",
        "click #save",
        "POST https://site.test/ajax/something",
        "parked at its request by hold!(url ~ \"/ajax/something\") of tests/browser/pages.rs:",
        "click #leave",
        "client gone",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} (in this order) in:\n{text}")).1;
    }
    // If the browser was started for this test, then at the first attempt.
    assert!(text.matches("new session").count() <= 1, "{text}");
}

const FORM: &str = "<label for=name>Your name</label><input id=name><label>Age <input id=age type=number></label>
    <button aria-label='Save it' onclick=\"out.textContent = name_() + age.value\">x</button><button>it's \"so\"</button>
    <a href='#'>Home</a><div role=tab>First</div><h2>  Two
    words </h2><p id=out></p><p id=spinner>loading</p>
    <script>name_ = () => document.getElementById('name').value; items = []; soon = () => setTimeout(() => { spinner.remove(); items.push({ id: 7 }) })</script>";

#[mitm_test]
async fn elements_are_found_as_users_see_them(browser: Browser, site: Site) -> TestResult {
    site.page("/", FORM);
    browser.goto("https://site.test/").await?;
    browser.type_into(By::label("Your name"), "ada").await?;
    browser.type_into(By::role("spinbutton", "Age"), "36").await?;
    browser.click(By::role("button", "Save it")).await?;
    browser.wait_text("#out", "ada36").await?;
    for at in [
        By::role("button", "it's \"so\""),
        By::role("link", "Home"),
        By::role("tab", "First"),
        By::role("heading", "Two words"),
        By::text("Two words"),
        By::xpath("//h2"),
    ] {
        browser.wait(&at).await?;
    }
    // In the words of the test, and not as an XPath.
    let missing = browser.wait(By::role("button", "Delete")).await.expect_err("no such button").to_string();
    assert!(missing.contains("find button \"Delete\" within 5s"), "{missing}");
    let footer = failure_of(|| {
        #[mitm_test]
        async fn body(browser: Browser, site: Site) -> TestResult {
            site.page("/", FORM);
            browser.goto("https://site.test/").await?;
            browser.click(By::role("link", "Home")).await?;
            Err(Failure::new("to see the journal"))?
        }
        body();
    });
    assert!(footer.contains("browser: click link \"Home\"") && !footer.contains("normalize-space"), "{footer}");
    Ok(())
}

#[mitm_test]
async fn what_a_page_has_is_waited_for_and_read(browser: Browser, site: Site) -> TestResult {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Item {
        id: u8,
    }
    site.page("/", FORM);
    browser.goto("https://site.test/").await?;
    let none = browser.wait_until("window.items.length == 1").await.expect_err("nothing comes").to_string();
    assert!(none.contains("was not true within 5s, but false"), "{none}");
    browser.run("window.soon()").await?;
    browser.wait_gone("#spinner").await?;
    browser.wait_until("window.items.length == 1").await?;
    assert_eq!(browser.eval::<Vec<Item>>("return window.items").await?, [Item { id: 7 }]);
    let wrong = browser.eval::<u8>("return 'seven'").await.expect_err("another type").to_string();
    assert!(wrong.contains("returned \"seven\", which is not a u8"), "{wrong}");
    let there = browser.wait_gone("#out").await;
    assert!(there.is_ok(), "an empty paragraph has no size: {there:?}");
    let stays = browser.wait_gone(By::role("link", "Home")).await.expect_err("it stays").to_string();
    assert!(stays.contains("link \"Home\" was still there after 5s"), "{stays}");
    Ok(())
}
