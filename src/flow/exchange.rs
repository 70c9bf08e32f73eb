//! The record of a flow, built from the journal.

use super::{Fault, FlowId, Part, Request, Response};
use crate::sanitize::sanitize_line;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a flow ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The last byte of the response was handed to the browser's socket.
    Delivered,
    /// The browser gave up first: a navigation, an `AbortController`, a closed tab.
    ClientGone,
    /// A rule or a verdict aborted it.
    Aborted,
    /// It failed on the wire; the fault contains the stage and the cause.
    Failed(Fault),
}

impl Outcome {
    /// Returns whether the whole response reached the browser's socket.
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

/// The record of one flow.
///
/// Immutable and built from the journal, so what has not happened yet is `None`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The flow's id.
    pub id: FlowId,
    /// When the request arrived, as time since the start of the [`Mitm`](crate::Mitm).
    pub began: Duration,
    /// The request as the browser sent it.
    pub request: Arc<Request>,
    /// The response head as it came from the upstream or from a rule.
    pub response: Option<Arc<Response>>,
    /// How the flow ended.
    pub outcome: Option<Outcome>,
    /// The part of a stream, if the record is about one.
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
