//! What a test leaves for its evidence.

use crate::flow::FlowId;
use crate::journal::Entry;
use crate::page::Look;
use std::time::SystemTime;

/// Everything that the files of one test are drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    /// The name of the test, with its module path.
    pub(crate) test: String,
    /// The text of the failure; `None` if the test has passed.
    pub(crate) failure: Option<String>,
    /// The line of the test that the failure names, with the lines around it.
    pub(crate) source: Option<String>,
    /// What an exploration has found.
    pub(crate) race: Option<RaceFound>,
    /// The execution that the failure is about; before it, one that passed, if there is one.
    pub(crate) runs: Vec<Run>,
    /// Versions and settings.
    pub(crate) environment: Vec<(String, String)>,
}

impl Evidence {
    /// Returns how the test failed: of a race, how it fails in the order that was found.
    pub(crate) fn what_failed(&self) -> Option<&str> {
        self.race.as_ref().map(|race| &*race.failure).or(self.failure.as_deref())
    }

    /// Returns the execution that the failure is about.
    pub(crate) fn main(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// Returns the execution that passed, if there are two.
    pub(crate) fn other(&self) -> Option<&Run> {
        (self.runs.len() > 1).then(|| self.runs.first()).flatten()
    }

    /// Returns what happened, in one line.
    pub(crate) fn verdict(&self) -> String {
        match (&self.race, &self.failure) {
            (Some(race), _) => format!("Fails when {}.", race.sentence),
            (None, Some(failure)) => headline(failure),
            (None, None) => "The test has passed.".to_owned(),
        }
    }
}

/// Returns the first line that says what failed. A panic's first line is its place, and `assert_eq!` has two more.
fn headline(failure: &str) -> String {
    let mut lines = failure.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("panicked at "));
    let first = lines.next().unwrap_or("It panicked.").to_owned();
    let values = lines.take_while(|line| line.starts_with("left: ") || line.starts_with("right: "));
    values.fold(first, |all, value| format!("{all}, {value}"))
}

/// One execution of a test.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) failed: bool,
    /// When its journal began.
    pub(crate) started: SystemTime,
    pub(crate) entries: Vec<Entry>,
    /// The events that the explorer ordered, if it did.
    pub(crate) order: Vec<Ordered>,
    pub(crate) looks: Vec<Look>,
}

/// An event of an explored order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordered {
    /// As in schedules: `r:GET /a#1`.
    pub(crate) event: String,
    /// In words.
    pub(crate) says: String,
    /// The command, if it is an action.
    pub(crate) action: String,
    pub(crate) flow: Option<FlowId>,
}

/// A race that an exploration has found, in the words of its report.
#[derive(Clone, Debug)]
pub(crate) struct RaceFound {
    /// When the test fails, as a clause.
    pub(crate) sentence: String,
    /// The command, the attribute and the code that reproduce it; `None` if nothing does.
    pub(crate) ways: Option<Reproduce>,
    /// The events of its minimal schedule.
    pub(crate) racing: Vec<String>,
    /// How the test fails in this order.
    pub(crate) failure: String,
    /// What was tried, in words.
    pub(crate) tried: String,
    /// The executions of each order that was tried, and how many failed.
    pub(crate) orders: Vec<TriedOrder>,
    /// How often the test failed with the racing events in one order and in the other.
    pub(crate) pairs: Vec<PairCount>,
}

/// The ways to reproduce a race.
#[derive(Clone, Debug)]
pub(crate) struct Reproduce {
    pub(crate) schedule: String,
    pub(crate) command: String,
    pub(crate) attribute: String,
    pub(crate) code: String,
}

/// An order that was tried.
#[derive(Clone, Debug)]
pub(crate) struct TriedOrder {
    pub(crate) says: String,
    pub(crate) failed: usize,
    pub(crate) executions: usize,
}

/// How often a test failed when one event came before another.
#[derive(Clone, Debug)]
pub(crate) struct PairCount {
    pub(crate) first: String,
    pub(crate) second: String,
    pub(crate) failed: usize,
    pub(crate) executions: usize,
}
