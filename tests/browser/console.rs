//! What pages log, and the errors that nothing in them catches: for the test, and under a failure.

use crate::support::failure_of;
use crate::support::site::Site;
use holdup::ConsoleLevel;
use holdup::prelude::*;

const PAGE: &str = "<meta charset=utf-8><title>The shop</title><p id=out>ready</p><button id=buy>buy</button>
    <script>
        console.log('loaded', 3, { a: 1 });
        console.warn('an old call');
        buy.onclick = () => {
            for (let i = 0; i < 3; i++) console.error('no stock');
            console.info('clicked');
            Promise.reject(new Error('no basket\\nat all'));
            undefined.price;
        };
    </script>";

async fn bought(browser: &Browser, site: &Site) -> TestResult {
    site.page("/", PAGE);
    browser.goto("https://site.test/").await?;
    browser.click("#buy").await?;
    browser.settled().await?;
    Ok(())
}

#[mitm_test(browsers = all)]
async fn a_test_reads_it(browser: Browser, site: Site) -> TestResult {
    bought(&browser, &site).await?;
    let said = browser.console().await;
    let of = |level| said.iter().filter(|message| message.level() == level).map(|it| it.text()).collect::<Vec<_>>();
    assert!(of(ConsoleLevel::Info)[0].starts_with("loaded 3"), "{said:?}");
    assert_eq!(of(ConsoleLevel::Info)[1], "clicked");
    assert_eq!(of(ConsoleLevel::Warning), ["an old call"]);
    assert_eq!(of(ConsoleLevel::Error), ["no stock"; 3]);
    let uncaught = of(ConsoleLevel::Uncaught);
    assert_eq!(uncaught.len(), 2, "{said:?}");
    assert!(uncaught.iter().any(|text| text.ends_with("no basket\nat all")), "{said:?}");
    assert!(uncaught.iter().any(|text| text.contains("TypeError")), "{said:?}");
    Ok(())
}

/// The executions share a session.
#[test]
fn it_belongs_to_one_execution() {
    #[mitm_test(explore(max = 6), browser = headless_shell)]
    async fn explored(browser: Browser, site: Site) -> TestResult {
        site.page(
            "/",
            "<p id=out></p><button id=add>add</button><script>
            addEventListener('pagehide', () => console.log('left'));
            fetch('/first').then(() => { out.textContent += 'first '; });
            add.onclick = () => { fetch('/second').then(() => { out.textContent += 'second '; console.log('added'); }); };
            </script>",
        );
        site.page("/first", "");
        site.page("/second", "");
        browser.goto("https://site.test/").await?;
        browser.click("#add").await?;
        browser.settled().await?;
        let said: Vec<_> = browser.console().await.iter().map(ToString::to_string).collect();
        assert!(said.len() == 1 && said[0].starts_with("log: added"), "{said:?}");
        Ok(())
    }
    explored();
}

async fn expects_more(browser: Browser, site: Site) -> TestResult {
    bought(&browser, &site).await?;
    browser.wait_text("#out", "bought").await?;
    Ok(())
}

#[track_caller]
fn assert_shown(text: &str) {
    assert!(text.contains("page: at https://site.test/, title \"The shop\"\n"), "{text}");
    assert!(text.contains(" ms  warning: an old call"), "{text}");
    assert!(text.contains(" ms  error: no stock") && text.contains(" (3 times)"), "{text}");
    assert!(text.contains(" ms  uncaught: ") && text.contains("no basket") && text.contains("TypeError"), "{text}");
    // What is no warning is shown only since the last action.
    assert!(text.contains(" ms  log: clicked") && !text.contains("log: loaded"), "{text}");
}

#[test]
fn a_failure_shows_it() {
    #[mitm_test(browser = headless_shell)]
    async fn headless_shell(browser: Browser, site: Site) -> TestResult {
        expects_more(browser, site).await
    }
    #[mitm_test(browser = firefox)]
    async fn firefox(browser: Browser, site: Site) -> TestResult {
        expects_more(browser, site).await
    }
    assert_shown(&failure_of(headless_shell));
    assert_shown(&failure_of(firefox));
}

#[test]
fn an_open_dialog_is_named() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<title>The shop</title><button id=ask onclick=\"confirm('Sure?')\">ask</button>");
        browser.goto("https://site.test/").await?;
        browser.click("#ask").await?;
        browser.settled().await?;
        "no number".parse::<u32>()?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("page: at https://site.test/, with an open dialog\n"), "{text}");
}

#[test]
fn a_page_that_logs_without_end_fills_nothing() {
    #[mitm_test(browser = headless_shell)]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p id=out></p><script>for (let i = 0; i < 5000; i++) console.warn('again ' + i)</script>");
        browser.goto("https://site.test/").await?;
        browser.run("setTimeout(() => undefined.price)").await?;
        browser.settled().await?;
        let said = browser.console().await;
        assert_eq!(said.len(), 2001);
        assert_eq!(said[2000].level(), ConsoleLevel::Uncaught);
        browser.wait_text("#out", "never").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("uncaught: TypeError"), "{text}");
    assert!(text.contains("and 1991 more; `browser.console()` returns all"), "{text}");
    assert!(text.lines().count() < 80, "{text}");
}

#[test]
fn an_uncaught_error_fails_a_test_that_asks_for_it() {
    #[mitm_test(page_errors = fail)]
    async fn body(browser: Browser, site: Site) -> TestResult {
        bought(&browser, &site).await
    }
    let text = failure_of(body);
    assert!(text.starts_with("an error in the page was not caught: "), "{text}");
    assert!(text.contains(", and 1 more\n  at tests/browser/console.rs:"), "{text}");
    assert!(text.contains("no basket") && text.contains("TypeError"), "{text}");
}

#[mitm_test(page_errors = fail)]
async fn a_message_is_no_error(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<script>console.error('only said'); try { undefined.price } catch { }</script>");
    browser.goto("https://site.test/").await?;
    Ok(())
}

/// What the browser refuses to load, or could not load.
#[mitm_test(browsers = all)]
async fn the_browsers_own_errors(browser: Browser, site: Site) -> TestResult {
    site.page(
        "/",
        "<meta http-equiv=content-security-policy content=\"script-src 'unsafe-inline' https://site.test\">
        <script src=https://elsewhere.test/a.js></script>
        <script type=module src=/missing.mjs></script>
        <script>fetch('https://other.test/x').catch(() => {})</script>
        <script src=/changed.js integrity=sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=></script>",
    );
    site.page("/changed.js", "1");
    respond!(host == "other.test", "no cors headers");
    respond!(path == "/missing.mjs", 404);
    browser.goto("https://site.test/").await?;
    browser.settled().await?;
    let said = browser.console().await;
    let has = |part: &str| said.iter().any(|it| it.level() == ConsoleLevel::Error && it.to_string().contains(part));
    let has_any = |parts: [&str; 2]| parts.iter().any(|part| has(part));
    assert!(has("elsewhere.test/a.js") && has_any(["Content Security Policy", "Content-Security-Policy"]), "{said:#?}");
    assert!(has("missing.mjs"), "{said:#?}");
    assert!(has_any(["blocked by CORS policy", "Cross-Origin Request Blocked"]) && has("integrity"), "{said:#?}");
    assert!(said.iter().all(|it| it.level() != ConsoleLevel::Uncaught), "{said:#?}");
    Ok(())
}
