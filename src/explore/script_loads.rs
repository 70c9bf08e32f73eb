//! The scripts that a page is loaded with: they are part of its navigation and pass. Those that it requests later (a
//! chunk, JSONP) are ordered like other responses.

use crate::flow::Request;
use crate::journal::{Journal, Live};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The script loads of one execution.
#[derive(Debug)]
pub(super) struct ScriptLoads {
    journal: Arc<Journal>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    live: Live,
    /// How many navigations have ended.
    ended: usize,
}

impl ScriptLoads {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, seen: Mutex::default() }
    }

    /// Returns whether a script is loaded with a page or by a worker: a worker that waits for a script cannot be
    /// queried.
    pub(super) fn include(&self, request: &Request) -> bool {
        if request.header("sec-fetch-dest") != Some("script") {
            return false;
        }
        let seen = self.seen();
        seen.live.navigations() > seen.ended || seen.live.is_of_worker(&request.url())
    }

    /// Called when the pages are quiet: all have loaded, except those whose own document is held.
    pub(super) fn end(&self) {
        let mut seen = self.seen();
        if !seen.live.flows().any(|flow| flow.request.is_navigation()) {
            seen.ended = seen.live.navigations();
        }
    }

    /// Returns the state after it has read all of the journal.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Every change can be repeated, so a panic leaves no harm.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.live.follow(&self.journal);
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Outcome;
    use crate::journal::Event;
    use http::HeaderValue;

    fn asked(url: &str, headers: &[(&'static str, &'static str)]) -> Arc<Request> {
        let mut request = Request::get(url).expect("a URL");
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::from_static(value));
        }
        Arc::new(request)
    }

    #[test]
    fn scripts_come_with_a_page_until_it_is_quiet() {
        let journal = Arc::new(Journal::new());
        let loads = ScriptLoads::new(Arc::clone(&journal));
        let script = asked("https://a/chunk", &[("sec-fetch-dest", "script")]);
        let page = asked("https://a/", &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")]);
        let worker = asked("https://a/w", &[("sec-fetch-dest", "worker")]);
        let of_worker = asked("https://a/i", &[("sec-fetch-dest", "script"), ("referer", "https://a/w")]);
        let begin = |request: &Arc<Request>| {
            let flow = journal.next_flow();
            journal.write(Event::Began { flow, request: Arc::clone(request) });
            flow
        };
        let navigation = begin(&page);
        assert!(loads.include(&script) && !loads.include(&page));
        loads.end();
        assert!(loads.include(&script), "the page itself is still held");
        journal.write(Event::Ended { flow: navigation, outcome: Outcome::Delivered });
        loads.end();
        assert!(!loads.include(&script));
        begin(&worker);
        begin(&of_worker);
        assert!(loads.include(&of_worker) && !loads.include(&script));
        begin(&page);
        assert!(loads.include(&script));
    }
}
