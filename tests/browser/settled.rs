//! Tests of `Browser::settled`.

use crate::support::handlers::{HANDLERS, page};
use crate::support::site::Site;
use holdup::prelude::*;

const SHOWN: &str = "return document.querySelector('#out').textContent";
const OUT: &str =
    "<p id=out></p><script>var show = what => document.querySelector('#out').textContent += what</script>";

#[mitm_test]
async fn whatever_the_answer_starts_has_happened(browser: Browser, site: Site) -> TestResult {
    site.page("/", &page());
    site.page("/api.js", "export default 1");
    let hold = hold!(path == "/api" || path == "/api.js");
    browser.goto("https://site.test/").await?;
    for (name, _) in HANDLERS {
        browser.run(&format!("window.run('{name}')")).await?;
        browser.settled().await?;
        let held = hold.next().await?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "", "{name}, while it is held");
        if name == "aborted" {
            browser.run("window.abort()").await?;
        } else {
            held.release().await?;
        }
        browser.settled().await?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "!", "{name}");
    }
    Ok(())
}

/// A response is processed when its handler has run; timers that the handler sets come later.
#[mitm_test]
async fn a_delivery_is_processed(browser: Browser, site: Site) -> TestResult {
    site.page("/", OUT);
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/api" || path == "/redirected");
    browser.run("setInterval(() => setTimeout(() => {}, 100), 100)").await?;
    for url in ["/api", "/api", "/redirect"] {
        browser
            .run(&format!("window.show(1); fetch('{url}').then(r => r.text()).then(() => document.querySelector('#out').textContent = '')"))
            .await?;
        assert!(hold.next().await?.release().processed().await?.is_delivered());
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "", "{url}");
    }
    Ok(())
}

#[mitm_test]
async fn frames_windows_and_workers_settle_too(browser: Browser, site: Site) -> TestResult {
    site.page("/", OUT);
    let child = "<script>parent.postMessage('asks', '*'); fetch('/from-frame').then(r => r.text())
        .then(() => setTimeout(() => parent.postMessage('done', '*'), 30))</script>";
    site.page("/child", child);
    site.page(
        "/worker.js",
        "onmessage = async e => { await (await fetch(e.data)).text(); setTimeout(() => postMessage('done')) }",
    );
    let hold = hold!(path ~ "^/(from-.*|child)$");
    browser.goto("https://site.test/").await?;
    for host in ["site.test", "other.test"] {
        browser
            .run(&format!(
                "document.querySelector('#out').textContent = ''; window.onmessage = e => show(' ' + e.data);
                 let f = document.createElement('iframe'); f.src = 'https://{host}/child'; document.body.append(f)"
            ))
            .await?;
        browser.settled().await?;
        let document = hold.next().await?;
        assert_eq!(document.request().path(), "/child");
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "");
        document.release().await?;
        browser.settled().await?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, " asks", "{host}");
        hold.next().await?.release().await?;
        browser.settled().await?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, " asks done", "{host}");
    }
    browser
        .run("window.w = new Worker('/worker.js'); w.onmessage = e => show(' worker ' + e.data); w.postMessage('/from-worker')")
        .await?;
    let held = hold.next().await?;
    browser.settled().await?;
    assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, " asks done");
    held.release().await?;
    browser.settled().await?;
    assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, " asks done worker done");
    Ok(())
}

#[mitm_test]
async fn a_page_that_cannot_load_further_has_settled(browser: Browser, site: Site) -> TestResult {
    site.page("/script", "<script src=/a.js></script><p>");
    site.page("/style", "<link rel=stylesheet href=/a.css><script>1</script><p>");
    site.page("/import", "<link rel=stylesheet href=/b.css><p>");
    site.page("/b.css", "@import '/a.css'; p { color: red }");
    site.page("/image", "<img src=/a.gif><p>");
    site.page("/background", "<p style='background: url(/a.gif)'>it");
    site.page("/module", "<script type=module src=/m.js></script><p>");
    site.page("/m.js", "import '/n.js'");
    site.page("/n.js", "import '/a.js'");
    let hold = hold!(path ~ "^/a\\.");
    for path in ["script", "style", "import", "image", "background", "module"] {
        browser.start(&format!("https://site.test/{path}"));
        let held = hold.next().await?;
        browser.settled().await.map_err(|failure| failure.help(path))?;
        held.release().await?;
        browser.settled().await.map_err(|failure| failure.help(path))?;
        assert_eq!(
            browser.eval::<serde_json::Value>("return document.readyState + location.pathname").await?,
            format!("complete/{path}")
        );
    }
    Ok(())
}

#[mitm_test]
async fn navigations_settle(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    site.page("/next", OUT);
    for action in [
        "location.href = '/next'",
        "location.assign('/redirect')",
        "history.pushState(0, '', '/next')",
        "location.hash = 'x'",
    ] {
        browser.goto("https://site.test/").await?;
        browser.run(&format!("setTimeout(() => {{ {action} }}, 20)")).await?;
        browser.settled().await?;
        assert_ne!(browser.eval::<serde_json::Value>("return location.href").await?, "https://site.test/", "{action}");
    }
    // These leave the page where it is.
    browser.run("setTimeout(() => { location.href = '/nothing' }, 20)").await?;
    browser.settled().await?;
    browser.run("navigator.sendBeacon('/beacon', 'x')").await?;
    browser.settled().await?;
    Ok(())
}

#[mitm_test]
async fn a_strict_page_settles_and_notices_nothing(browser: Browser, site: Site) -> TestResult {
    site.page_with(
        "/strict",
        &[("content-security-policy", "default-src 'none'; script-src 'nonce-it'; connect-src 'self'")],
        "<script nonce=it>
        const told = [fetch, setTimeout, XMLHttpRequest.prototype.send, Function.prototype.toString, WebSocket]
            .map(f => f.name + '|' + f.toString() + '|' + Function.prototype.toString.call(f));
        const clean = document.createElement('iframe').constructor;
        document.title = JSON.stringify([told, Object.keys(window).filter(k => /holdup/i.test(k)),
            new Error().stack.split('\\n').filter(l => l.includes('settle')), setTimeout.length])
        fetch('/ok').then(r => r.text()).then(t => document.title += t)
        </script>",
    );
    let hold = hold!(path == "/ok");
    browser.goto("https://site.test/strict").await?;
    browser.settled().await?;
    let seen = browser.title().await?;
    for function in ["fetch", "setTimeout", "send", "toString"] {
        let told = format!("function {function}() {{");
        assert_eq!(seen.matches(&told).count(), 2, "{function}: {seen}");
    }
    assert!(seen.ends_with("[],[],1]"), "{seen}");
    hold.next().await?.release().await?;
    browser.settled().await?;
    assert!(browser.title().await?.ends_with("this is /ok"));
    Ok(())
}

#[mitm_test]
async fn what_never_ends_can_be_left_out(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p id=out></p><script src=/app.js></script>");
    let draws = "out.textContent = out.textContent == 'a' ? 'b' : 'a'";
    let script = format!("\nfunction draw() {{ {draws}; requestAnimationFrame(draw) }}\ndraw(); fetch('/slow')");
    site.page("/app.js", &script);
    let slow = delay!(path == "/slow", 300s);
    browser.goto("https://site.test/").await?;
    let brief = std::time::Duration::from_millis(300);
    let text = browser.settled().within(brief).await.expect_err("it never settles").to_string();
    for part in [
        "the page did not settle within 300ms\n  at tests/browser/settled.rs:",
        "requestAnimationFrame, started at https://site.test/app.js:2:",
        "fetch https://site.test/slow, started at https://site.test/app.js:3:",
        "GET https://site.test/slow, under way and not held",
        ".ignore(filter!(url ~ \"/poll\"))",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    browser.ignore(filter!(path == "/slow"));
    browser.settled().within(brief).await.expect_err("it draws on and on");
    browser.settled().ignore_animation().await?;
    slow.remove();
    Ok(())
}

/// Chromium does not answer for a page that is being navigated away from; Firefox does.
#[mitm_test]
async fn a_navigation_that_is_held(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let hold = hold!(path == "/next");
    browser.start("https://site.test/next");
    let held = hold.next().await?;
    let settled = browser.settled().await;
    if browser.kind() == BrowserKind::Firefox {
        settled?;
    } else {
        let text = settled.expect_err("Chromium has become able to speak").to_string();
        assert!(text.contains("while the navigation away from it is held") && text.contains(".rs:"), "{text}");
    }
    held.release().await?;
    browser.settled().await?;
    assert_eq!(browser.eval::<serde_json::Value>("return location.pathname").await?, "/next");
    Ok(())
}

/// A page that waits for a held flow through something other than a call has settled, too.
#[mitm_test]
async fn whatever_waits_for_what_is_held_has_settled(browser: Browser, site: Site) -> TestResult {
    site.page("/", OUT);
    let hold = hold!(path ~ "^/held");
    browser.goto("https://site.test/").await?;
    for (kind, does) in [
        (
            "a task",
            "window.scheduler ? scheduler.postTask(() => fetch('/held').then(() => show(1))) : fetch('/held').then(() => show(1))",
        ),
        (
            "a view transition",
            "document.startViewTransition ? document.startViewTransition(() => fetch('/held').then(() => show(1))) : fetch('/held').then(() => show(1))",
        ),
        ("a lock", "navigator.locks.request('x', () => fetch('/held').then(() => show(1)))"),
        ("a picture", "let i = new Image(); i.src = '/held.gif'; i.decode().catch(() => show(1))"),
        ("a sound", "let a = new Audio('/held.wav'); a.onerror = () => show(1); a.play().catch(() => {})"),
        ("a font", "new FontFace('x', 'url(/held.woff2)').load().catch(() => show(1))"),
        ("a cache", "caches.open('x').then(c => c.add('/held')).then(() => show(1))"),
    ] {
        browser.run(&format!("document.querySelector('#out').textContent = ''; {does}")).await?;
        let held = hold.next().await?;
        browser.settled().await.map_err(|failure| failure.help(kind))?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "", "{kind}, while it is held");
        held.release().await?;
        browser.settled().await.map_err(|failure| failure.help(kind))?;
        assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "1", "{kind}");
    }
    Ok(())
}

/// Browsers resolve names below `localhost` to this machine.
#[mitm_test]
async fn a_name_below_localhost_is_opened(browser: Browser, site: Site) -> TestResult {
    site.page("/", OUT);
    browser.goto(&format!("http://tenant.localhost:{}/", site.address.port())).await?;
    assert_eq!(browser.eval::<serde_json::Value>("return location.hostname").await?, "tenant.localhost");
    Ok(())
}

/// A page that starts a worker while it is being checked.
#[mitm_test]
async fn a_worker_that_an_answer_starts(browser: Browser, site: Site) -> TestResult {
    if browser.kind() == BrowserKind::Firefox {
        // Firefox reports no workers to BiDi.
        return Ok(());
    }
    site.page("/", OUT);
    site.page("/worker.js", "onmessage = () => postMessage(0)");
    let hold = hold!(path == "/api");
    browser.goto("https://site.test/").await?;
    // The last one is busy for a while with each message.
    let blob = |script: &str| format!("URL.createObjectURL(new Blob([`{script}`]))");
    let busy = "onmessage = () => { for (const end = Date.now() + 50; Date.now() < end;); postMessage(0) }";
    for worker in ["'/worker.js'".to_owned(), blob("onmessage = () => postMessage(0)"), blob(busy)] {
        for _ in 0..5 {
            let does = format!("let w = new Worker({worker}); w.onmessage = () => show(1); w.postMessage(0)");
            browser
                .run(&format!(
                    "document.querySelector('#out').textContent = ''; fetch('/api').then(() => {{ {does} }})"
                ))
                .await?;
            hold.next().await?.release().await?;
            browser.settled().await.map_err(|failure| failure.help(&worker))?;
            assert_eq!(browser.eval::<serde_json::Value>(SHOWN).await?, "1", "{worker}");
        }
    }
    Ok(())
}
