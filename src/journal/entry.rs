//! The entries of the journal.

use super::{ConsoleMessage, PageAction};
use crate::flow::{Fault, FlowId, Outcome, Part, Place, Request, Response, StageName};
use crate::sanitize::shorten;
use bytes::Bytes;
use std::fmt;
use std::mem::size_of;
use std::sync::Arc;
use std::time::Duration;

/// How many characters of a page's URL and of its title are shown.
const URL: usize = 300;
const TITLE: usize = 120;

/// One line of the journal.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A request arrived.
    Began { flow: FlowId, request: Arc<Request> },
    /// A rule acted on a flow.
    Ruled { flow: FlowId, rule: Arc<str>, place: Place },
    /// A rule could not read a body that it depends on: the flow passed it.
    Unread { flow: FlowId, rule: Arc<str>, place: Place, why: Arc<str> },
    /// A flow was parked.
    Parked { flow: FlowId, stage: StageName, rule: Arc<str>, place: Place },
    /// The test took a parked flow.
    Taken { flow: FlowId, place: Place },
    /// A parked flow is to be released once another has ended.
    Chained { flow: FlowId, place: Place },
    /// A parked flow got its verdict.
    Decided { flow: FlowId, verdict: &'static str, place: Option<Place> },
    /// A rule or the test stalls a flow: it never gets a response.
    Stalled { flow: FlowId },
    /// A body was read at a stage, since a rule or the test looked into it.
    Read { flow: FlowId, stage: StageName, body: Bytes },
    /// The request is sent to the upstream.
    Sent { flow: FlowId },
    /// The response head is available.
    Answered { flow: FlowId, response: Arc<Response> },
    /// Rules have changed the head of a request; this one goes to the upstream.
    ChangedRequest { flow: FlowId, request: Arc<Request> },
    /// Rules have changed the head of a response; this one goes to the client.
    ChangedResponse { flow: FlowId, response: Arc<Response> },
    /// The start of a body as it was sent (the request to the upstream, the response to the client), and its size.
    Body { flow: FlowId, stage: StageName, start: Bytes, size: u64 },
    /// A line of the response head was left out because it cannot be parsed.
    Dropped { flow: FlowId, line: String },
    /// A part of a flow's stream has arrived.
    Part { flow: FlowId, part: Arc<Part>, size: usize },
    /// A rule or the test has changed a part; the changed part goes on.
    Changed { flow: FlowId, part: Arc<Part>, size: usize },
    /// A replay sends the next part of this stream as soon as the pages have processed what came before, or of none.
    Due { stream: Option<FlowId> },
    /// A WebSocket was closed.
    Closed { flow: FlowId },
    /// The flow has ended.
    Ended { flow: FlowId, outcome: Outcome },
    /// A fault on a connection that belongs to no flow.
    Trouble { fault: Fault },
    /// A WebDriver command is sent to the driver.
    Command { id: u64, says: String },
    /// The driver has answered a command.
    Commanded { id: u64, status: u16 },
    /// A page has logged something, or an error in it was not caught.
    Console { message: ConsoleMessage },
    /// A person has done something in a page.
    Acted { action: PageAction },
    /// A script of a page has requested this URL, as a `sec-fetch-dest` of this kind; `by` is the line, as far as the
    /// browser reports it.
    Requested { method: String, url: String, kind: &'static str, by: String },
    /// Where a window is when the test's body has ended. What follows is the tear-down.
    Page { url: Option<String>, title: Option<String>, has_dialog: bool },
    /// The test waits for a person: its time stands still.
    Paused { place: Place },
    /// It goes on.
    Resumed,
    /// A page rejected the content of this URL because of its `integrity` attribute.
    Refused { url: String },
}

impl Event {
    /// Returns the flow or the part that the event is about.
    pub(crate) fn flow(&self) -> Option<FlowId> {
        match self {
            Self::Began { flow, .. }
            | Self::Ruled { flow, .. }
            | Self::Unread { flow, .. }
            | Self::Parked { flow, .. }
            | Self::Taken { flow, .. }
            | Self::Chained { flow, .. }
            | Self::Decided { flow, .. }
            | Self::Stalled { flow }
            | Self::Read { flow, .. }
            | Self::Sent { flow }
            | Self::Answered { flow, .. }
            | Self::ChangedRequest { flow, .. }
            | Self::ChangedResponse { flow, .. }
            | Self::Body { flow, .. }
            | Self::Dropped { flow, .. }
            | Self::Part { flow, .. }
            | Self::Changed { flow, .. }
            | Self::Closed { flow }
            | Self::Ended { flow, .. } => Some(*flow),
            Self::Trouble { .. }
            | Self::Command { .. }
            | Self::Commanded { .. }
            | Self::Console { .. }
            | Self::Acted { .. }
            | Self::Page { .. }
            | Self::Requested { .. }
            | Self::Paused { .. }
            | Self::Resumed
            | Self::Due { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// Returns how many bytes the event keeps in addition to its own size.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Began { request, .. } | Self::ChangedRequest { request, .. } => request.size(),
            Self::Answered { response, .. } | Self::ChangedResponse { response, .. } => response.size(),
            Self::Part { part, .. } | Self::Changed { part, .. } => part.content().len() + size_of::<Part>(),
            Self::Read { body: bytes, .. } | Self::Body { start: bytes, .. } => bytes.len(),
            Self::Requested { url, by, .. } => url.len() + by.len(),
            Self::Console { message } => message.text.len() + message.source.as_ref().map_or(0, String::len),
            Self::Acted { action } => action.size(),
            Self::Page { url, title, .. } => {
                url.as_ref().map_or(0, String::len) + title.as_ref().map_or(0, String::len)
            }
            Self::Unread { why: text, .. } => text.len(),
            Self::Dropped { line: text, .. } | Self::Command { says: text, .. } | Self::Refused { url: text } => {
                text.len()
            }
            Self::Trouble { fault } | Self::Ended { outcome: Outcome::Failed(fault), .. } => fault.what().len(),
            _ => 0,
        }
    }
}

impl Event {
    /// Whether the event only adds detail to others: the text of a failure leaves it out.
    pub(crate) fn is_detail(&self) -> bool {
        matches!(
            self,
            Self::ChangedRequest { .. }
                | Self::ChangedResponse { .. }
                | Self::Body { .. }
                | Self::Requested { .. }
                | Self::Due { .. }
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { flow, request } => write!(f, "{flow} {} {}", request.method(), request.url()),
            Self::Ruled { flow, rule, place } => write!(f, "{flow} matched {rule} of {place}"),
            Self::Unread { flow, rule, place, why } => {
                write!(f, "{flow} passed {rule} of {place}, which could not look at its body: {why}")
            }
            Self::Parked { flow, stage, rule, place } => write!(f, "{flow} parked at its {stage} by {rule} of {place}"),
            Self::Taken { flow, place } => write!(f, "{flow} taken at {place}"),
            Self::Chained { flow, place } => write!(f, "{flow} to be released after another flow, by {place}"),
            Self::Decided { flow, verdict, place: Some(place) } => write!(f, "{flow} {verdict} at {place}"),
            Self::Decided { flow, verdict, place: None } => write!(f, "{flow} {verdict}"),
            Self::Stalled { flow } => write!(f, "{flow} stalled: it gets no response"),
            Self::Read { flow, stage, body } => write!(f, "{flow} its {stage}'s body was read, {} bytes", body.len()),
            Self::Sent { flow } => write!(f, "{flow} sent to the upstream"),
            Self::Answered { flow, response } => write!(f, "{flow} response {}", response.status().as_u16()),
            Self::Dropped { flow, line } => write!(f, "{flow} a line of its response was dropped: {line}"),
            Self::ChangedRequest { flow, request } => {
                write!(f, "{flow} request changed to {} {}", request.method(), request.url())
            }
            Self::ChangedResponse { flow, response } => {
                write!(f, "{flow} response changed, its status is {}", response.status().as_u16())
            }
            Self::Body { flow, stage, size, .. } => write!(f, "{flow} its {stage}'s body had {size} bytes"),
            Self::Requested { method, url, by, .. } => write!(f, "page: {by} requests {method} {url}"),
            Self::Part { flow, part, size } => write!(f, "{flow} {}", part.in_words(*size)),
            Self::Changed { flow, part, size } => write!(f, "{flow} became {}", part.in_words(*size)),
            Self::Due { stream: Some(stream) } => write!(f, "the recording goes on with {stream}"),
            Self::Due { stream: None } => f.write_str("the recording goes on with no stream"),
            Self::Closed { flow } => write!(f, "{flow} closed"),
            Self::Ended { flow, outcome } => write!(f, "{flow} {outcome}"),
            Self::Trouble { fault } => write!(f, "{fault}"),
            Self::Command { id, says } => write!(f, "browser: {says} (command {id})"),
            Self::Console { message } => write!(f, "page: {message}"),
            Self::Acted { action } => write!(f, "the person {action}"),
            Self::Page { url, title, has_dialog } => {
                match url {
                    Some(url) => write!(f, "page: at {}", shorten(url, URL).0)?,
                    None => f.write_str("page: the browser does not say where it is")?,
                }
                if let Some(title) = title {
                    write!(f, ", title {:?}", shorten(title, TITLE).0)?;
                }
                f.write_str(if *has_dialog { ", with an open dialog" } else { "" })
            }
            Self::Paused { place } => write!(f, "the test is paused at {place}"),
            Self::Resumed => f.write_str("the test goes on"),
            Self::Refused { url } => write!(f, "browser: a page refused {url}, which has an `integrity`"),
            Self::Commanded { id, status } => write!(f, "browser: command {id} answered {status}"),
        }
    }
}
