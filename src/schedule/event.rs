//! What may happen next, by a name that stays the same from run to run.

use std::fmt;
use std::str::FromStr;

/// An event. Flows are named by a label: `GET /search?q=a#1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Event {
    /// The user's n-th action, from 1 on.
    Act(usize),
    /// An unsafe request goes to its server.
    Send(String),
    /// An answer goes to the page.
    Deliver(String),
}

impl Event {
    /// The label of a flow's event.
    pub(crate) fn label(&self) -> Option<&str> {
        match self {
            Self::Act(_) => None,
            Self::Send(label) | Self::Deliver(label) => Some(label),
        }
    }

    pub(crate) fn is_action(&self) -> bool {
        matches!(self, Self::Act(_))
    }

    /// What stands for it in a list of priorities, where the next action is one event, whichever it is.
    pub(super) fn symbol(&self) -> Self {
        match self {
            Self::Act(_) => Self::Act(0),
            other => other.clone(),
        }
    }

    /// As a sentence says it.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Act(n) => format!("the user's action {n}"),
            Self::Send(label) => format!("the request {label}"),
            Self::Deliver(label) if label.starts_with("MESSAGE ") => format!("the WebSocket's {label}"),
            Self::Deliver(label) if label.starts_with("EVENT ") => format!("the server-sent {label}"),
            Self::Deliver(label) => format!("the answer to {label}"),
        }
    }
}

/// As a schedule writes it.
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
            format!("`{text}` is no event: `r:GET /x#1` is an answer, `q:POST /x#1` a request, `a1` the first action")
        })
    }
}
