//! Errors on the wire. A fault never panics: it is journalled, and where no response has begun, the browser gets a 502
//! with its text.

use super::Place;
use crate::sanitize::sanitize;
use std::fmt;

/// The stage at which a flow or a connection failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultStage {
    /// The client's data could not be parsed.
    Client,
    /// TLS with the client failed.
    ClientTls,
    /// The upstream's name could not be resolved.
    Resolve,
    /// No connection to the upstream could be established.
    Connect,
    /// TLS with the upstream failed.
    UpstreamTls,
    /// The request could not be sent to the upstream, or the response was not well-formed.
    Exchange,
    /// The connection broke off in the middle of a body.
    Body,
    /// A rule could not be applied.
    Rule,
    /// A bug in Holdup.
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

/// An error on the wire, with the stage at which it occurred.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    stage: FaultStage,
    what: String,
}

impl Fault {
    pub(crate) fn new(stage: FaultStage, what: impl Into<String>) -> Self {
        Self { stage, what: what.into() }
    }

    /// Creates a fault with the whole chain of causes: the innermost is the one to act on.
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

    /// Adds the rule and its line to a fault of the stage `Rule`.
    pub(crate) fn of(self, rule: &str, place: Place) -> Self {
        match self.stage {
            FaultStage::Rule => Self { what: format!("{}\n    in {rule}\n    of {place}", self.what), ..self },
            _ => self,
        }
    }

    /// Returns the text without the stage.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Returns the stage that failed.
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

/// The same text as `Display`.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Fault {}
