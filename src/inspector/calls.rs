//! Requests that documents make, as DevTools reports them before they reach the proxy. Pure (no I/O).

use super::{as_on_the_wire, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// Resource types that a document can request without counting them: chunks, images of stylesheets, fonts.
const PARTS: [&str; 4] = ["Script", "Stylesheet", "Image", "Font"];

/// Resources that the documents of a browser have requested and not yet received, by request id.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<String, Call>);

#[derive(Debug)]
struct Call {
    session: String,
    frame: String,
    loader: String,
    /// As the proxy sees it.
    url: String,
}

impl Calls {
    /// Applies an event; returns whether the requests have changed.
    pub(super) fn note(&mut self, event: &Value) -> bool {
        let (params, session) = (&event["params"], text(&event["sessionId"]));
        let id = text(&params["requestId"]);
        match event["method"].as_str().unwrap_or_default() {
            "Network.requestWillBeSent" => self.begins(session, id, params),
            "Network.loadingFinished" | "Network.loadingFailed" => self.0.remove(&id).is_some(),
            "Page.frameNavigated" => self.leave(&params["frame"]["id"], Some(&params["frame"]["loaderId"])),
            "Page.lifecycleEvent" if params["name"] == "commit" => {
                self.leave(&params["frameId"], Some(&params["loaderId"]))
            }
            "Page.frameDetached" if params["reason"] != "swap" => self.leave(&params["frameId"], None),
            _ => false,
        }
    }

    fn begins(&mut self, session: String, id: String, params: &Value) -> bool {
        let (frame, loader) = (text(&params["frameId"]), text(&params["loaderId"]));
        // The request for a document has the loader's id; requests of workers have no loader, and their end is not
        // reported.
        let is_of_document = !loader.is_empty() && loader != id;
        let is_part = params["type"].as_str().is_some_and(|kind| PARTS.contains(&kind));
        let url = as_on_the_wire(&text(&params["request"]["url"]));
        let counts = is_of_document && is_part && url.starts_with("http");
        if counts {
            self.0.insert(id, Call { session, frame, loader, url });
        }
        counts
    }

    /// Removes the requests of the frame's documents other than `next`.
    fn leave(&mut self, frame: &Value, next: Option<&Value>) -> bool {
        self.retain(|call| *frame != call.frame || next.is_some_and(|loader| *loader == call.loader))
    }

    /// Removes the requests of sessions that have ended and send no more events.
    pub(super) fn forget(&mut self, sessions: &[String]) -> bool {
        self.retain(|call| !sessions.contains(&call.session))
    }

    fn retain(&mut self, still: impl Fn(&Call) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|_, call| still(call));
        self.0.len() != before
    }

    /// Returns the URLs that the document in a frame has requested.
    pub(crate) fn of(&self, frame: &str) -> impl Iterator<Item = &str> {
        self.0.values().filter(move |call| call.frame == frame).map(|call| &*call.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn calls(events: &[(&str, Value)]) -> Calls {
        let mut calls = Calls::default();
        for (method, params) in events {
            calls.note(&json!({ "method": method, "params": params, "sessionId": "s" }));
        }
        calls
    }

    fn begins(id: &str, kind: &str, loader: &str) -> (&'static str, Value) {
        let request = json!({ "url": format!("https://a.test/{id}#x") });
        let params = json!({ "requestId": id, "type": kind, "frameId": "f", "loaderId": loader, "request": request });
        ("Network.requestWillBeSent", params)
    }

    fn asked(calls: &Calls) -> Vec<&str> {
        calls.of("f").collect()
    }

    #[test]
    fn a_chunk_is_on_its_way_until_it_has_come() {
        let events = [begins("1", "Script", "l"), ("Network.loadingFinished", json!({ "requestId": "1" }))];
        assert_eq!(asked(&calls(&events[..1])), ["https://a.test/1"]);
        assert!(calls(&events[..1]).of("another").next().is_none());
        assert!(asked(&calls(&events)).is_empty());
    }

    #[test]
    fn documents_workers_and_what_the_page_counts_are_told_elsewhere() {
        let elsewhere = [begins("l", "Script", "l"), begins("w", "Script", ""), begins("1", "Fetch", "l")];
        assert!(asked(&calls(&elsewhere)).is_empty());
    }

    #[test]
    fn what_a_document_asked_for_goes_with_it() {
        let commit = |loader| ("Page.lifecycleEvent", json!({ "frameId": "f", "loaderId": loader, "name": "commit" }));
        // The first request of a document may be reported before its commit.
        let events = [begins("1", "Script", "old"), begins("2", "Script", "new"), commit("new")];
        assert_eq!(asked(&calls(&events)), ["https://a.test/2"]);
        let detached = ("Page.frameDetached", json!({ "frameId": "f", "reason": "remove" }));
        assert!(asked(&calls(&[begins("1", "Script", "l"), detached])).is_empty());
        let mut closed = calls(&[begins("1", "Script", "l")]);
        assert!(closed.forget(&["s".to_owned()]) && asked(&closed).is_empty());
    }
}
