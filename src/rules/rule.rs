//! A rule: its stage, its filter and its action.

use super::{Delay, Edit, Local, Profile, Replayer};
use crate::filter::{Filter, Truth, View};
use crate::flow::{Part, Place, Request, Response, RuleId, StageName};
use regex::Regex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What a rule does to a flow that matches.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Parks the flow until the test decides.
    Hold,
    /// Records the flow for the test.
    Watch,
    /// Passes the flow on no earlier than this after its arrival.
    Delay(Delay),
    /// Limits the pace of the body.
    Throttle(Profile),
    /// Aborts the flow.
    Abort(AbortKind),
    /// Responds without the upstream.
    Respond(Arc<Response>),
    /// Responds from a recording.
    Replay(Replayer),
    /// Serves a local file with the head of the real response.
    Replace(Local),
    /// Rewrites the decoded text of the body.
    Rewrite { pattern: Regex, with: String },
    /// Changes the flow by code: that of the test, or that of a verb, which also describes it.
    Edit { edit: Edit, verb: &'static str, says: String, of_body: bool },
}

impl Action {
    /// Returns whether the action changes what a cache may keep: then the browser must not get "not modified".
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
            Self::Replay(_) => "mitm.replay",
            Self::Replace(_) => "replace!",
            Self::Rewrite { .. } => "rewrite!",
            Self::Edit { verb, .. } => verb,
        }
    }

    /// Returns the stage that a verb implies if none is written. Actions that change a response imply the response.
    fn usual_stage(&self) -> StageName {
        match self {
            Self::Replace(_) | Self::Rewrite { .. } | Self::Throttle(_) => StageName::Response,
            Self::Edit { edit: Edit::Response(_), verb: "rewrite!", .. } => StageName::Response,
            _ => StageName::Request,
        }
    }
}

/// How a flow is aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbortKind {
    /// HTTP/1: the connection is reset (TCP RST). HTTP/2: RST_STREAM with INTERNAL_ERROR; the connection stays open.
    Reset,
    /// HTTP/1: the connection is closed (FIN) without a response. HTTP/2: RST_STREAM with CANCEL.
    Close,
    /// There is never a response: the client waits until it gives up or the test ends.
    ///
    /// A page that waits for it counts as [settled](crate::Browser::settled), as if the flow were held.
    Stall,
    /// The response breaks off after this many bytes of its body.
    ///
    /// It declares its whole length. On HTTP/1 the connection is closed; on HTTP/2 the stream is reset as by
    /// [`Reset`](Self::Reset). A body of known length that is no longer than this passes: the rule is not applied. One of
    /// unknown length breaks off at its end at the latest. At the request, the response consists of blanks and the server
    /// receives nothing; the response to a HEAD is whole.
    Truncate(u64),
    /// HTTP/1: the response is not HTTP. HTTP/2: RST_STREAM with PROTOCOL_ERROR.
    Malformed,
    /// A WebSocket message or a server-sent event never arrives; the others do.
    Discard,
    /// HTTP/2: GOAWAY, as when a server restarts, and the stream is refused. HTTP/1: as [`Close`](Self::Close).
    ///
    /// Browsers retry on another connection, which is another flow. Other streams of the connection complete.
    Goaway,
}

impl AbortKind {
    /// Checks that this kind applies at a stage. The error is the reason why not, as part of a sentence.
    pub(crate) fn fits(self, stage: StageName) -> Result<(), String> {
        match self {
            Self::Discard if matches!(stage, StageName::Message | StageName::Event) => Ok(()),
            Self::Discard => {
                Err(format!("cannot discard at the stage {stage}: only messages and events can be missing"))
            }
            Self::Reset | Self::Close | Self::Stall => Ok(()),
            _ if stage.is_part() => {
                Err(format!("takes `reset`, `close`, `stall` or `discard` at the stage {stage}, not `{self}`"))
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

/// The declaration of a rule.
#[derive(Clone, Debug)]
pub(crate) struct RuleSpec {
    pub(crate) stage: StageName,
    pub(crate) filter: Filter,
    pub(crate) action: Action,
    pub(crate) place: Place,
    /// When it was declared, on the journal's clock. A failure names matching flows that began earlier.
    pub(crate) since: Duration,
    /// The name to show instead of the text.
    pub(crate) name: Option<&'static str>,
}

/// A declared rule. Its mutable state (match count, open or closed) belongs to the rule table.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: RuleId,
    pub(crate) stage: StageName,
    pub(crate) filter: Filter,
    pub(crate) action: Action,
    pub(crate) place: Place,
    pub(crate) since: Duration,
    /// The rule as written, with the values of its braces filled in.
    pub(crate) text: Arc<str>,
    /// Whether the filter depends on the occurrence of a flow.
    pub(crate) counts: bool,
}

impl Rule {
    pub(super) fn new(id: RuleId, spec: RuleSpec) -> Self {
        let text = spec.name.map_or_else(|| spec.to_string(), str::to_owned).into();
        let RuleSpec { stage, filter, action, place, since, .. } = spec;
        let counts = filter.counts();
        Self { id, stage, filter, action, place, since, text, counts }
    }

    /// Matches the filter against a flow, as far as the flow is known.
    pub(crate) fn matches(&self, request: &Request, response: Option<&Response>) -> Truth {
        self.filter.evaluate(&self.view(request, response))
    }

    /// Returns what the filter sees of a flow.
    pub(crate) fn view<'a>(&self, request: &'a Request, response: Option<&'a Response>) -> View<'a> {
        View::of(request, response, self.stage)
    }

    /// Like [`matches`](Self::matches), for a part of a stream or for the `nth` flow that matches the rest of the
    /// filter.
    pub(crate) fn matches_as(
        &self,
        nth: Option<u64>,
        request: &Request,
        response: Option<&Response>,
        part: Option<&Part>,
    ) -> Truth {
        self.filter.evaluate(&View { occurrence: nth, part, ..self.view(request, response) })
    }
}

impl fmt::Display for RuleSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.verb())?;
        if let Action::Replay(replayer) = &self.action {
            return write!(f, "({:?})", replayer.says);
        }
        f.write_str("(")?;
        if self.stage != self.action.usual_stage() {
            write!(f, "{}: ", self.stage)?;
        }
        write!(f, "{}", self.filter)?;
        match &self.action {
            Action::Hold | Action::Watch | Action::Replay(_) => {}
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
