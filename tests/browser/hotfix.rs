//! Replaces resources that a production page pins by hash, in a real browser.

use crate::support::site::Site;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use holdup::prelude::*;
use ring::digest::{SHA256, digest};

const OLD: &str = "document.documentElement.dataset.app = 'old'";
const NEW: &str = "document.documentElement.dataset.app = 'new'";

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

/// Opens `path` and returns what the page shows with the fix applied.
async fn app(browser: &Browser, path: &str) -> TestResult<String> {
    browser.goto(&format!("https://site.test{path}")).await?;
    browser.settled().await?;
    let app = browser.eval::<serde_json::Value>("return document.documentElement.dataset.app || ''").await?;
    Ok(app.as_str().unwrap_or_default().to_owned())
}

fn fix() -> TestResult<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(&file, NEW)?;
    Ok(file)
}

#[mitm_test]
async fn pinned_scripts_are_replaced(browser: Browser, site: Site) -> TestResult {
    let pin = hash(OLD);
    site.page("/app.js", OLD);
    site.page("/wrong.js", "document.documentElement.dataset.app = 'a wrong pin was taken off'");
    site.page(
        "/script",
        &format!("<script src=/app.js integrity='{pin}'></script><script src=/wrong.js integrity='{pin}'></script>"),
    );
    let link = format!("<https://site.test/app.js>; rel=preload; as=script; crossorigin; integrity=\"{pin}\"");
    site.page_with("/preload", &[("link", &link)], "<script src=/app.js crossorigin></script>");
    let map = format!(r#"{{"imports": {{"app": "/app.js"}}, "integrity": {{"/app.js": "{pin}"}}}}"#);
    site.page("/module", &format!("<script type=importmap>{map}</script><script type=module>import 'app'</script>"));
    let policy = [("integrity-policy", "blocked-destinations=(script)")];
    site.page_with("/policy", &policy, &format!("<script src=/app.js crossorigin integrity='{pin}'></script>"));
    for path in ["/script", "/preload", "/module", "/policy"] {
        assert_eq!(app(&browser, path).await?, "old", "{path}");
    }
    let file = fix()?;
    let fix = replace!(path == "/app.js", file.path());
    for path in ["/script", "/preload", "/module", "/policy"] {
        assert_eq!(app(&browser, path).await?, "new", "{path}");
    }
    fix.assert_applied()?;
    Ok(())
}

/// A policy of hashes that allows an inline script also allows it after a rule has changed its text.
#[mitm_test]
async fn a_policy_of_hashes_follows_the_text(browser: Browser, site: Site) -> TestResult {
    let policy = format!("script-src '{}'", hash(OLD));
    site.page_with(
        "/",
        &[("content-security-policy", &policy)],
        &format!("<script>{OLD}</script><script>unknown()</script>"),
    );
    assert_eq!(app(&browser, "/").await?, "old");
    rewrite!(path == "/", "'old'" => "'new'");
    assert_eq!(app(&browser, "/").await?, "new");
    Ok(())
}

#[mitm_test]
async fn a_service_worker_does_not_serve_around_a_fix(browser: Browser, mitm: Mitm, site: Site) -> TestResult {
    site.page("/app.js", OLD);
    site.page(
        "/worker.js",
        &format!(
            "onfetch = e => {{ if (e.request.url.endsWith('app.js'))
        e.respondWith(new Response(\"{OLD}\", {{headers: {{'content-type': 'text/javascript'}}}})) }};
        onactivate = e => e.waitUntil(clients.claim())"
        ),
    );
    site.page("/", "<script>navigator.serviceWorker.register('/worker.js').catch(e => document.title = e.name)</script><script src=/app.js></script>");
    let file = fix()?;
    let fix = replace!(path == "/app.js", file.path());
    for _ in 0..3 {
        assert_eq!(app(&browser, "/").await?, "new");
    }
    assert_ne!(browser.title().await?, "", "the page is told that there is no worker");
    fix.assert_applied()?;
    mitm.let_service_workers();
    browser.run("return navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready).then(() => 1)").await?;
    assert_eq!(app(&browser, "/").await?, "old", "the worker answers");
    Ok(())
}

/// The browser has cached the old module with a validator, and revalidates it.
#[mitm_test]
async fn a_pinned_module_that_was_loaded_before_is_replaced(browser: Browser, site: Site) -> TestResult {
    let pin = hash(OLD);
    site.page_with("/app.js", &[("etag", "\"1\"")], OLD);
    let module = format!("<script type=module src=/app.js integrity='{pin}'></script>");
    site.page_with("/", &[("etag", "\"2\"")], &module);
    assert_eq!(app(&browser, "/").await?, "old");
    let file = fix()?;
    let fix = replace!(path == "/app.js", file.path());
    browser.refresh().await?;
    browser.settled().await?;
    let now = browser.eval::<serde_json::Value>("return document.documentElement.dataset.app || ''").await?;
    assert_eq!(now, "new", "reloaded");
    assert_eq!(app(&browser, "/").await?, "new");
    fix.assert_applied()?;
    Ok(())
}

/// Holdup cannot change a pin that a script sets: the page refuses the fix, and the test fails.
#[mitm_test]
async fn a_fix_that_the_page_refuses_was_not_applied(browser: Browser, site: Site) -> TestResult {
    let pin = hash(OLD);
    site.page("/app.js", OLD);
    let loader = format!(
        "<script>let s = document.createElement('script'); s.integrity = '{pin}'; s.src = '/app.js'; document.head.append(s)</script>"
    );
    site.page("/", &loader);
    let file = fix()?;
    let fix = replace!(path == "/app.js", file.path());
    assert_eq!(app(&browser, "/").await?, "");
    let failure = fix.assert_applied().expect_err("refused").to_string();
    assert!(failure.contains("the page refused the result") && failure.contains("`integrity`"), "{failure}");
    Ok(())
}
