//! Browser behaviour that Holdup relies on, one fact per test, so that a new browser version fails by name.

use crate::support::site::Site;
use holdup::prelude::*;

/// The certificate is trusted, not merely ignored: only then is the page a secure context and the cache used.
#[mitm_test]
async fn trust_makes_a_secure_context(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    assert_eq!(browser.eval::<serde_json::Value>("return isSecureContext").await?, true);
    Ok(())
}

/// By default, browsers bypass a proxy for loopback addresses.
#[mitm_test]
async fn loopback_origins_are_intercepted(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/", "<p id=it>it</p>");
    for host in ["127.0.0.1", "localhost"] {
        browser.goto(&format!("http://{host}:{}/", site.address.port())).await?;
        assert_eq!(browser.text("#it").await?, "it");
        assert_eq!(browser.eval::<serde_json::Value>("return isSecureContext").await?, true);
    }
    assert_eq!(mitm.exchanges().len(), 2);
    Ok(())
}

#[mitm_test]
async fn no_cache_lock_on_equal_calls(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/same");
    browser.run("fetch('/same'); fetch('/same'); fetch('/same')").await?;
    assert_eq!(hold.take(3).await?.len(), 3);
    Ok(())
}

#[mitm_test]
async fn http2_holds_more_calls_than_http1_has_connections(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=out></p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/many");
    browser
        .run("Promise.all([...Array(50).keys()].map(i => fetch('/many?' + i))).then(all => out.textContent = all.length)")
        .await?;
    let held = hold.take(50).await?;
    drop(held);
    assert_eq!(browser.text("#out:not(:empty)").await?, "50");
    Ok(())
}

#[mitm_test]
async fn sessions_share_nothing(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    browser.run("document.cookie = 'a=1'; localStorage.a = 1").await?;
    let other = mitm.browser().await?;
    other.goto("https://site.test/").await?;
    assert_eq!(other.eval::<serde_json::Value>("return document.cookie + (localStorage.a ?? '')").await?, "");
    other.close().await;
    Ok(())
}

/// Browsers open these names only with a trusted certificate (HSTS preload list).
#[mitm_test]
async fn strict_hosts_are_trusted_too(browser: Browser) -> TestResult {
    respond!(scheme == "https" && host == "accounts.google.com", (200, "it"));
    respond!(scheme == "https" && host == "holdup.dev", (200, "it"));
    for host in ["accounts.google.com", "holdup.dev"] {
        browser.goto(&format!("https://{host}/")).await?;
        assert_eq!(browser.eval::<serde_json::Value>("return document.body.innerText").await?, "it");
    }
    Ok(())
}

#[mitm_test]
async fn pages_come_over_http2(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let protocol = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";
    assert_eq!(browser.eval::<serde_json::Value>(protocol).await?, "h2");
    Ok(())
}

#[mitm_test]
async fn a_call_that_is_cut_off_is_not_asked_again(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page(
        "/",
        "<script>var told = '', call = how => fetch('/call', {method: how}).catch(e => told += e.name)</script>",
    );
    browser.goto("https://site.test/").await?;
    abort!(path == "/call", reset);
    for method in ["GET", "POST"] {
        browser.run(&format!("window.call('{method}')")).await?;
    }
    browser.settled().await?;
    assert_eq!(browser.eval::<serde_json::Value>("return window.told").await?, "TypeErrorTypeError");
    assert_eq!(mitm.exchanges().iter().filter(|exchange| exchange.request.path() == "/call").count(), 2);
    Ok(())
}

/// A service worker responds without the proxy: its own requests are seen, responses that it makes up are not.
#[mitm_test]
async fn service_workers_register(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/", "<p>");
    site.page(
        "/worker.js",
        "onfetch = e => e.respondWith(e.request.url.endsWith('made-up') ? new Response('made up') : fetch(e.request));
        onactivate = e => e.waitUntil(clients.claim())",
    );
    browser.goto("https://site.test/").await?;
    let taken_over = "navigator.serviceWorker.register('/worker.js');
        return new Promise(done => navigator.serviceWorker.oncontrollerchange = () => done('taken over'))";
    assert_eq!(browser.eval::<serde_json::Value>(taken_over).await?, "taken over");
    let asked =
        "return (async () => [await (await fetch('/made-up')).text(), await (await fetch('/real')).text()].join())()";
    assert_eq!(browser.eval::<serde_json::Value>(asked).await?, "made up,this is /real");
    let seen: Vec<_> = mitm.exchanges().iter().map(|exchange| exchange.request.path().to_owned()).collect();
    assert_eq!(seen, ["/", "/worker.js", "/real"]);
    Ok(())
}

/// The browser requests neither favicons nor its own services.
#[mitm_test]
async fn a_browser_asks_for_nothing_by_itself(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/", "<link rel=preconnect href=https://other.test><form><input name=q><input type=password></form>");
    for _ in 0..3 {
        browser.goto("https://site.test/").await?;
        browser.settled().await?;
    }
    let seen: Vec<_> = mitm.exchanges().iter().map(|exchange| exchange.request.url()).collect();
    assert_eq!(seen, ["https://site.test/"; 3]);
    Ok(())
}

#[mitm_test]
async fn a_page_that_was_left_is_gone(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    site.page("/next", "<p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/call");
    browser.run("fetch('/call').catch(() => {})").await?;
    let call = hold.next().await?;
    browser.goto("https://site.test/next").await?;
    call.cancelled().await?;
    Ok(())
}
