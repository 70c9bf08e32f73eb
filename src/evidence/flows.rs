//! The flows of one execution: their times as positions in its rows, and their contents. Pure.

use super::record::Run;
use super::story::Story;
use crate::flow::{FlowId, Part, Place, Request, Response, StageName, coding, text};
use crate::journal::{Entry, Event};
use crate::sanitize::{sanitize, sanitize_cut, sanitize_line};
use http::{HeaderMap, StatusCode};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How many bytes of a body are shown, and how many of a coded one are decoded for that.
const SHOWN: usize = 4096;
const DECODED: usize = 64 * 1024;

/// What happened to one flow.
#[derive(Clone, Debug)]
pub(super) struct FlowStory {
    pub(super) id: FlowId,
    pub(super) request: Arc<Request>,
    /// The request as the server got it, if rules have changed it.
    pub(super) sent: Option<Arc<Request>>,
    /// The response as it came from the server or from a rule.
    pub(super) response: Option<Arc<Response>>,
    /// The response as the page got it, if rules have changed its head.
    pub(super) delivered: Option<Arc<Response>>,
    pub(super) request_body: Option<BodyShown>,
    /// The response's body as the server sent it, if a rule has read it.
    pub(super) server_body: Option<BodyShown>,
    /// As it was sent to the page.
    pub(super) page_body: Option<BodyShown>,
    pub(super) outcome: Option<String>,
    /// Which line of which script has requested it.
    pub(super) by: Option<String>,
    /// Whether a rule has acted on it.
    pub(super) is_ruled: bool,
    /// Positions in the rows: from the request to the end.
    pub(super) began: usize,
    pub(super) ended: Option<usize>,
    pub(super) spans: Vec<Span>,
    /// Its parts: their rows, ids and texts.
    pub(super) parts: Vec<(usize, FlowId, String)>,
    /// The times of its steps.
    pub(super) times: Vec<(&'static str, Duration)>,
}

/// An interval of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: usize,
    /// `None` if it was not over at the end.
    pub(super) to: Option<usize>,
    pub(super) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// From the request that was sent to the response.
    Server,
    /// At a stage, by a rule, until something happened.
    Parked { flow: FlowId, stage: StageName, rule: String, place: Place, until: Option<String> },
}

/// The start of a body, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BodyShown {
    pub(super) text: String,
    /// How many bytes there were.
    pub(super) size: u64,
    pub(super) is_cut: bool,
}

impl FlowStory {
    fn new(id: FlowId, request: &Arc<Request>, row: usize, at: Duration) -> Self {
        Self {
            id,
            request: Arc::clone(request),
            sent: None,
            response: None,
            delivered: None,
            request_body: None,
            server_body: None,
            page_body: None,
            outcome: None,
            by: None,
            is_ruled: false,
            began: row,
            ended: None,
            spans: Vec::new(),
            parts: Vec::new(),
            times: vec![("request", at)],
        }
    }

    /// Returns the text of one of its parts.
    pub(super) fn part(&self, id: FlowId) -> Option<&str> {
        self.parts.iter().find(|(_, known, _)| *known == id).map(|(.., text)| &**text)
    }

    /// `GET /search?q=a`
    pub(super) fn title(&self) -> String {
        sanitize_line(&format!("{} {}", self.request.method(), self.request.path_and_query))
    }

    /// `200`, `aborted`, `under way`.
    pub(super) fn result(&self) -> String {
        let head = self.delivered.as_ref().or(self.response.as_ref());
        let status = head.map(|response| response.status().as_u16().to_string());
        match (status, self.outcome.as_deref()) {
            (Some(status), Some("delivered")) => status,
            (Some(status), Some(other)) => format!("{status}, {other}"),
            (Some(status), None) => format!("{status}, under way"),
            (None, other) => other.unwrap_or("under way").to_owned(),
        }
    }

    fn is_socket(&self) -> bool {
        self.response.as_ref().is_some_and(|response| response.status() == StatusCode::SWITCHING_PROTOCOLS)
    }

    /// Whether the page got something else than the server sent.
    pub(super) fn is_changed(&self) -> bool {
        self.delivered.is_some()
            || matches!((&self.server_body, &self.page_body), (Some(server), Some(page)) if server != page)
    }

    fn parked(&mut self, row: usize, flow: FlowId, stage: StageName, rule: &str, place: Place) {
        let what = What::Parked { flow, stage, rule: sanitize_line(rule), place, until: None };
        self.spans.push(Span { from: row, to: None, what });
    }

    /// Ends the intervals in which a flow, or a part of it, is parked.
    fn let_go(&mut self, row: usize, id: FlowId, how: &str) {
        for span in &mut self.spans {
            if let What::Parked { flow, until, .. } = &mut span.what
                && *flow == id
                && span.to.is_none()
            {
                (span.to, *until) = (Some(row), Some(how.to_owned()));
            }
        }
    }

    fn answered(&mut self, row: usize) {
        let open = |span: &&mut Span| span.to.is_none() && span.what == What::Server;
        self.spans.iter_mut().filter(open).for_each(|span| span.to = Some(row));
    }
}

/// Returns the flows of an execution, in the order of their requests.
pub(super) fn flows(run: &Run, story: &Story) -> Vec<FlowStory> {
    let mut flows: BTreeMap<FlowId, FlowStory> = BTreeMap::new();
    let mut last = 0;
    for (entry, row) in run.entries.iter().zip(&story.row_of) {
        last = row.unwrap_or(last);
        let Some(id) = entry.event.flow() else { continue };
        if let Event::Began { request, .. } = &entry.event {
            flows.insert(id, FlowStory::new(id, request, last, entry.at));
        } else if let Some(flow) = flows.get_mut(&id.whole()) {
            note(flow, id, entry, last);
        }
    }
    let mut flows: Vec<_> = flows.into_values().collect();
    name_initiators(&run.entries, &mut flows);
    flows
}

/// Applies an entry to its flow.
fn note(flow: &mut FlowStory, id: FlowId, Entry { at, event }: &Entry, row: usize) {
    match event {
        Event::Ruled { .. } | Event::Unread { .. } => flow.is_ruled = true,
        Event::Parked { stage, rule, place, .. } => {
            flow.is_ruled = true;
            flow.parked(row, id, *stage, rule, *place);
            if id == id.whole() {
                flow.times.push(("parked", *at));
            }
        }
        Event::Decided { verdict, place, .. } => {
            let how = place.map_or_else(|| (*verdict).to_owned(), |place| format!("{verdict} at {place}"));
            flow.let_go(row, id, &how);
            if id == id.whole() {
                flow.times.push(("decided", *at));
            }
        }
        Event::Sent { .. } => {
            flow.spans.push(Span { from: row, to: None, what: What::Server });
            flow.times.push(("sent to the server", *at));
        }
        Event::Answered { response, .. } => {
            flow.answered(row);
            flow.response = Some(Arc::clone(response));
            flow.times.push(("response", *at));
        }
        Event::Part { part, .. } => {
            flow.parts.push((row, id, sanitize_line(&part.to_string())));
            flow.is_ruled |= matches!(&**part, Part::Message(_) | Part::Event(_));
        }
        Event::Ended { outcome, .. } if id != id.whole() => flow.let_go(row, id, &outcome.to_string()),
        // The end of the flow of a socket means that it is open.
        Event::Ended { outcome, .. } if flow.is_socket() && outcome.is_delivered() => {
            flow.outcome = Some("delivered".to_owned());
        }
        Event::Ended { outcome, .. } => {
            flow.let_go(row, id, &outcome.to_string());
            flow.ended = Some(row);
            flow.outcome = Some(outcome.to_string());
            flow.times.push(("end", *at));
        }
        Event::Closed { .. } => flow.ended = Some(row),
        event => note_content(flow, event),
    }
}

/// Applies an entry about heads and bodies.
fn note_content(flow: &mut FlowStory, event: &Event) {
    match event {
        Event::ChangedRequest { request, .. } => flow.sent = Some(Arc::clone(request)),
        Event::ChangedResponse { response, .. } => flow.delivered = Some(Arc::clone(response)),
        Event::Read { stage: StageName::Request, body, .. } => {
            flow.request_body = Some(shown(&flow.request.headers, body, body.len() as u64));
        }
        Event::Read { body, .. } => {
            let headers = flow.response.as_ref().map_or_else(HeaderMap::new, |response| response.headers.clone());
            flow.server_body.get_or_insert_with(|| shown(&headers, body, body.len() as u64));
        }
        Event::Body { stage, start, size, .. } => sent_body(flow, *stage, start, *size),
        _ => {}
    }
}

fn sent_body(flow: &mut FlowStory, stage: StageName, start: &[u8], size: u64) {
    if stage == StageName::Request {
        let headers = &flow.sent.as_ref().unwrap_or(&flow.request).headers;
        flow.request_body = Some(shown_coded(headers, start, size));
    } else if let Some(response) = flow.delivered.as_ref().or(flow.response.as_ref()) {
        flow.page_body = Some(shown_coded(&response.headers, start, size));
    }
}

/// Undoes the content-encoding of what is known of a body.
fn shown_coded(headers: &HeaderMap, start: &[u8], size: u64) -> BodyShown {
    let is_coded = headers.contains_key(http::header::CONTENT_ENCODING);
    let decoded = coding::decode_start(headers, start, DECODED);
    let is_whole = start.len() as u64 == size;
    // Of a coded body that is cut, the decoded size is not known.
    let size =
        if is_coded && is_whole { decoded.len() as u64 } else { size.max(decoded.len() as u64 + u64::from(!is_whole)) };
    shown(headers, &decoded, size)
}

/// Returns the start of a decoded body as text: JSON with line breaks, bytes as their number.
fn shown(headers: &HeaderMap, body: &[u8], size: u64) -> BodyShown {
    let start = &body[..body.len().min(SHOWN)];
    let is_cut = (start.len() as u64) < size;
    if !text::is_text(headers, start) {
        return BodyShown { text: "(not text)".to_owned(), size, is_cut };
    }
    let text = if is_cut { cut_text(headers, start) } else { sanitize(&pretty(headers, start)) };
    BodyShown { text, size, is_cut }
}

/// Returns JSON with line breaks, and other text as it is.
fn pretty(headers: &HeaderMap, body: &[u8]) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(body).ok();
    let json = json.filter(|json| json.is_object() || json.is_array());
    let pretty = json.and_then(|json| serde_json::to_string_pretty(&json).ok());
    pretty.unwrap_or_else(|| text::readable(headers, body).into_owned())
}

/// Returns the start of a text that goes on.
fn cut_text(headers: &HeaderMap, start: &[u8]) -> String {
    // A character may be cut in two, and the rest must not be taken for another charset.
    let whole = match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_none() => &start[..error.valid_up_to()],
        _ => start,
    };
    sanitize_cut(&text::readable(headers, whole))
}

/// Gives each flow the script that has requested it: of the requests of one kind for a URL, the n-th is the n-th flow.
fn name_initiators(entries: &[Entry], flows: &mut [FlowStory]) {
    let mut of: HashMap<(String, String), VecDeque<usize>> = HashMap::new();
    for (at, flow) in flows.iter().enumerate() {
        let key = (flow.request.method().to_string(), flow.request.url());
        of.entry(key).or_default().push_back(at);
    }
    for entry in entries {
        let Event::Requested { method, url, kind, by } = &entry.event else { continue };
        let Some(queue) = of.get_mut(&(method.clone(), url.clone())) else { continue };
        let is_of_kind = |at: &usize| flows[*at].request.header("sec-fetch-dest").is_none_or(|dest| dest == *kind);
        if let Some(place) = queue.iter().position(is_of_kind)
            && let Some(at) = queue.remove(place)
        {
            flows[at].by = Some(sanitize_line(by));
        }
    }
}
