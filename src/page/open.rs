//! What keeps a page from being settled: compares its documents' waits with the held flows. Pure (no I/O).

use super::document::{Document, Documents, Wait};
use crate::filter::{Filter, Truth, View};
use crate::flow::StageName;
use crate::journal::{Live, LiveFlow, TO_SERVER, Tally};
use std::collections::BTreeMap;
use std::fmt;

/// Something that has yet to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// A flow is under way, and no rule parks it.
    UnderWay(String),
    /// A document waits for something that the proxy does not hold.
    Waits(Wait, String),
    /// Messages or events were delivered that no page has received yet.
    Unheard(String),
    /// A message or event was released and is not delivered yet.
    Coming(String),
    /// A page has sent messages that have not arrived at the proxy yet.
    Unsent(String),
    /// A frame is navigating to another document.
    Navigates(String),
    /// A document has requested a part of itself that is not held.
    Pending(String),
    /// A document is still being parsed, and no held flow explains it.
    Reads(String),
}

/// What a wait leaves out.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignored {
    pub(super) filters: Vec<Filter>,
    pub(super) frames: bool,
    pub(super) timers: bool,
}

/// URLs that the browser reports besides its documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    /// The targets of navigating frames.
    pub(super) navigating: Vec<String>,
    /// Resources that documents have requested.
    pub(super) asked: Vec<String>,
}

/// Returns everything that has yet to happen, given the documents' waits, the browser's reports and the live flows.
pub(super) fn open(documents: &Documents, beside: &Beside, live: &Live, ignored: &Ignored) -> Vec<Open> {
    let under_way = live.flows().filter(|flow| flow.parked().is_none() && !flow.is_endless() && !ignored.flow(flow));
    let mut open: Vec<_> = under_way.map(|flow| Open::UnderWay(line(flow))).collect();
    let gets_there = |url: &&String| !live.is_barren(url) && !live.flows().any(|flow| is_of(flow, url));
    open.extend(beside.navigating.iter().filter(gets_there).map(|url| Open::Navigates(url.clone())));
    open.extend(unheard(documents, live, ignored).map(Open::Unheard));
    let coming = live.streams().coming().filter(|url| !ignored.url(url));
    open.extend(coming.map(|url| Open::Coming(url.to_owned())));
    open.extend(unsent(documents, live, ignored).map(Open::Unsent));
    let mut held: BTreeMap<&str, usize> = BTreeMap::new();
    live.parked().for_each(|flow| *held.entry(&flow.asked).or_default() += 1);
    for document in documents.values() {
        let waits = document.waits.iter().filter(|wait| !is_explained(wait, documents, live, &mut held, ignored));
        open.extend(waits.map(|wait| Open::Waits(wait.clone(), at(wait, live))));
        if open.is_empty() && !is_read(document, live, ignored) {
            open.push(Open::Reads(document.ready.clone()));
        }
    }
    // The documents count most of these too, so they have been reported above.
    if open.is_empty() {
        let is_open = |url: &&String| !live.flows().any(|flow| is_of(flow, url)) && !ignored.url(url);
        open.extend(beside.asked.iter().filter(is_open).map(|url| Open::Pending(url.clone())));
    }
    open
}

/// Returns the URLs of streams of which more was delivered than the pages have received.
pub(super) fn unheard(documents: &Documents, live: &Live, ignored: &Ignored) -> impl Iterator<Item = String> {
    let lacks = |heard: &[&Tally], delivered: &[&Tally]| {
        let counted = |kind: &&String| *kind != TO_SERVER && heard.iter().all(|heard| heard.contains_key(*kind));
        heard[0].keys().filter(counted).any(|kind| count(heard, kind) < count(delivered, kind))
    };
    streams(documents, live, ignored, lacks)
}

/// Returns the URLs of sockets to which pages have sent more than has arrived.
fn unsent(documents: &Documents, live: &Live, ignored: &Ignored) -> impl Iterator<Item = String> {
    streams(documents, live, ignored, |heard, come| count(heard, TO_SERVER) > count(come, TO_SERVER))
}

fn count(tallies: &[&Tally], kind: &str) -> u64 {
    tallies.iter().filter_map(|tally| tally.get(kind)).sum()
}

/// Returns the URLs of streams on which the counts of the pages and the proxy differ. Where not every listener can be
/// queried (a worker, a page that is about to go), the difference is unknown and the stream is left out.
fn streams(
    documents: &Documents,
    live: &Live,
    ignored: &Ignored,
    lacks: impl Fn(&[&Tally], &[&Tally]) -> bool,
) -> impl Iterator<Item = String> {
    let mut counted: BTreeMap<&str, Vec<&Tally>> = BTreeMap::new();
    let streams = documents.values().flat_map(|document| &document.streams);
    streams.filter(|stream| !ignored.url(&stream.url)).for_each(|stream| {
        counted.entry(&stream.url).or_default().push(&stream.heard);
    });
    let lacking = |(url, heard): (&str, Vec<&Tally>)| {
        let passed: Vec<_> = live.streams().of(url).collect();
        (passed.len() == heard.len() && lacks(&heard, &passed)).then(|| url.to_owned())
    };
    counted.into_iter().filter_map(lacking).collect::<Vec<_>>().into_iter()
}

/// Returns whether a document has yet to process a response from this URL: more waits than live flows.
pub(super) fn undealt(documents: &Documents, live: &Live, url: &str) -> bool {
    let counts = |wait: &&Wait| wait.url == url && (wait.kind != "import" || is_unseen(url, documents));
    let waits = documents.values().flat_map(|document| &document.waits).filter(counts).count();
    waits > live.flows().filter(|flow| is_of(flow, url)).count()
}

/// Returns whether no document has loaded this script.
pub(super) fn is_unseen(script: &str, documents: &Documents) -> bool {
    let misses = |document: &Document| document.waits.iter().any(|wait| wait.kind == "import" && wait.url == script);
    documents.values().all(misses)
}

fn is_explained<'a>(
    wait: &'a Wait,
    documents: &Documents,
    live: &'a Live,
    held: &mut BTreeMap<&'a str, usize>,
    ignored: &Ignored,
) -> bool {
    // The request may have been upgraded to https.
    let upgraded = wait.url.strip_prefix("http:").map(|rest| format!("https:{rest}")).unwrap_or_default();
    let url = if held.contains_key(&*wait.url) { &*wait.url } else { &*upgraded };
    if let Some(count) = held.get_mut(url).filter(|count| **count > 0) {
        *count -= 1;
        return true;
    }
    let by_its_kind = match &*wait.kind {
        "navigation" => live.is_barren(&wait.url),
        // The body of a redirected call has the URL that it was redirected to.
        "body" => live.parked().any(|flow| is_of(flow, &wait.url)),
        // One flow may serve several elements, and a loaded element may wait for what it requests in turn.
        "script" | "link" | "img" | "decode" | "createImageBitmap" | "audio" | "video" | "play" | "FontFace" => {
            live.parked().any(|flow| is_of(flow, &wait.url) || live.stems_from(&flow.request.url(), &wait.url))
        }
        // A frame has loaded when everything in it has.
        "iframe" => live.is_barren(&wait.url) || documents.values().any(|document| document.ready != "complete"),
        // One document has loaded it, and the others never requested it.
        "import" => !is_unseen(&wait.url, documents),
        "requestAnimationFrame" | "startViewTransition" => ignored.frames,
        "setTimeout" | "setInterval" | "requestIdleCallback" | "scheduler.postTask" => ignored.timers,
        // A wait for the URL that a redirect has led to.
        _ => live.parked().any(|flow| flow.asked != wait.url && flow.request.url() == wait.url),
    };
    by_its_kind || (!wait.url.is_empty() && ignored.url(&wait.url))
}

/// Returns whether a document has been parsed as far as it can be while flows are held.
fn is_read(document: &Document, live: &Live, ignored: &Ignored) -> bool {
    let mut stops = live.flows().filter(|flow| flow.parked().is_some() || flow.is_endless() || ignored.flow(flow));
    let mut held = |kinds: &[&str]| stops.any(|flow| kinds.contains(&flow.destination()));
    match &*document.ready {
        "complete" => true,
        // Only a flow that stops the parser explains a document that is still loading.
        "loading" => held(&["script", "style", "document", "iframe", "frame"]),
        _ => held(&[
            "script", "style", "document", "iframe", "frame", "image", "font", "object", "embed", "audio", "video",
            "track",
        ]),
    }
}

fn is_of(flow: &LiveFlow, url: &str) -> bool {
    flow.asked == url || flow.request.url() == url
}

fn at(wait: &Wait, live: &Live) -> String {
    let of = live.flows().find(|flow| !wait.url.is_empty() && is_of(flow, &wait.url));
    of.map(line).unwrap_or_default()
}

fn line(flow: &LiveFlow) -> String {
    format!("{} {} {}", flow.id, flow.request.method(), flow.request.url())
}

impl Ignored {
    fn flow(&self, flow: &LiveFlow) -> bool {
        let view = View::of(&flow.request, None, StageName::Request);
        self.filters.iter().any(|filter| filter.evaluate(&view) == Truth::Yes)
    }

    pub(super) fn url(&self, url: &str) -> bool {
        crate::flow::Request::get(url).is_some_and(|request| {
            let view = View::of(&request, None, StageName::Request);
            self.filters.iter().any(|filter| filter.evaluate(&view) == Truth::Yes)
        })
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnderWay(flow) => write!(f, "{flow}, under way and not held"),
            Self::Unheard(url) => write!(f, "{url}: parts were delivered that the page has not received"),
            Self::Coming(url) => write!(f, "{url}: a released part is not delivered yet"),
            Self::Unsent(url) => write!(f, "{url}: the page has sent messages that the proxy has not received"),
            Self::Pending(url) => write!(f, "{url}, which the page has requested: the proxy has no such flow now"),
            Self::Navigates(url) => write!(f, "the navigation to {url}"),
            Self::Reads(ready) => write!(f, "the document, which is still `{ready}`"),
            Self::Waits(Wait { kind, url, place }, flow) => {
                f.write_str(kind)?;
                if !url.is_empty() {
                    write!(f, " {url}")?;
                }
                if let Some(place) = place {
                    write!(f, ", started at {place}")?;
                }
                match (url.is_empty(), flow.is_empty()) {
                    (true, _) => Ok(()),
                    (false, true) => f.write_str(": the proxy has no such flow now"),
                    (false, false) => write!(f, ": {flow}"),
                }
            }
        }
    }
}
