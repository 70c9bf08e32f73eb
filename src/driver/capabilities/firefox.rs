//! Capabilities for Firefox. Pure (no I/O). The reasons for the preferences are facts observed with Firefox 153.

use super::Launch;
use serde_json::{Value, json};

/// Returns the W3C capabilities of a session.
pub(super) fn capabilities(launch: &Launch<'_>) -> Value {
    let proxy = launch.proxy.to_string();
    let arguments = if launch.headed { vec![] } else { vec!["-headless"] };
    let mut options = json!({ "args": arguments, "prefs": preferences() });
    if let Some(binary) = launch.binary {
        options["binary"] = json!(binary);
    }
    json!({
        "browserName": "firefox",
        // Trusting the CA would require a prepared profile; pages are secure contexts this way too.
        "acceptInsecureCerts": true,
        "proxy": { "proxyType": "manual", "httpProxy": proxy, "sslProxy": proxy },
        "moz:firefoxOptions": options,
    })
}

fn preferences() -> Value {
    json!({
        // Loopback addresses go through the proxy too.
        "network.proxy.allow_hijacking_localhost": true,
        // An aborted request is not retried (the default is ten attempts).
        "network.http.request.max-attempts": 1,
        // With one attempt, Firefox does not fall back to HTTP/1, which the proxy requires for WebSockets.
        "network.http.http2.websockets": false,
        // With a cache, two equal GETs would wait for each other.
        "browser.cache.disk.enable": false,
        "browser.cache.memory.enable": false,
        // More than six flows per host can be held over plain HTTP.
        "network.http.max-persistent-connections-per-proxy": 256,
        "network.http.max-persistent-connections-per-server": 256,
        "network.http.max-connections": 2000,
        // No back/forward cache: a page that is left is destroyed, and its requests are cancelled.
        "browser.sessionhistory.max_total_viewers": 0,
        "fission.bfcacheInParent": false,
        // Each test of a shared browser has its own user context; by default, these share permissions.
        "permissions.isolateBy.userContext": true,
        // These know no user contexts.
        "browser.formfill.enable": false,
        "layout.css.visited_links_enabled": false,
        // The list of downloads would take the focus from the page, and from that of the next test.
        "browser.download.alwaysOpenPanel": false,
        // Only the page itself sends requests.
        "network.prefetch-next": false,
        "network.dns.disablePrefetch": true,
        "network.http.speculative-parallel-limit": 0,
        "network.predictor.enabled": false,
        "browser.chrome.site_icons": false,
        "browser.chrome.favicons": false,
        "browser.chrome.guess_favicon": false,
    })
}
