//! What went wrong on the wire. A fault never panics: it is journalled, and the browser gets a 502 that says it.

use super::Place;
use crate::sanitize::sanitize;
use std::fmt;

/// Where on its way a flow met trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultStage {
    /// What the client sent could not be understood.
    Client,
    /// TLS towards the client.
    ClientTls,
    /// The upstream's name could not be resolved.
    Resolve,
    /// No connection to the upstream.
    Connect,
    /// TLS towards the upstream.
    UpstreamTls,
    /// The request could not be handed to the upstream, or it gave no well-formed answer.
    Exchange,
    /// The upstream broke off in the middle of a body.
    Body,
    /// A rule could not do what it was told.
    Rule,
    /// Holdup's own mistake.
    Internal,
}

impl fmt::Display for FaultStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::ClientTls => "client tls",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::UpstreamTls => "upstream tls",
            Self::Exchange => "exchange",
            Self::Body => "body",
            Self::Rule => "rule",
            Self::Internal => "internal",
        })
    }
}

/// What went wrong on the wire, and at which stage.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    stage: FaultStage,
    what: String,
}

impl Fault {
    pub(crate) fn new(stage: FaultStage, what: impl Into<String>) -> Self {
        Self { stage, what: what.into() }
    }

    /// Keeps the whole chain of causes: the innermost is the one that says what to do.
    pub(crate) fn from_error(stage: FaultStage, what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut text = what.to_owned();
        let mut cause = Some(error);
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(if text.is_empty() { "" } else { ": " });
                text.push_str(&said);
            }
            cause = error.source();
        }
        Self::new(stage, text)
    }

    /// Names the rule that met it, if it was a rule's.
    pub(crate) fn of(self, rule: &str, place: Place) -> Self {
        match self.stage {
            FaultStage::Rule => Self { what: format!("{}\n    in {rule}\n    of {place}", self.what), ..self },
            _ => self,
        }
    }

    /// The text, without the stage.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The stage that failed.
    #[must_use]
    pub fn stage(&self) -> FaultStage {
        self.stage
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, sanitize(&self.what))
    }
}

/// The same text.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}
