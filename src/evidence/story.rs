//! One execution as rows: what happened, where, in which order. Pure.

use super::record::Run;
use crate::flow::{FlowId, Outcome};
use crate::journal::{ConsoleLevel, Entry, Event};
use crate::report::is_look;
use crate::sanitize::sanitize_line;
use std::time::Duration;

/// Where something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Test,
    Page,
    Proxy,
    /// A whole flow; its parts are in its lane.
    Flow(FlowId),
}

/// What a row is, for its mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The test acts like a user.
    Action,
    /// The test looks at the page.
    Look,
    /// The test decides about a flow.
    Verdict,
    /// A rule parks a flow.
    Parked,
    /// Something is wrong: a fault, an uncaught error.
    Trouble,
    Other,
}

impl Kind {
    /// The mark of a row, which needs no color.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Action => "▶",
            Self::Look => "?",
            Self::Verdict => "✓",
            Self::Parked => "‖",
            Self::Trouble => "✗",
            Self::Other => "·",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Look => "look",
            Self::Verdict => "verdict",
            Self::Parked => "parked",
            Self::Trouble => "error",
            Self::Other => "",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) at: Duration,
    pub(super) lane: Lane,
    pub(super) kind: Kind,
    pub(super) says: String,
    /// More than 1 for what was repeated, until then.
    pub(super) times: usize,
    pub(super) until: Duration,
}

/// The rows of an execution, and the row of each entry of its journal.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) rows: Vec<Row>,
    /// `None` for entries that only add detail.
    pub(super) row_of: Vec<Option<usize>>,
}

impl Story {
    pub(super) fn of(run: &Run) -> Self {
        let mut story = Self::default();
        let mut is_torn_down = false;
        let mut entries = run.entries.iter().enumerate().peekable();
        while let Some((_, entry)) = entries.next() {
            is_torn_down |= matches!(entry.event, Event::Page { .. });
            let is_of_tear_down =
                is_torn_down && matches!(entry.event, Event::Command { .. } | Event::Commanded { .. });
            if entry.event.is_detail() || is_of_tear_down {
                story.row_of.push(None);
                continue;
            }
            let mut row = row(entry);
            let mut covered = 1;
            // A command and its reply are one row if nothing happened between them.
            if let (Event::Command { id, .. }, Some((_, next))) = (&entry.event, entries.peek())
                && let Event::Commanded { id: of, status } = next.event
                && of == *id
            {
                row.says += &answered(status);
                row.until = next.at;
                entries.next();
                covered = 2;
            }
            let at = story.add(row);
            story.row_of.extend(std::iter::repeat_n(Some(at), covered));
        }
        story
    }

    /// Adds a row, or counts a repetition: a test that polls alternates between two looks.
    fn add(&mut self, row: Row) -> usize {
        // What acts stays as often as it has acted.
        let repeats = row.kind == Kind::Look || row.lane == Lane::Page;
        let is_same = |known: &Row| repeats && known.lane == row.lane && known.says == row.says;
        let near = self.rows.iter().enumerate().rev().take(2);
        let found = near
            .take_while(|(_, known)| is_same(known) || (known.kind == Kind::Look && row.kind == Kind::Look))
            .find(|(_, known)| is_same(known))
            .map(|(at, _)| at);
        if let Some(at) = found {
            self.rows[at].times += 1;
            self.rows[at].until = row.until;
            return at;
        }
        self.rows.push(row);
        self.rows.len() - 1
    }
}

fn answered(status: u16) -> String {
    if status == 200 { String::new() } else { format!(", answered {status}") }
}

fn row(entry: &Entry) -> Row {
    let (lane, kind) = place(&entry.event);
    let says = match &entry.event {
        Event::Command { says, .. } => says.clone(),
        Event::Commanded { status: 200, .. } => "the command has ended".to_owned(),
        Event::Commanded { status, .. } => format!("the command was answered {status}"),
        other => {
            let text = other.to_string();
            let of = other.flow().map(|flow| format!("{flow} "));
            let bare = of.and_then(|of| text.strip_prefix(&of).map(str::to_owned)).unwrap_or(text);
            bare.strip_prefix("page: ").map(str::to_owned).unwrap_or(bare)
        }
    };
    let part = entry.event.flow().filter(|flow| *flow != flow.whole());
    let says = part.map_or_else(|| says.clone(), |part| format!("{part} {says}"));
    Row { at: entry.at, lane, kind, says: sanitize_line(&says), times: 1, until: entry.at }
}

/// Whether a command concerns the session and not a page.
fn is_of_session(says: &str) -> bool {
    ["new session", "end session", "window", "timeouts", "cookie"].iter().any(|start| says.starts_with(start))
}

fn place(event: &Event) -> (Lane, Kind) {
    let of_flow = |flow: &FlowId, kind| (Lane::Flow(flow.whole()), kind);
    match event {
        Event::Command { says, .. } if is_look(says) => (Lane::Test, Kind::Look),
        Event::Command { says, .. } if is_of_session(says) => (Lane::Test, Kind::Other),
        Event::Command { .. } => (Lane::Test, Kind::Action),
        Event::Commanded { status, .. } => (Lane::Test, if *status < 400 { Kind::Other } else { Kind::Look }),
        Event::Console { message } if message.level() >= ConsoleLevel::Error => (Lane::Page, Kind::Trouble),
        Event::Refused { .. } => (Lane::Page, Kind::Trouble),
        Event::Console { .. } | Event::Page { .. } | Event::Requested { .. } => (Lane::Page, Kind::Other),
        Event::Paused { .. } | Event::Resumed => (Lane::Test, Kind::Other),
        Event::Trouble { .. } => (Lane::Proxy, Kind::Trouble),
        Event::Parked { flow, .. } => of_flow(flow, Kind::Parked),
        Event::Decided { flow, .. } => of_flow(flow, Kind::Verdict),
        Event::Ended { flow, outcome: Outcome::Failed(_) } | Event::Unread { flow, .. } => of_flow(flow, Kind::Trouble),
        other => (other.flow().map_or(Lane::Proxy, |flow| Lane::Flow(flow.whole())), Kind::Other),
    }
}
