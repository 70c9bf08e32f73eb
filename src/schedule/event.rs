//! Events that can happen next, with names that are stable from run to run.

use std::fmt;
use std::str::FromStr;

/// An event. Flows are identified by a label: `GET /search?q=a#1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Event {
    /// The user's n-th action, counted from 1.
    Act(usize),
    /// An unsafe request is sent to its server.
    Send(String),
    /// A response, WebSocket message or server-sent event is delivered to the page.
    Deliver(String),
}

impl Event {
    /// Returns the label of a flow's event; `None` for an action.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Act(_) => None,
            Self::Send(label) | Self::Deliver(label) => Some(label),
        }
    }

    pub(crate) fn is_action(&self) -> bool {
        matches!(self, Self::Act(_))
    }

    /// Returns the event's key in a priority list, in which all actions share one entry.
    pub(super) fn symbol(&self) -> Self {
        match self {
            Self::Act(_) => Self::Act(0),
            other => other.clone(),
        }
    }

    /// Describes the event in words.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Act(n) => format!("the user's action {n}"),
            Self::Send(label) => format!("the request {label}"),
            Self::Deliver(label) if label.starts_with("MESSAGE ") => format!("the WebSocket's {label}"),
            Self::Deliver(label) if label.starts_with("EVENT ") => format!("the server-sent {label}"),
            Self::Deliver(label) => format!("the response to {label}"),
        }
    }
}

/// The notation in a schedule: `a1`, `q:LABEL`, `r:LABEL`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(n) => write!(f, "a{n}"),
            Self::Send(label) => write!(f, "q:{label}"),
            Self::Deliver(label) => write!(f, "r:{label}"),
        }
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(label) = text.strip_prefix("r:") {
            return Ok(Self::Deliver(label.to_owned()));
        }
        if let Some(label) = text.strip_prefix("q:") {
            return Ok(Self::Send(label.to_owned()));
        }
        let action = text.strip_prefix('a').and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        action.map(Self::Act).ok_or_else(|| {
            format!("`{text}` is not an event: `r:GET /x#1` is a response, `q:POST /x#1` a request, `a1` an action")
        })
    }
}
