//! Browser limits that look like a hang of the test: the page makes a call that never reaches the proxy. Pure (no I/O).

use super::document::Documents;
use super::explain::lines;
use crate::journal::{Live, LiveFlow};
use crate::report::Failure;
use http::Version;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// The delay before a check, and before the one that confirms it.
pub(super) const FIRST: Duration = Duration::from_millis(600);
pub(super) const AGAIN: Duration = Duration::from_millis(300);
/// Minimum number of connections that browsers open to one host, if each carries one call at a time.
const CONNECTIONS: usize = 6;

/// A limit that a browser has reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    what: String,
    held: Vec<String>,
    help: &'static str,
}

impl Limit {
    /// Adds the limit to a failure.
    pub(crate) fn tell(self, failure: Failure) -> Failure {
        failure.section(self.what, self.held).help(self.help)
    }
}

/// Returns why a call that the documents wait for does not reach the proxy, if held flows are the reason.
pub(super) fn limit(documents: &Documents, live: &Live, is_wanted: impl Fn(&str) -> bool) -> Option<Limit> {
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    let calls = |kind: &str| matches!(kind, "fetch" | "XMLHttpRequest" | "EventSource");
    let waits = documents.values().flat_map(|document| &document.waits).filter(|wait| calls(&wait.kind));
    waits.for_each(|wait| *asked.entry(&wait.url).or_default() += 1);
    asked.into_iter().filter(|(url, _)| is_wanted(url)).find_map(|(url, asked)| {
        let here: Vec<_> = live.flows().filter(|flow| flow.asked == url || flow.request.url() == url).collect();
        if here.len() >= asked { None } else { locked(url, &here).or_else(|| exhausted(url, live)) }
    })
}

/// Two equal GETs wait for each other in the browser's cache.
fn locked(url: &str, here: &[&LiveFlow]) -> Option<Limit> {
    let held: Vec<_> =
        here.iter().copied().filter(|flow| flow.parked().is_some() && flow.request.method() == "GET").collect();
    (!held.is_empty()).then(|| Limit {
        what: format!(
            "the page has requested {url} again, and its browser's cache delays that request until the held one ends:"
        ),
        held: lines(&held),
        help: "release the first, or fetch it with `cache: 'no-store'`; browsers that Holdup starts on Linux have \
               no such cache",
    })
}

/// All connections to a host are held.
fn exhausted(url: &str, live: &Live) -> Option<Limit> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let is_in_the_way = |flow: &&LiveFlow| {
        let request = &flow.request;
        let target = request.target();
        request.version() != Version::HTTP_2 && target.host == host && Some(target.port) == url.port_or_known_default()
    };
    let held: Vec<_> = live.parked().filter(is_in_the_way).collect();
    (held.len() >= CONNECTIONS).then(|| Limit {
        what: format!(
            "the page has requested {url}, and its browser opens no more connections to {host}; all are in use by held \
             flows:"
        ),
        held: first_few(lines(&held)),
        help: "release one of them, or open the page by https://, where one connection carries all requests",
    })
}

fn first_few(mut held: Vec<String>) -> Vec<String> {
    const ENOUGH: usize = 6;
    let more = held.len().saturating_sub(ENOUGH);
    held.truncate(ENOUGH);
    held.extend((more > 0).then(|| format!("and {more} more")));
    held
}

#[cfg(test)]
mod tests {
    use super::super::document::{Document, Wait};
    use super::*;
    use crate::flow::{FlowId, Place, Request, StageName};
    use crate::journal::{Event, Journal};
    use std::sync::Arc;

    fn page(urls: &[&str]) -> Documents {
        let waits = urls.iter().map(|url| Wait { kind: "fetch".to_owned(), url: (*url).to_owned(), place: None });
        let (realm, ready, streams) = ("r".to_owned(), "complete".to_owned(), vec![]);
        let document = Document {
            realm,
            has_workers: false,
            workers: 0,
            turn: 0,
            ready,
            waits: waits.collect(),
            slow: 0,
            folded: vec![],
            streams,
            refused: vec![],
        };
        Documents::from([("frame".to_owned(), document)])
    }

    fn held(urls: &[String]) -> Live {
        let journal = Journal::new();
        for (at, url) in urls.iter().enumerate() {
            let (flow, request) = (FlowId::new(at as u64 + 1), Arc::new(Request::get(url).expect("a URL")));
            journal.write(Event::Began { flow, request });
            let (rule, place) = ("hold!(..)".into(), Place::here());
            journal.write(Event::Parked { flow, stage: StageName::Request, rule, place });
        }
        let mut live = Live::default();
        live.follow(&journal);
        live
    }

    #[test]
    fn the_seventh_call_to_a_host_waits_for_a_connection() {
        let urls: Vec<_> = (0..6).map(|n| format!("http://a.test/{n}")).collect();
        let mut asked: Vec<_> = urls.iter().map(String::as_str).collect();
        asked.push("http://a.test/seventh");
        let limit = limit(&page(&asked), &held(&urls), |_| true).expect("a limit");
        assert!(limit.what.contains("/seventh") && limit.held.len() == 6, "{limit:?}");
        assert!(super::limit(&page(&asked), &held(&urls), |url| !url.ends_with("seventh")).is_none());
        assert!(super::limit(&page(&asked), &held(&urls[..5]), |_| true).is_none());
        // Another host has its own connections.
        assert!(super::limit(&page(&["http://b.test/"]), &held(&urls), |_| true).is_none());
    }

    #[test]
    fn the_second_of_two_equal_calls_waits_for_the_first() {
        let url = "https://a.test/x".to_owned();
        let limit = limit(&page(&[&url, &url]), &held(std::slice::from_ref(&url)), |_| true).expect("a limit");
        assert!(limit.what.contains("cache"), "{limit:?}");
        assert!(super::limit(&page(&[&url]), &held(std::slice::from_ref(&url)), |_| true).is_none());
    }
}
