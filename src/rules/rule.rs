//! A rule: where it acts, on what, and how.

use super::{Delay, Edit, Local, Profile};
use crate::filter::{Filter, Truth, View};
use crate::flow::{Part, Place, Request, Response, RuleId, StageName};
use regex::Regex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a rule does to a flow that matches.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Parks it until the test decides.
    Hold,
    /// Remembers it for the test.
    Watch,
    /// Delivers no earlier than this after arrival.
    Delay(Delay),
    /// Lets its body pass at a slow pace.
    Throttle(Profile),
    /// Cuts it off.
    Abort(AbortKind),
    /// Answers without the upstream.
    Respond(Arc<Response>),
    /// Serves a local file under the real answer's head.
    Replace(Local),
    /// Rewrites the decoded text of the body.
    Rewrite { pattern: Regex, with: String },
    /// Changes it by code: that of the test, or that of a verb, which also says what it does.
    Edit { edit: Edit, verb: &'static str, says: String, of_body: bool },
}

impl Action {
    /// Whether it changes what a cache may keep: then the browser must not be answered with "not modified".
    pub(crate) fn changes_body(&self) -> bool {
        matches!(self, Self::Replace(_) | Self::Rewrite { .. } | Self::Edit { of_body: true, .. })
    }

    fn verb(&self) -> &'static str {
        match self {
            Self::Hold => "hold!",
            Self::Watch => "watch!",
            Self::Delay(_) => "delay!",
            Self::Throttle(_) => "throttle!",
            Self::Abort(_) => "abort!",
            Self::Respond(_) => "respond!",
            Self::Replace(_) => "replace!",
            Self::Rewrite { .. } => "rewrite!",
            Self::Edit { verb, .. } => verb,
        }
    }

    /// The stage that a verb means when none is written. What changes an answer acts on the answer.
    fn usual_stage(&self) -> StageName {
        match self {
            Self::Replace(_) | Self::Rewrite { .. } | Self::Throttle(_) => StageName::Response,
            Self::Edit { edit: Edit::Response(_), verb: "rewrite!", .. } => StageName::Response,
            _ => StageName::Request,
        }
    }
}

/// How a flow is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbortKind {
    /// HTTP/1: the connection is reset (TCP RST). HTTP/2: RST_STREAM with INTERNAL_ERROR; the connection lives on.
    Reset,
    /// HTTP/1: the connection is closed (FIN) without an answer. HTTP/2: RST_STREAM with CANCEL.
    Close,
    /// There is never an answer: the client waits until it gives up, or the test ends. A page that waits for it counts as
    /// [settled](crate::Browser::settled), as if the flow were held.
    Stall,
    /// The answer, which says its whole length, breaks off after so many bytes of its body: by the end of the connection on
    /// HTTP/1, as [`Reset`](Self::Reset) on HTTP/2. At the request it is an answer of blanks, and the server hears nothing.
    Truncate(u64),
    /// HTTP/1: what comes back is no HTTP. HTTP/2: RST_STREAM with PROTOCOL_ERROR.
    Malformed,
    /// Of a WebSocket message or a server-sent event: it never arrives; the others do.
    Discard,
    /// HTTP/2: GOAWAY, as when a server restarts, and the stream is refused: browsers ask again on another connection, which is
    /// another flow. Other streams of the connection come to their end. HTTP/1: as [`Close`](Self::Close).
    Goaway,
}

impl AbortKind {
    /// Why it makes no sense at a stage, if so.
    pub(crate) fn fits(self, stage: StageName) -> Result<(), String> {
        match self {
            Self::Discard if matches!(stage, StageName::Message | StageName::Event) => Ok(()),
            Self::Discard => {
                Err(format!("cannot discard at the stage {stage}: only messages and events can be missing"))
            }
            Self::Reset | Self::Close | Self::Stall => Ok(()),
            _ if stage.is_part() => {
                Err(format!("knows `reset`, `close`, `stall` and `discard` at the stage {stage}, not `{self}`"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for AbortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Close => "close",
            Self::Stall => "stall",
            Self::Truncate(after) => return write!(f, "truncate({after})"),
            Self::Malformed => "malformed",
            Self::Discard => "discard",
            Self::Goaway => "goaway",
        })
    }
}

/// What a test says of a rule when it declares it.
#[derive(Clone, Debug)]
pub(crate) struct RuleSpec {
    pub(crate) stage: StageName,
    pub(crate) filter: Filter,
    pub(crate) action: Action,
    pub(crate) place: Place,
    /// When it was declared, and after which flow: what came earlier cannot match, but a failure names it.
    pub(crate) since: Duration,
    /// What it is called, if not by its text.
    pub(crate) name: Option<&'static str>,
}

/// A declared rule. What changes about it (its count, whether it is open) is the rule table's.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: RuleId,
    pub(crate) stage: StageName,
    pub(crate) filter: Filter,
    pub(crate) action: Action,
    pub(crate) place: Place,
    pub(crate) since: Duration,
    /// As it is written, with the values of its braces filled in.
    pub(crate) text: Arc<str>,
    /// Whether its filter asks which occurrence a flow is.
    pub(crate) counts: bool,
}

impl Rule {
    pub(super) fn new(id: RuleId, spec: RuleSpec) -> Self {
        let text = spec.name.map_or_else(|| spec.to_string(), str::to_owned).into();
        let RuleSpec { stage, filter, action, place, since, .. } = spec;
        let counts = filter.counts();
        Self { id, stage, filter, action, place, since, text, counts }
    }

    /// What it says of a flow, as far as the flow is known.
    pub(crate) fn matches(&self, request: &Request, response: Option<&Response>) -> Truth {
        self.filter.matches(&self.view(request, response))
    }

    /// What its filter sees.
    pub(crate) fn view<'a>(&self, request: &'a Request, response: Option<&'a Response>) -> View<'a> {
        View::of(request, response, self.stage)
    }

    /// The same of a part of a stream, or of what is the `nth` to meet the rest of the filter.
    pub(crate) fn matches_as(
        &self,
        nth: Option<u64>,
        request: &Request,
        response: Option<&Response>,
        part: Option<&Part>,
    ) -> Truth {
        self.filter.matches(&View { occurrence: nth, part, ..self.view(request, response) })
    }
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.verb())?;
        f.write_str("(")?;
        if self.stage != self.action.usual_stage() {
            write!(f, "{}: ", self.stage)?;
        }
        write!(f, "{}", self.filter)?;
        match &self.action {
            Action::Hold | Action::Watch => {}
            Action::Delay(by) => write!(f, ", {by}")?,
            Action::Throttle(profile) => write!(f, ", {profile}")?,
            Action::Abort(kind) => write!(f, ", {kind}")?,
            Action::Respond(answer) => write!(f, ", {}", answer.status().as_u16())?,
            Action::Replace(local) => write!(f, ", {local}")?,
            Action::Rewrite { pattern, with } => write!(f, ", {:?} => {with:?}", pattern.as_str())?,
            Action::Edit { says, .. } => write!(f, ", {says}")?,
        }
        f.write_str(")")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
