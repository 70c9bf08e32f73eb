//! The record of a flow, as the journal tells it.

use super::{Fault, FlowId, Part, Request, Response};
use crate::sanitize::sanitize_line;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a flow ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The last byte of the answer was handed to the browser's socket.
    Delivered,
    /// The browser gave up first: a navigation, an `AbortController`, a closed tab.
    ClientGone,
    /// A rule or a verdict cut it off.
    Aborted,
    /// Something broke on the wire; the browser got what the fault says.
    Failed(Fault),
}

impl Outcome {
    /// Whether the whole answer reached the browser's socket.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        *self == Self::Delivered
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered => f.write_str("delivered"),
            Self::ClientGone => f.write_str("client gone"),
            Self::Aborted => f.write_str("aborted"),
            Self::Failed(fault) => write!(f, "failed ({fault})"),
        }
    }
}

/// The record of one flow. Immutable; made from the journal, so what has not happened yet is `None`.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Which flow.
    pub id: FlowId,
    /// When the request arrived, counted from the start of the [`Mitm`](crate::Mitm).
    pub began: Duration,
    /// The request as the browser sent it.
    pub request: Arc<Request>,
    /// The answer's head as it came from the upstream or from a rule.
    pub response: Option<Arc<Response>>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The part that is meant, if this is about one part of a stream.
    pub part: Option<Arc<Part>>,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.id, self.request.method(), sanitize_line(&self.request.url()))?;
        if let Some(response) = &self.response {
            write!(f, " -> {}", response.status().as_u16())?;
        }
        if let Some(part) = &self.part {
            write!(f, ", {part}")?;
        }
        match &self.outcome {
            None => f.write_str(" (under way)"),
            Some(Outcome::Delivered) => Ok(()),
            Some(other) => write!(f, " ({other})"),
        }
    }
}
