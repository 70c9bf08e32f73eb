//! What a Firefox is started with. Pure: the reasons for each preference are facts about Firefox, seen with version 153.

use super::Launch;
use serde_json::{Value, json};

/// The W3C capabilities of a session.
pub(super) fn capabilities(launch: &Launch<'_>) -> Value {
    let proxy = launch.proxy.to_string();
    let arguments = if launch.headed { vec![] } else { vec!["-headless"] };
    let mut options = json!({ "args": arguments, "prefs": preferences() });
    if let Some(binary) = launch.binary {
        options["binary"] = json!(binary);
    }
    json!({
        "browserName": "firefox",
        // A root of ours would have to be written into a profile; pages are secure contexts this way too.
        "acceptInsecureCerts": true,
        "proxy": { "proxyType": "manual", "httpProxy": proxy, "sslProxy": proxy },
        "moz:firefoxOptions": options,
    })
}

fn preferences() -> Value {
    json!({
        // Loopback addresses go through the proxy too.
        "network.proxy.allow_hijacking_localhost": true,
        // A flow that is cut off is not asked for again, ten times.
        "network.http.request.max-attempts": 1,
        // With one attempt it would not get as far as HTTP/1, which the proxy speaks with sockets.
        "network.http.http2.websockets": false,
        // Two equal GETs do not wait for each other.
        "browser.cache.disk.enable": false,
        "browser.cache.memory.enable": false,
        // More than six flows of one host can be held over plain HTTP.
        "network.http.max-persistent-connections-per-proxy": 256,
        "network.http.max-persistent-connections-per-server": 256,
        "network.http.max-connections": 2000,
        // A page that is left is gone, and its calls with it.
        "browser.sessionhistory.max_total_viewers": 0,
        "fission.bfcacheInParent": false,
        // Nothing is asked for that the page does not ask for.
        "network.prefetch-next": false,
        "network.dns.disablePrefetch": true,
        "network.http.speculative-parallel-limit": 0,
        "network.predictor.enabled": false,
        "browser.chrome.site_icons": false,
        "browser.chrome.favicons": false,
        "browser.chrome.guess_favicon": false,
    })
}
