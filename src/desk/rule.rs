//! A rule: where it acts, on what, and how.

use super::Edit;
use crate::filter::Filter;
use crate::flow::{Place, Request, Response, RuleId, StageName};
use regex::Regex;
use std::fmt;
use std::path::PathBuf;
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
    Delay(Duration),
    /// Cuts it off.
    Abort(AbortKind),
    /// Answers without the upstream.
    Respond(Arc<Response>),
    /// Serves a local file under the real answer's head.
    Replace(PathBuf),
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
            Self::Replace(_) | Self::Rewrite { .. } => StageName::Response,
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
}

impl fmt::Display for AbortKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reset => "reset",
            Self::Close => "close",
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
}

/// A declared rule. What changes about it (its count, whether it is open) is the desk's.
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
}

impl Rule {
    pub(super) fn new(id: RuleId, spec: RuleSpec) -> Self {
        let text = spec.to_string().into();
        let RuleSpec { stage, filter, action, place, since } = spec;
        Self { id, stage, filter, action, place, since, text }
    }

    /// What it says of a flow, as far as the flow is known.
    pub(crate) fn matches(&self, request: &Request, response: Option<&Response>) -> crate::filter::Truth {
        self.filter.matches(&crate::filter::View::of(request, response, self.stage))
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
            Action::Delay(by) => write!(f, ", {by:?}")?,
            Action::Abort(kind) => write!(f, ", {kind}")?,
            Action::Respond(answer) => write!(f, ", {}", answer.status().as_u16())?,
            Action::Replace(file) => write!(f, ", {:?}", file.display().to_string())?,
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
