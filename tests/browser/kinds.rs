//! Every kind of request that a page can make is held alike.

use crate::support::site::Site;
use holdup::prelude::*;

const PAGE: &str = "https://site.test/";

/// Opens a page with `html` as its body.
async fn open(browser: &Browser, site: &Site, html: &str) -> TestResult {
    site.page("/", html);
    browser.goto(PAGE).await?;
    Ok(())
}

#[mitm_test]
async fn the_second_hop_of_a_redirect(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<p id=out></p>").await?;
    let (first, second) = (watch!(path == "/redirect"), hold!(path == "/redirected"));
    browser.run("void fetch('/redirect').then(r => r.text()).then(text => out.textContent = text)").await?;
    let held = second.next().await?;
    assert_eq!(first.next().await?.response.unwrap().status(), 302);
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "");
    held.respond("moved").processed().await?;
    assert_eq!(browser.text("#out").await?, "moved");
    Ok(())
}

#[mitm_test]
async fn a_preflight(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<p id=out></p>").await?;
    let (preflight, call) = (hold!(method == OPTIONS), hold!(method == PUT));
    browser
        .run("void fetch('https://other.test/x', {method: 'PUT', body: '1'}).then(r => out.textContent = r.status)")
        .await?;
    let held = preflight.next().await?;
    assert_eq!(held.request().header("access-control-request-method"), Some("PUT"));
    let allowed = [("access-control-allow-origin", "*"), ("access-control-allow-methods", "PUT")];
    let answer = allowed.iter().fold(http::Response::builder(), |answer, (name, value)| answer.header(*name, *value));
    held.respond(answer.status(204).body("").unwrap());
    let answer = http::Response::builder().header("access-control-allow-origin", "*").body("").unwrap();
    call.next().await?.respond(answer).processed().await?;
    assert_eq!(browser.text("#out").await?, "200");
    Ok(())
}

#[mitm_test]
async fn a_beacon(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "").await?;
    let hold = hold!(path == "/beacon");
    browser.run("navigator.sendBeacon('/beacon', 'bye')").await?;
    let held = hold.next().await?;
    assert_eq!((held.request().method().as_str(), &held.body().await?[..]), ("POST", &b"bye"[..]));
    // Beacons survive the navigation away from their page.
    site.page("/next", "<p id=new>new</p>");
    browser.goto("https://site.test/next").await?;
    assert!(!held.is_cancelled() && held.release().await?.is_delivered());
    Ok(())
}

#[mitm_test]
async fn an_iframe(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<p id=out></p>").await?;
    let hold = hold!(path == "/frame");
    browser.run("const f = document.createElement('iframe'); f.src = '/frame'; f.onload = () => out.textContent = 'loaded'; document.body.append(f)").await?;
    let held = hold.next().await?;
    assert_eq!(held.request().header("sec-fetch-dest"), Some("iframe"));
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "");
    held.release().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "loaded");
    Ok(())
}

#[mitm_test]
async fn a_popup(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<button id=go onclick=\"window.open('/popup')\">go</button>").await?;
    let hold = hold!(path == "/popup");
    browser.click("#go").await?;
    let held = hold.next().await?;
    assert_eq!(held.request().header("sec-fetch-dest"), Some("document"));
    // The opener is not blocked.
    assert_eq!(browser.text("#go").await?, "go");
    assert!(held.release().await?.is_delivered());
    Ok(())
}

#[mitm_test]
async fn a_worker_and_its_calls(browser: Browser, site: Site) -> TestResult {
    site.page_with(
        "/worker.js",
        &[("content-type", "text/javascript")],
        "fetch('/call').then(r => r.text()).then(postMessage)",
    );
    open(&browser, &site, "<p id=out></p>").await?;
    let (script, call) = (hold!(path == "/worker.js"), hold!(path == "/call"));
    browser.run("new Worker('/worker.js').onmessage = e => out.textContent = e.data").await?;
    let held = script.next().await?;
    assert_eq!(held.request().header("sec-fetch-dest"), Some("worker"));
    held.release().await?;
    call.next().await?.respond("from the worker").await?;
    assert_eq!(browser.text("#out:not(:empty)").await?, "from the worker");
    Ok(())
}

#[mitm_test]
async fn a_service_worker_and_what_it_fetches(browser: Browser, site: Site) -> TestResult {
    let script = "onfetch = event => event.respondWith(fetch('/behind' + new URL(event.request.url).pathname)); \
                  oninstall = skipWaiting; onactivate = event => event.waitUntil(clients.claim())";
    site.page_with("/sw.js", &[("content-type", "text/javascript")], script);
    open(&browser, &site, "<p id=out></p>").await?;
    let (worker, call) = (hold!(path == "/sw.js"), hold!(path == "/behind/call"));
    browser.run("navigator.serviceWorker.oncontrollerchange = () => fetch('/call').then(r => r.text()).then(text => out.textContent = text); \
                  void navigator.serviceWorker.register('/sw.js')").await?;
    let held = worker.next().await?;
    assert_eq!(held.request().header("service-worker"), Some("script"));
    held.release().await?;
    call.next().await?.respond("from behind").await?;
    assert_eq!(browser.text("#out:not(:empty)").await?, "from behind");
    Ok(())
}

#[mitm_test]
async fn a_prefetch(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "").await?;
    let hold = hold!(path == "/later");
    browser
        .run("const l = document.createElement('link'); l.rel = 'prefetch'; l.href = '/later'; document.head.append(l)")
        .await?;
    // Prefetching is disabled in Firefox.
    if browser.kind() == BrowserKind::Firefox {
        hold.optional().remove();
        return Ok(());
    }
    let held = hold.next().await?;
    assert_eq!(held.request().header("sec-purpose"), Some("prefetch"));
    held.release().await?;
    Ok(())
}

#[mitm_test]
async fn a_form_that_is_sent(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<form method=post action=/sent><input name=a value=1><button id=send>send</button></form>")
        .await?;
    site.page("/sent", "<p id=sent>sent</p>");
    let hold = hold!(form("a") == "1");
    let holding = async {
        let held = hold.next().await?;
        let request = held.request();
        assert_eq!((request.method().as_str(), request.header("sec-fetch-mode")), ("POST", Some("navigate")));
        held.release();
        TestResult::Ok(())
    };
    // The command waits for the navigation, which is held.
    let (sent, held) = tokio::join!(browser.click("#send"), holding);
    held?;
    sent?;
    assert_eq!(browser.text("#sent").await?, "sent");
    Ok(())
}

#[mitm_test]
async fn a_message_of_a_web_socket_and_an_event(browser: Browser, site: Site) -> TestResult {
    open(&browser, &site, "<p id=socket></p><p id=events></p>").await?;
    let (message, event) = (hold!(message: direction == "to_client"), hold!(event: data == "two"));
    browser.run("new WebSocket('wss://site.test/socket').onmessage = e => socket.textContent = e.data").await?;
    browser.run("new EventSource('/events').onmessage = e => events.textContent = e.data").await?;
    let (held, two) = (message.next().await?, event.next().await?);
    browser.settled().await?;
    assert_eq!((browser.text("#socket").await?, browser.text("#events").await?), (String::new(), "one".to_owned()));
    held.release().processed().await?;
    assert_eq!(browser.text("#socket").await?, "hi");
    two.release().processed().await?;
    assert_eq!(browser.text("#events").await?, "two");
    // The site ends its stream, and the browser reconnects.
    event.remove();
    Ok(())
}

#[mitm_test]
async fn a_half_of_an_answer(browser: Browser, site: Site) -> TestResult {
    site.page("/list.txt", "first second");
    let script = "<p id=out></p><script>fetch('/list.txt').then(async r => { const reader = r.body.getReader(), text = new TextDecoder();
        for (let it; !(it = await reader.read()).done;) out.textContent += text.decode(it.value) + '|' })</script>";
    let hold = hold!(chunk: path == "/list.txt" && offset == 6);
    open(&browser, &site, script).await?;
    let rest = hold.next().await?;
    assert_eq!(browser.text("#out:not(:empty)").await?, "first |");
    rest.release().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "first |second|");
    Ok(())
}
