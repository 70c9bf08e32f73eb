//! The tests of a process use one browser after another, and find nothing of each other.

use crate::apart::{self, Apart};
use crate::others::holdup_client_without_tls;
use crate::support::failure_of;
use crate::support::site::Site;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use holdup::prelude::*;
use http::Method;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::{ParseError, Url};

/// Runs tests one after another in a process of their own, which has one browser.
fn in_one_browser(name: &str, tests: &[fn()]) {
    if std::env::var("HOLDUP_BROWSER").is_ok_and(|kind| kind == "chromium") {
        // Each test starts its own.
        return;
    }
    if apart::is(name) {
        tests.iter().for_each(|test| test());
        return;
    }
    let mut apart = Apart::new(&format!("shared::{name}"), name);
    let said = apart.output();
    assert!(said.contains("1 passed"), "{said}");
    apart.wait_until_gone();
}

/// The sessions of the tests so far.
static SESSIONS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Leaves something in each place where a browser keeps what pages do.
const PLANT: &str = "return (async () => {
    document.cookie = 'planted=1; max-age=9999';
    localStorage.planted = sessionStorage.planted = window.name = 'planted';
    history.pushState(1, '', '?planted');
    const opened = indexedDB.open('planted');
    await new Promise(done => opened.onsuccess = done);
    opened.result.close();
    await (await caches.open('planted')).put('/planted', new Response('planted'));
    await (await navigator.storage.getDirectory()).getFileHandle('planted', { create: true });
    await navigator.serviceWorker.register('/worker.js');
    await navigator.serviceWorker.ready;
    await fetch('/sets');
    await fetch('/cached');
    return (FOUND)();
})()";

/// What a page finds in those places.
const FOUND: &str = "async () => {
    const found = { cookie: document.cookie, local: localStorage.length, session: sessionStorage.length, name: window.name };
    found.state = !!history.state;
    found.databases = (await indexedDB.databases()).length;
    found.caches = (await caches.keys()).length;
    found.workers = (await navigator.serviceWorker.getRegistrations()).length;
    found.files = 0;
    for await (const name of (await navigator.storage.getDirectory()).keys()) found.files++;
    return JSON.stringify(found);
}";

const NOTHING: &str =
    r#"{"cookie":"","local":0,"session":0,"name":"","state":false,"databases":0,"caches":0,"workers":0,"files":0}"#;
const EVERYTHING: &str = r#"{"cookie":"planted=1","local":1,"session":1,"name":"planted","state":true,"databases":1,"caches":1,"workers":1,"files":1}"#;

/// Opens a page whose fetch of `/cached` can be served by the browser's cache. Notes which session it is in.
async fn opened(mitm: &Mitm, browser: &Browser, site: &Site) -> TestResult {
    mitm.let_browsers_cache();
    site.page("/", "<p>");
    site.page_with("/sets", &[("set-cookie", "http=planted; HttpOnly; Path=/only")], "");
    site.page("/worker.js", "onfetch = () => {}");
    site.page_with("/cached", &[("cache-control", "max-age=9999")], "cached");
    note_session(browser).await?;
    browser.goto("https://site.test/").await?;
    Ok(())
}

async fn note_session(browser: &Browser) -> TestResult {
    let session = browser.session_id().await?.unwrap_or_default();
    SESSIONS.lock().unwrap().push(session);
    Ok(())
}

fn sessions() -> Vec<String> {
    SESSIONS.lock().unwrap().clone()
}

/// Checks that the tests so far have used one browser.
fn used_one_browser() {
    let sessions = sessions();
    assert!(sessions.iter().all(|session| *session == sessions[0]), "one browser: {sessions:?}");
}

/// Changes the session beyond the pages of a test.
async fn wait_longer(browser: &Browser) -> TestResult {
    let longer = TimeoutConfiguration::new(None, None, Some(Duration::from_millis(10)));
    browser.update_timeouts(longer).await?;
    Ok(())
}

async fn check_timeouts(browser: &Browser) -> TestResult {
    assert_eq!(browser.get_timeouts().await?.implicit(), Some(Duration::ZERO));
    Ok(())
}

async fn look(browser: &Browser) -> TestResult {
    assert_eq!(browser.eval::<String>(&format!("return ({FOUND})()")).await?, NOTHING);
    let only = watch!(path == "/only/x");
    let cached = watch!(path == "/cached");
    browser.run("return Promise.all([fetch('/only/x'), fetch('/cached')])").await?;
    assert_eq!(only.next().await?.request.header("cookie"), None);
    // Comes from the site, not from a cache.
    cached.next().await?;
    assert_eq!(browser.windows().await?.len(), 1);
    Ok(())
}

#[test]
fn a_test_finds_nothing_of_an_earlier_one() {
    #[mitm_test]
    async fn plants(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        assert_eq!(browser.eval::<String>(&PLANT.replace("FOUND", FOUND)).await?, EVERYTHING);
        // What goes on when the test ends: calls, a second window, a dialog.
        browser.run("setInterval(() => fetch('/only/late'), 1)").await?;
        let second = browser.new_window(true).await?;
        assert_eq!(browser.windows().await?.len(), 2);
        browser.switch_to_window(second.handle).await?;
        browser.goto("https://site.test/").await?;
        browser.run("setTimeout(() => alert('late'))").await?;
        Ok(())
    }
    #[mitm_test]
    async fn looks(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        let late = watch!(path == "/only/late");
        opened(&mitm, &browser, &site).await?;
        look(&browser).await?;
        assert_eq!(late.hits(), 0);
        Ok(())
    }
    in_one_browser("a_test_finds_nothing_of_an_earlier_one", &[plants, looks, looks, used_one_browser]);
}

#[derive(Debug)]
struct Grant;

impl WebDriverCompatibleCommand for Grant {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/permissions", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let granted = json!({ "descriptor": { "name": "geolocation" }, "state": "granted" });
        (Method::POST, Some(granted.to_string()))
    }
}

const PERMISSION: &str = "return navigator.permissions.query({ name: 'geolocation' }).then(it => it.state)";

/// What a command has changed beyond its page (permissions, timeouts) may outlast it.
#[test]
fn a_browser_that_was_changed_is_not_used_again() {
    #[mitm_test]
    async fn grants(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        browser.issue_cmd(Grant).await?;
        assert_eq!(browser.eval::<String>(PERMISSION).await?, "granted");
        Ok(())
    }
    #[mitm_test]
    async fn waits_longer(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        assert_ne!(browser.eval::<String>(PERMISSION).await?, "granted");
        check_timeouts(&browser).await?;
        wait_longer(&browser).await
    }
    #[mitm_test]
    async fn closes(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        check_timeouts(&browser).await?;
        browser.close().await;
        Ok(())
    }
    #[mitm_test]
    async fn looks(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        look(&browser).await
    }
    let all_differ = || {
        let (sessions, mut different) = (sessions(), sessions());
        different.sort();
        different.dedup();
        assert_eq!(different.len(), sessions.len(), "{sessions:?}");
    };
    let tests = [grants, waits_longer, closes, looks, all_differ];
    in_one_browser("a_browser_that_was_changed_is_not_used_again", &tests);
}

/// Its browser is not used again.
#[test]
fn a_test_that_hangs_costs_the_next_nothing() {
    #[mitm_test(timeout = "2s")]
    async fn hangs(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        // The driver would release the key only after the command.
        browser.perform_actions(KeyActions::new("keyboard".into()).then(KeyAction::Down { value: 'a' })).await?;
        browser.run("return new Promise(() => {})").await?;
        Ok(())
    }
    #[mitm_test]
    async fn looks(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        look(&browser).await
    }
    let fails = || drop(failure_of(hangs));
    in_one_browser("a_test_that_hangs_costs_the_next_nothing", &[fails, looks]);
}

#[mitm_test(explore(max = 3))]
async fn changes_once(browser: Browser, site: Site) -> TestResult {
    static ROUNDS: AtomicU32 = AtomicU32::new(0);
    site.page(
        "/",
        "<p id=out></p><script>for (const n of 'ab') fetch('/' + n).then(() => out.textContent += '.')</script>",
    );
    if ROUNDS.fetch_add(1, Ordering::Relaxed) == 0 {
        wait_longer(&browser).await?;
    }
    browser.goto("https://site.test/").await?;
    browser.wait_text("#out", "..").await?;
    Ok(())
}

/// Also if an exploration has changed it in one execution only.
#[test]
fn a_browser_that_an_execution_has_changed_is_not_used_again() {
    #[mitm_test]
    async fn looks(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        check_timeouts(&browser).await
    }
    in_one_browser("a_browser_that_an_execution_has_changed_is_not_used_again", &[changes_once, looks]);
}

/// Opens a page with a field. Notes which session it is in.
async fn opened_field(browser: &Browser, site: &Site) -> TestResult {
    site.page("/", "<input id=i>");
    note_session(browser).await?;
    browser.goto("https://site.test/").await?;
    Ok(())
}

#[test]
fn keys_and_the_clipboard_are_released() {
    #[mitm_test]
    async fn presses(browser: Browser, site: Site) -> TestResult {
        opened_field(&browser, &site).await?;
        browser.type_into("#i", "secret").await?;
        let down = |value| KeyAction::Down { value };
        let copies = KeyActions::new("keyboard".into()).then(down('\u{e009}')).then(down('a')).then(down('c'));
        browser.perform_actions(copies).await?;
        Ok(())
    }
    #[mitm_test]
    async fn pastes(browser: Browser, site: Site) -> TestResult {
        opened_field(&browser, &site).await?;
        browser.type_into("#i", "xyz").await?;
        assert_eq!(browser.eval::<String>("return document.querySelector('#i').value").await?, "xyz");
        browser.type_into("#i", "\u{e009}v").await?;
        assert_eq!(browser.eval::<String>("return document.querySelector('#i').value").await?, "xyz");
        Ok(())
    }
    in_one_browser("keys_and_the_clipboard_are_released", &[presses, pastes, used_one_browser]);
}

#[test]
fn a_handle_does_not_outlive_its_test() {
    static OLD: Mutex<Option<Browser>> = Mutex::new(None);
    #[mitm_test]
    async fn keeps(browser: Browser, site: Site) -> TestResult {
        opened_field(&browser, &site).await?;
        *OLD.lock().unwrap() = Some(browser);
        Ok(())
    }
    #[mitm_test]
    async fn looks(browser: Browser, site: Site) -> TestResult {
        opened_field(&browser, &site).await?;
        let second = browser.new_window(true).await?;
        // The page stays in front until the test switches.
        let in_front = "return `${document.visibilityState} ${document.hasFocus()}`";
        assert_eq!(browser.eval::<String>(in_front).await?, "visible true");
        browser.switch_to_window(second.handle).await?;
        let old = OLD.lock().unwrap().take().unwrap();
        let ended = "the test that had this browser has ended";
        let said = old.goto("https://site.test/old").await.expect_err("another test's").to_string();
        assert!(said.contains(ended), "{said}");
        let said = old.run("document.title = 'old'").await.expect_err("another test's").to_string();
        assert!(said.contains(ended), "{said}");
        let said = old.settled().await.expect_err("another test's").to_string();
        assert!(said.contains("session has ended"), "{said}");
        old.close().await;
        browser.goto("https://site.test/").await?;
        Ok(())
    }
    in_one_browser("a_handle_does_not_outlive_its_test", &[keeps, looks, used_one_browser]);
}

/// A session that another client has begun is not taken for the test's.
#[test]
fn sessions_of_other_clients_are_theirs() {
    #[mitm_test(browser = headless_shell)]
    async fn begins(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        let mut arguments = mitm.chromium_args();
        arguments.push("--headless=new".to_owned());
        let options = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } });
        let wanted = json!({ "capabilities": { "alwaysMatch": options } }).to_string();
        let client = holdup_client_without_tls();
        let begun = client.post(format!("{}session", browser.webdriver_url())).body(wanted).send().await?;
        let said: serde_json::Value = serde_json::from_str(&begun.text().await?)?;
        let other = format!("{}session/{}", browser.webdriver_url(), said["value"]["sessionId"].as_str().unwrap());
        // Its windows are its own.
        let opened = client.post(format!("{other}/window/new")).body(r#"{"type": "tab"}"#).send().await?;
        assert!(opened.status().is_success(), "{}", opened.text().await?);
        let windows = client.get(format!("{other}/window/handles")).send().await?.text().await?;
        assert_eq!(serde_json::from_str::<serde_json::Value>(&windows)?["value"].as_array().unwrap().len(), 2);
        assert_eq!(browser.windows().await?.len(), 1);
        client.post(format!("{other}/timeouts")).body(r#"{"implicit": 1}"#).send().await?;
        client.delete(&other).send().await?;
        Ok(())
    }
    #[mitm_test(browser = headless_shell)]
    async fn looks(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        opened(&mitm, &browser, &site).await?;
        look(&browser).await
    }
    in_one_browser("sessions_of_other_clients_are_theirs", &[begins, looks, looks, used_one_browser]);
}
