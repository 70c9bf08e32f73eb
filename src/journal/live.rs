//! The flows that are under way, derived from the log.

use super::streams::Streams;
use super::{Entry, Event, Journal};
use crate::flow::{FlowId, Outcome, Place, Request, Response};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use url::Url;

/// The flows that have begun and not ended. Changes only by following the log.
#[derive(Debug, Default)]
pub(crate) struct Live {
    position: u64,
    flows: BTreeMap<FlowId, LiveFlow>,
    /// Redirects that were delivered and not followed yet: the target, and the URL that was requested first.
    redirects: VecDeque<(String, String)>,
    /// For flows that follow a redirect: the URL that the page requested.
    redirected: BTreeMap<FlowId, String>,
    /// URLs whose last flow ended without content for the page.
    barren: BTreeSet<String>,
    /// Requested URLs with the URL that requested them: a script for another, a stylesheet for an image.
    askers: BTreeMap<String, String>,
    /// Scripts that workers run: their own documents do not observe them.
    of_workers: BTreeSet<String>,
    /// What was delivered of open streams.
    streams: Streams,
    /// Scripts that were delivered since [`take_scripts`](Self::take_scripts) was called.
    scripts: Vec<String>,
    /// How many pages were requested.
    navigations: usize,
}

/// A flow that is under way.
#[derive(Clone, Debug)]
pub(crate) struct LiveFlow {
    pub(crate) id: FlowId,
    pub(crate) request: Arc<Request>,
    /// The URL that the page requested; after a redirect, it differs from the flow's own.
    pub(crate) asked: String,
    /// The rules that park the flow or parts of its body, and their lines.
    parks: BTreeMap<FlowId, (Arc<str>, Place)>,
    /// The line of the test that took the flow.
    pub(crate) taken: Option<Place>,
    /// The last rule that acted on the flow.
    ruled: Option<(Arc<str>, Place)>,
    response: Option<Arc<Response>>,
}

impl LiveFlow {
    /// Returns the rule that parks the flow, and its line.
    pub(crate) fn parked(&self) -> Option<&(Arc<str>, Place)> {
        self.parks.values().next()
    }

    /// Returns the `sec-fetch-dest` of the request: `document`, `script`, `image`, or `empty` for a call of a script.
    pub(crate) fn destination(&self) -> &str {
        self.request.header("sec-fetch-dest").unwrap_or_default()
    }

    /// Returns whether this is a stream that may never end and that pages do not wait for: server-sent events, audio,
    /// video.
    pub(crate) fn is_endless(&self) -> bool {
        let kind = self.response.as_ref().and_then(|response| response.header("content-type"));
        kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
            || matches!(self.destination(), "audio" | "video" | "track")
    }
}

impl Live {
    /// Catches up with the log. Returns whether anything has happened to a flow.
    pub(crate) fn follow(&mut self, journal: &Journal) -> bool {
        let mut moved = false;
        let log = journal.lock();
        let (entries, some_have_gone) = log.since(self.position);
        entries.for_each(|entry| moved |= self.apply(entry));
        self.position = log.next();
        if some_have_gone {
            // Their ends may have been removed from the log.
            self.flows.retain(|flow, _| log.is_live(*flow));
        }
        moved
    }

    /// Returns the flows in order of arrival.
    pub(crate) fn flows(&self) -> impl Iterator<Item = &LiveFlow> {
        self.flows.values()
    }

    /// Returns the flows that the test holds.
    pub(crate) fn parked(&self) -> impl Iterator<Item = &LiveFlow> {
        self.flows().filter(|flow| flow.parked().is_some())
    }

    /// Returns whether the last flow of this URL ended without content for the page: an empty response, a download, an
    /// abort.
    pub(crate) fn is_barren(&self, url: &str) -> bool {
        self.barren.contains(url)
    }

    /// Returns whether `root` requested a URL, directly or through others.
    pub(crate) fn stems_from(&self, url: &str, root: &str) -> bool {
        let mut at = url;
        // A cycle of scripts that request each other ends after at most as many steps as there are entries.
        for _ in 0..self.askers.len() {
            match self.askers.get(at) {
                Some(asker) if asker == root => return true,
                Some(asker) => at = asker,
                None => return false,
            }
        }
        false
    }

    /// Returns the URL that the page requested for a flow: `url`, the flow's own, or another one after a redirect.
    pub(crate) fn asked<'a>(&'a self, flow: FlowId, url: &'a str) -> &'a str {
        self.redirected.get(&flow).map_or(url, String::as_str)
    }

    /// Returns what was delivered of open streams.
    pub(crate) fn streams(&self) -> &Streams {
        &self.streams
    }

    /// Returns how many pages, including pages in frames, were requested.
    pub(crate) fn navigations(&self) -> usize {
        self.navigations
    }

    /// Returns whether a worker runs a script.
    pub(crate) fn is_of_worker(&self, script: &str) -> bool {
        self.of_workers.contains(script)
    }

    /// Returns the scripts that were delivered since the last call.
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
            // The rule keeps the flow, like one that parks.
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
            Event::Part { .. } | Event::Changed { .. } | Event::Closed { .. } | Event::Due { .. } => {}
            Event::Sent { .. }
            | Event::Read { .. }
            | Event::Unread { .. }
            | Event::ChangedRequest { .. }
            | Event::ChangedResponse { .. }
            | Event::Body { .. }
            | Event::Dropped { .. }
            | Event::Trouble { .. } => return false,
            Event::Requested { .. } | Event::Paused { .. } | Event::Resumed => return false,
            Event::Console { .. } | Event::Acted { .. } | Event::Page { .. } => return false,
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
                    // Another page, which requests scripts of its own.
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

/// Returns whether the browser stays on its page after this response.
fn shows_nothing(response: &Response) -> bool {
    let says = |header, starts: &str| {
        response.header(header).is_some_and(|value| value.to_ascii_lowercase().starts_with(starts))
    };
    let is_download = says("content-disposition", "attachment")
        || says("content-type", "application/octet-stream")
        || says("content-type", "application/zip");
    is_download || matches!(response.status().as_u16(), 204 | 205)
}

/// Resolves a URL against another, as the browser requests it.
fn absolute(base: &str, to: &str) -> Option<String> {
    let mut url = Url::parse(base).ok()?.join(to).ok()?;
    url.set_fragment(None);
    Some(url.into())
}
