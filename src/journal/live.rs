//! What is under way right now, as the log tells it.

use super::streams::Streams;
use super::{Entry, Event, Journal};
use crate::flow::{FlowId, Outcome, Place, Request, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use url::Url;

/// The flows that have begun and not ended. Follows the log; nothing else changes it.
#[derive(Debug, Default)]
pub(crate) struct Live {
    position: u64,
    flows: BTreeMap<FlowId, LiveFlow>,
    /// Redirects that the browser has been told and not followed yet: where to, and the URL that it first asked for.
    redirects: VecDeque<(String, String)>,
    /// What the page asked for when it got these, after a redirect.
    redirected: BTreeMap<FlowId, String>,
    /// How the last flow of each URL ended, if it brought no page: there is nothing to show.
    barren: BTreeSet<String>,
    /// Who asked for what: a script for another, a stylesheet for an image. The asked-for first.
    askers: BTreeMap<String, String>,
    /// What workers run: their own documents never hear of it.
    of_workers: BTreeSet<String>,
    /// What was delivered of streams that are open.
    streams: Streams,
    /// The scripts that were delivered since somebody last took this list.
    scripts: Vec<String>,
    /// How many pages were asked for.
    navigations: usize,
}

/// A flow that is under way.
#[derive(Clone, Debug)]
pub(crate) struct LiveFlow {
    pub(crate) id: FlowId,
    pub(crate) request: Arc<Request>,
    /// What the page asked for: another URL than the flow's own after a redirect.
    pub(crate) asked: String,
    /// The rules that park it, or parts of its body, and their lines.
    parks: BTreeMap<FlowId, (Arc<str>, Place)>,
    /// The line of the test that has it in its hands.
    pub(crate) taken: Option<Place>,
    /// The last rule that it met.
    ruled: Option<(Arc<str>, Place)>,
    response: Option<Arc<Response>>,
}

impl LiveFlow {
    /// The rule that parks it, and its line.
    pub(crate) fn parked(&self) -> Option<&(Arc<str>, Place)> {
        self.parks.values().next()
    }

    /// What a browser says it wants it for: `document`, `script`, `image`, or `empty` for a call of a script.
    pub(crate) fn destination(&self) -> &str {
        self.request.header("sec-fetch-dest").unwrap_or_default()
    }

    /// A stream that may never end, and that nobody waits for: server-sent events, film and music.
    pub(crate) fn is_endless(&self) -> bool {
        let kind = self.response.as_ref().and_then(|response| response.header("content-type"));
        kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
            || matches!(self.destination(), "audio" | "video" | "track")
    }
}

impl Live {
    /// Catches up with the log. Tells whether anything has happened to a flow.
    pub(crate) fn follow(&mut self, journal: &Journal) -> bool {
        let mut moved = false;
        let log = journal.lock();
        let (entries, some_have_gone) = log.since(self.position);
        entries.for_each(|entry| moved |= self.apply(entry));
        self.position = log.next();
        if some_have_gone {
            // Their ends may have gone unseen.
            self.flows.retain(|flow, _| log.is_live(*flow));
        }
        moved
    }

    /// The flows, in the order of arrival.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &LiveFlow> {
        self.flows.values()
    }

    /// The flows that the test holds.
    pub(crate) fn parked(&self) -> impl Iterator<Item = &LiveFlow> {
        self.flows().filter(|flow| flow.parked().is_some())
    }

    /// Whether the last flow of this URL has ended without a page to show: an empty answer, a download, an abort.
    pub(crate) fn is_barren(&self, url: &str) -> bool {
        self.barren.contains(url)
    }

    /// Whether one URL was asked for by another, or by what that asked for, and so on.
    pub(crate) fn stems_from(&self, url: &str, root: &str) -> bool {
        let mut at = url;
        // A circle of scripts that ask for each other ends after as many steps as there are.
        for _ in 0..self.askers.len() {
            match self.askers.get(at) {
                Some(asker) if asker == root => return true,
                Some(asker) => at = asker,
                None => return false,
            }
        }
        false
    }

    /// What the page asked for when it got this flow, which has the given URL: another after a redirect.
    pub(crate) fn asked<'a>(&'a self, flow: FlowId, url: &'a str) -> &'a str {
        self.redirected.get(&flow).map_or(url, String::as_str)
    }

    /// What was delivered of streams that are open.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// How many pages, and pages in frames, were asked for.
    pub(crate) fn navigations(&self) -> usize {
        self.navigations
    }

    /// Whether a worker runs it.
    pub(crate) fn is_of_worker(&self, script: &str) -> bool {
        self.of_workers.contains(script)
    }

    /// The scripts that were delivered since the last call.
    pub(crate) fn take_scripts(&mut self) -> Vec<String> {
        std::mem::take(&mut self.scripts)
    }

    fn apply(&mut self, Entry { event, .. }: &Entry) -> bool {
        if let Event::Answered { flow, response } = event
            && let Some(live) = self.flows.get(&flow.whole())
        {
            self.streams.answered(*flow, &live.request, response);
        }
        self.streams.follow(event);
        match event {
            Event::Began { flow, request } => self.begin(*flow, request),
            Event::Parked { flow, rule, place, .. } => {
                let rule = (Arc::clone(rule), *place);
                self.change(*flow, |live| {
                    live.parks.insert(*flow, rule.clone());
                    live.ruled = Some(rule);
                });
            }
            Event::Ruled { flow, rule, place } => {
                self.change(*flow, |live| live.ruled = Some((Arc::clone(rule), *place)));
                return false;
            }
            // The rule keeps it, like one that parks.
            Event::Stalled { flow } => self.change(*flow, |live| {
                live.ruled.clone().and_then(|rule| live.parks.insert(*flow, rule));
            }),
            Event::Taken { flow, place } => self.change(*flow, |live| live.taken = Some(*place)),
            Event::Chained { .. } => {}
            Event::Decided { flow, .. } => self.change(*flow, |live| {
                live.parks.remove(flow);
                live.taken = None;
            }),
            Event::Answered { flow, response } => {
                self.change(*flow, |live| live.response = Some(Arc::clone(response)));
            }
            Event::Ended { flow, outcome } => self.end(*flow, outcome),
            Event::Part { .. } | Event::Changed { .. } | Event::Closed { .. } => {}
            Event::Sent { .. } | Event::Unread { .. } | Event::Dropped { .. } | Event::Trouble { .. } => return false,
            Event::Command { .. } | Event::Commanded { .. } | Event::Refused { .. } => return false,
        }
        true
    }

    fn begin(&mut self, id: FlowId, request: &Arc<Request>) {
        let url = request.url();
        let redirect = self.redirects.iter().position(|(to, _)| *to == url);
        let asked = redirect.and_then(|at| self.redirects.remove(at)).map_or_else(|| url.clone(), |(_, asked)| asked);
        if asked != url {
            self.redirected.insert(id, asked.clone());
        }
        self.barren.remove(&asked);
        self.navigations += usize::from(request.is_navigation());
        let asker = request.header("referer").unwrap_or_default();
        let destination = request.header("sec-fetch-dest").unwrap_or_default();
        let is_workers =
            destination.ends_with("worker") || (destination == "script" && self.of_workers.contains(asker));
        if is_workers {
            self.of_workers.insert(url.clone());
        }
        if !asker.is_empty() && matches!(destination, "script" | "style" | "font" | "image") {
            self.askers.insert(url, asker.to_owned());
        }
        let request = Arc::clone(request);
        let parks = BTreeMap::new();
        self.flows.insert(id, LiveFlow { id, request, asked, parks, taken: None, ruled: None, response: None });
    }

    fn change(&mut self, id: FlowId, change: impl FnOnce(&mut LiveFlow)) {
        if let Some(flow) = self.flows.get_mut(&id.whole()) {
            change(flow);
        }
    }

    fn end(&mut self, id: FlowId, outcome: &Outcome) {
        self.change(id, |live| drop(live.parks.remove(&id)));
        let Some(flow) = self.flows.remove(&id) else { return };
        let response = flow.response.as_deref().filter(|_| *outcome == Outcome::Delivered);
        match response {
            Some(response) if response.status().is_redirection() && response.header("location").is_some() => {
                let to = response.header("location").unwrap_or_default();
                if let Some(to) = absolute(&flow.request.url(), to) {
                    self.redirects.push_back((to, flow.asked));
                }
            }
            Some(response) if !shows_nothing(response) => {
                match flow.destination() {
                    "script" if !self.is_of_worker(&flow.asked) => self.scripts.push(flow.asked),
                    // Another page: it asks for its own.
                    "document" => self.scripts.clear(),
                    _ => {}
                }
            }
            _ => {
                self.barren.insert(flow.asked);
            }
        }
    }
}

/// After these the browser stays on the page where it is.
fn shows_nothing(response: &Response) -> bool {
    let says = |header, starts: &str| {
        response.header(header).is_some_and(|value| value.to_ascii_lowercase().starts_with(starts))
    };
    let is_download = says("content-disposition", "attachment")
        || says("content-type", "application/octet-stream")
        || says("content-type", "application/zip");
    is_download || matches!(response.status().as_u16(), 204 | 205)
}

/// A URL as seen from another, as the browser will ask for it.
fn absolute(base: &str, to: &str) -> Option<String> {
    let mut url = Url::parse(base).ok()?.join(to).ok()?;
    url.set_fragment(None);
    Some(url.into())
}
