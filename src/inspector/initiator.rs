//! Which line of which script makes a request, as DevTools reports it. Pure.

use super::{as_on_the_wire, text};
use crate::journal::Event;
use serde_json::Value;

/// How many lines of the stack are kept: the first is often that of a library.
const LINES: usize = 3;

/// Returns the event for the journal, if a script makes a request.
pub(super) fn requested(event: &Value) -> Option<Event> {
    let params = &event["params"];
    let url = match event["method"].as_str()? {
        "Network.requestWillBeSent" => &params["request"]["url"],
        "Network.webSocketCreated" => &params["url"],
        _ => return None,
    };
    let frames = params["initiator"]["stack"]["callFrames"].as_array()?;
    let lines: Vec<_> = frames.iter().filter_map(line).take(LINES).collect();
    let (request, url) = (&params["request"], as_on_the_wire(&text(url)));
    let kind = destination(&text(&params["type"]));
    let method = request["method"].as_str().unwrap_or("GET").to_owned();
    (!lines.is_empty()).then(|| Event::Requested { method, url, kind, by: lines.join(" < ") })
}

/// Returns the `sec-fetch-dest` of a resource type of DevTools.
fn destination(kind: &str) -> &'static str {
    match kind {
        "Image" => "image",
        "Script" => "script",
        "Stylesheet" => "style",
        "Font" => "font",
        "Document" => "document",
        "" => "websocket",
        _ => "empty",
    }
}

/// `load (https://a/app.js:12)`, unless the script has no URL.
fn line(frame: &Value) -> Option<String> {
    let url = frame["url"].as_str().filter(|url| !url.is_empty())?;
    let at = format!("{url}:{}", frame["lineNumber"].as_u64()? + 1);
    Some(match frame["functionName"].as_str() {
        Some(name) if !name.is_empty() => format!("{name} ({at})"),
        _ => at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_lines_of_scripts_are_read_and_others_left_out() {
        let frame = |name: &str, url: &str, line: u64| json!({ "functionName": name, "url": url, "lineNumber": line });
        let frames = [frame("fetch", "", 3), frame("load", "https://a/app.js", 11), frame("", "https://a/", 4)];
        let event = |frames: &[Value]| {
            json!({ "method": "Network.requestWillBeSent", "params": {
                "request": { "method": "GET", "url": "https://a/x#y" }, "initiator": { "stack": { "callFrames": frames } } } })
        };
        let said = requested(&event(&frames)).map(|event| event.to_string());
        assert_eq!(said.as_deref(), Some("page: load (https://a/app.js:12) < https://a/:5 requests GET https://a/x"));
        assert!(requested(&event(&[])).is_none());
        assert!(requested(&json!({ "method": "Network.loadingFinished", "params": {} })).is_none());
    }
}
