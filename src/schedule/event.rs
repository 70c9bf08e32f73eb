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

    /// Names the event in a list of events.
    pub(crate) fn short(&self) -> String {
        match self {
            Self::Act(n) => format!("action {n}"),
            Self::Send(label) => format!("{} is sent", named(label)),
            Self::Deliver(label) => named(label),
        }
    }

    /// Describes the event in words.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Act(n) => format!("the user's action {n}"),
            Self::Send(label) => format!("the request {}", named(label)),
            Self::Deliver(label) => match label.split_once(' ') {
                Some(("MESSAGE", rest)) => format!("the WebSocket message {}", part(rest)),
                Some(("EVENT", rest)) => format!("the server-sent event {}", part(rest)),
                _ => format!("the response to {}", named(label)),
            },
        }
    }
}

/// Returns the label of a part in words: `joined of /socket`, for `/socket joined`.
fn part(label: &str) -> String {
    let (label, number) = label.rsplit_once('#').map_or((label, "1"), |(label, number)| (label, number));
    match label.split_once(' ') {
        Some((place, name)) if !name.starts_with('@') => named(&format!("{name} of {place}#{number}")),
        _ => named(&format!("of {label}#{number}")),
    }
}

/// Returns a label with its number in words: `GET /a`, `GET /a (2nd)`.
fn named(label: &str) -> String {
    let parts = label.rsplit_once('#').and_then(|(name, number)| Some((name, number.parse::<usize>().ok()?)));
    match parts {
        None => label.to_owned(),
        Some((name, 1)) => name.to_owned(),
        Some((name, number)) => {
            let end = match (number % 10, number % 100) {
                (_, 11..=13) => "th",
                (1, _) => "st",
                (2, _) => "nd",
                (3, _) => "rd",
                _ => "th",
            };
            format!("{name} ({number}{end})")
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
