//! The flows that an execution holds and has not released.

use super::label::{label, label_of_part, name_of_message};
use super::scope::Scope;
use super::script_loads::ScriptLoads;
use crate::flow::{FlowId, Message, Place, Request, Response, ServerEvent, Stage};
use crate::page::Pending;
use crate::schedule::Event;
use crate::verbs::{Held, Hold};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// A collector waits for as long as the execution lasts.
const FOR_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// A flow that recurs after it was released this many times without a user action would recur forever. (A call that is
/// repeated with a new token occurs twice.)
const LOOP: usize = 3;

/// A held flow whose body is complete.
#[derive(Debug)]
pub(super) enum Parked {
    Request(Held<Request>),
    Response(Held<Response>),
    Message(Held<Message>),
    Event(Held<ServerEvent>),
}

/// The holds of the explorer.
pub(super) struct Holds {
    pub(super) requests: Hold<Request>,
    pub(super) answers: Hold<Response>,
    pub(super) messages: Hold<Message>,
    pub(super) events: Hold<ServerEvent>,
}

/// Evaluates an expression for whatever is held.
macro_rules! of {
    ($parked:expr, $held:ident => $what:expr) => {
        match $parked {
            Parked::Request($held) => $what,
            Parked::Response($held) => $what,
            Parked::Message($held) => $what,
            Parked::Event($held) => $what,
        }
    };
}

impl Parked {
    fn flow(&self) -> FlowId {
        of!(self, held => held.flow())
    }

    fn request(&self) -> &Request {
        of!(self, held => held.request())
    }

    fn is_gone(&self) -> bool {
        of!(self, held => held.is_cancelled())
    }

    /// Releases the flow. Once the pages are quiet again, they have processed it.
    pub(super) fn release(self, place: Place) {
        // The delivery is not awaited: a request is held again with its response.
        of!(self, held => drop(held.release_at(place)));
    }
}

/// Held flows without a name yet.
#[derive(Debug, Default)]
struct Arrivals {
    parked: Mutex<Vec<Parked>>,
    changed: Notify,
}

/// Held flows with their names.
#[derive(Debug)]
pub(super) struct Pool {
    scope: Scope,
    arrivals: Arc<Arrivals>,
    named: Vec<(Event, Parked)>,
    /// Flows that recur whenever they are released: they stay held.
    loops: Vec<(String, Parked)>,
    /// How often each name was released since the last user action.
    since_action: BTreeMap<String, usize>,
    /// The documents that requested the flows.
    by: BTreeMap<FlowId, String>,
    labels: BTreeMap<FlowId, String>,
    counts: BTreeMap<String, usize>,
    app: Option<String>,
    collecting: JoinSet<()>,
}

impl Pool {
    pub(super) fn new(scope: Scope, holds: Holds, loads: Arc<ScriptLoads>, place: Place) -> Self {
        let arrivals = Arc::<Arrivals>::default();
        let mut collecting = JoinSet::new();
        let Holds { requests, answers, messages, events } = holds;
        collecting.spawn(collect_requests(requests.optional().within(FOR_EVER), Arc::clone(&arrivals), place));
        collecting.spawn(collect_responses(answers.optional().within(FOR_EVER), Arc::clone(&arrivals), loads, place));
        collecting.spawn(collect_parts(messages, Parked::Message, Arc::clone(&arrivals), place));
        collecting.spawn(collect_parts(events, Parked::Event, Arc::clone(&arrivals), place));
        let (by, labels, counts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (named, loops, since_action) = (vec![], vec![], BTreeMap::new());
        Self { scope, arrivals, named, loops, since_action, by, labels, counts, app: None, collecting }
    }

    /// Sets the host of the page that was opened first. Later calls change nothing.
    pub(super) fn set_app(&mut self, host: String) {
        self.app.get_or_insert(host);
    }

    /// Returns all flows that are held here.
    pub(super) fn flows(&self) -> Vec<FlowId> {
        let arrived = self.arrivals.parked.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.iter().map(Parked::flow).chain(self.known()).collect()
    }

    /// Returns the flows that have a name.
    pub(super) fn named(&self) -> Vec<FlowId> {
        self.known().collect()
    }

    fn known(&self) -> impl Iterator<Item = FlowId> {
        let looping = self.loops.iter().map(|(_, parked)| parked.flow());
        self.named.iter().map(|(_, parked)| parked.flow()).chain(looping)
    }

    /// Releases everything.
    pub(super) async fn close(mut self) {
        self.collecting.shutdown().await;
    }

    /// Resolves when another flow has arrived or was passed on.
    pub(super) async fn changed(&self) {
        self.arrivals.changed.notified().await;
    }

    /// Names the flows that have arrived, in the order in which the pages requested them, and removes those that their
    /// clients have given up.
    pub(super) fn name(&mut self, asked: &[Pending]) {
        let mut new = std::mem::take(&mut *self.arrivals.parked.lock().unwrap_or_else(PoisonError::into_inner));
        new.sort_by_key(Parked::flow);
        for (at, parked) in new.iter().enumerate() {
            let by = self.by(parked, asked, &new[..at]).map(|asked| asked.by.clone()).unwrap_or_default();
            // All parts of a stream belong to the document that opened it.
            self.by.entry(parked.flow().whole()).or_insert(by);
        }
        // Flows at the same place in two documents of the same name are ordered by their label and by the documents'
        // URLs.
        new.sort_by_cached_key(|parked| {
            let url = parked.request().url();
            let by = self.by.get(&parked.flow().whole());
            let place = asked.iter().find(|asked| asked.url == url && Some(&asked.by) == by);
            let place = place.map_or(usize::MAX, |asked| asked.place);
            let referer = parked.request().header("referer").map(str::to_owned);
            // The parts of a stream keep their order, whatever their names are.
            (place, self.stream_or_base(parked), referer, parked.flow())
        });
        for parked in new {
            let base = self.base(&parked);
            if self.since_action.get(&self.again(&parked)).is_some_and(|times| *times >= LOOP) {
                self.loops.push((base, parked));
                continue;
            }
            let label = self.label(&parked);
            let event = match parked {
                Parked::Request(_) => Event::Send(label),
                _ => Event::Deliver(label),
            };
            self.named.push((event, parked));
        }
        self.named.retain(|(_, parked)| !parked.is_gone());
        self.loops.retain(|(_, parked)| !parked.is_gone());
    }

    /// Returns the document that requested a flow: of several, the one in the referer, or else the first that still
    /// lacks one.
    fn by<'a>(&self, parked: &Parked, asked: &'a [Pending], before: &[Parked]) -> Option<&'a Pending> {
        let (request, url) = (parked.request(), parked.request().url());
        let who = || asked.iter().filter(|asked| asked.url == url);
        // The referer of a request to another host does not contain the page's URL.
        let referer = request
            .header("referer")
            .filter(|referer| Request::get(referer).is_some_and(|page| page.target().host == request.target().host));
        let held = |by: &str| {
            let here = self.named.iter().map(|(_, parked)| parked).chain(before);
            let is_its = |parked: &&Parked| self.by.get(&parked.flow().whole()).is_some_and(|its| its == by);
            here.filter(|parked| parked.request().url() == url).filter(is_its).count()
        };
        let lacks = |asked: &&Pending| held(&asked.by) < who().filter(|other| other.by == asked.by).count();
        let says = who().find(|asked| referer == Some(asked.document.as_str()));
        says.or_else(|| who().find(lacks)).or_else(|| who().next())
    }

    /// Returns the key by which a repetition is recognized. For a part it includes the content, since a stream carries
    /// different contents one after another.
    fn again(&self, parked: &Parked) -> String {
        let base = self.base(parked);
        match parked {
            Parked::Request(_) | Parked::Response(_) => base,
            Parked::Message(held) => format!("{base} {}", held.message().text()),
            Parked::Event(held) => format!("{base} {}", held.event().data()),
        }
    }

    /// Returns the name of a flow; of a part, that of its stream.
    fn stream_or_base(&self, parked: &Parked) -> String {
        match parked {
            Parked::Request(_) | Parked::Response(_) => self.base(parked),
            Parked::Message(_) | Parked::Event(_) => label_of_part("", parked.request(), self.app.as_deref(), None),
        }
    }

    /// Returns the name without its number.
    fn base(&self, parked: &Parked) -> String {
        let (request, app) = (parked.request(), self.app.as_deref());
        let label = match parked {
            Parked::Request(_) | Parked::Response(_) => label(request, app),
            Parked::Message(held) => label_of_part("MESSAGE", request, app, name_of_message(&held.message().text())),
            Parked::Event(held) => label_of_part("EVENT", request, app, Some(held.event().event().to_owned())),
        };
        match self.by.get(&parked.flow().whole()).filter(|by| !by.is_empty()) {
            Some(by) => format!("{label} {by}"),
            None => label,
        }
    }

    fn label(&mut self, parked: &Parked) -> String {
        if let Some(known) = self.labels.get(&parked.flow()) {
            return known.clone();
        }
        let base = self.base(parked);
        let count = self.counts.entry(base.clone()).or_default();
        *count += 1;
        let label = format!("{base}#{count}");
        self.labels.insert(parked.flow(), label.clone());
        label
    }

    /// Returns the events that are possible now. Of flows that their server answers one at a time, only the first is; so of
    /// the parts of a stream, which no network reorders.
    pub(super) fn enabled(&self) -> Vec<Event> {
        let is_serial = |parked: &Parked| self.scope.is_serial(parked.request());
        let first = self.named.iter().filter(|(_, parked)| is_serial(parked)).map(|(_, parked)| parked.flow()).min();
        let is_behind = |parked: &Parked| {
            let flow = parked.flow();
            let precedes = |other: FlowId| other.whole() == flow.whole() && other < flow;
            flow != flow.whole()
                && !self.scope.is_unordered(parked.request())
                && self.known().any(|other| other != other.whole() && precedes(other))
        };
        let can =
            |(_, parked): &&(Event, Parked)| (!is_serial(parked) || Some(parked.flow()) == first) && !is_behind(parked);
        self.named.iter().filter(can).map(|(event, _)| event.clone()).collect()
    }

    /// Returns whether a part is held whose stream may send in any order.
    pub(super) fn has_unordered_part(&self) -> bool {
        let is_unordered =
            |parked: &Parked| parked.flow() != parked.flow().whole() && self.scope.is_unordered(parked.request());
        self.named.iter().any(|(_, parked)| is_unordered(parked))
    }

    pub(super) fn take(&mut self, event: &Event) -> Option<Parked> {
        let at = self.named.iter().position(|(named, _)| named == event)?;
        let parked = self.named.remove(at).1;
        if !matches!(parked, Parked::Request(_)) {
            *self.since_action.entry(self.again(&parked)).or_default() += 1;
        }
        Some(parked)
    }

    /// Records a user action: what arrives from now on is its result.
    pub(super) fn acted(&mut self) {
        self.since_action.clear();
    }

    /// Returns all flows so far, by their labels.
    pub(super) fn labels(&self) -> BTreeMap<String, FlowId> {
        self.labels.iter().map(|(flow, label)| (label.clone(), *flow)).collect()
    }

    /// Returns the names of flows that recur without a user action.
    pub(super) fn loops(&self) -> BTreeSet<String> {
        self.loops.iter().map(|(base, _)| base.clone()).collect()
    }
}

async fn collect_requests(hold: Hold<Request>, arrivals: Arc<Arrivals>, place: Place) {
    let mut reading = JoinSet::new();
    while let Some(mut held) = hold.next_at(place).await {
        let arrivals = Arc::clone(&arrivals);
        reading.spawn(async move {
            // The name depends on the body. A request whose body cannot be read is passed on.
            if let Ok(body) = held.body().await {
                held.note_body(body);
                arrivals.push(Parked::Request(held));
            } else {
                arrivals.pass(held);
            }
        });
        while reading.try_join_next().is_some() {}
    }
}

async fn collect_parts<S: Stage>(hold: Hold<S>, parked: fn(Held<S>) -> Parked, arrivals: Arc<Arrivals>, place: Place) {
    let hold = hold.optional().within(FOR_EVER);
    while let Some(held) = hold.next_at(place).await {
        arrivals.push(parked(held));
    }
}

async fn collect_responses(hold: Hold<Response>, arrivals: Arc<Arrivals>, loads: Arc<ScriptLoads>, place: Place) {
    let mut reading = JoinSet::new();
    while let Some(held) = hold.next_at(place).await {
        let arrivals = Arc::clone(&arrivals);
        let is_step_of_another = held.response().status().is_redirection() || loads.include(held.request());
        reading.spawn(async move {
            // Only complete responses are held; one without an end is passed on.
            if !is_step_of_another && held.body().await.is_ok() {
                arrivals.push(Parked::Response(held));
            } else {
                arrivals.pass(held);
            }
        });
        while reading.try_join_next().is_some() {}
    }
}

impl Arrivals {
    fn push(&self, parked: Parked) {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).push(parked);
        self.changed.notify_one();
    }

    /// Passes on a flow that is not ordered: a dropped flow is released.
    fn pass<S: Stage>(&self, held: Held<S>) {
        drop(held);
        self.changed.notify_one();
    }
}
