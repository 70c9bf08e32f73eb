//! One execution, told once for all files: its rows, its flows, and the rows of its ordered events. Pure.

use super::aligned::{aligned, parting, rows_of};
use super::flows::{FlowStory, flows};
use super::record::{Evidence, Run};
use super::story::Story;
use crate::flow::FlowId;

pub(super) struct Told<'a> {
    pub(super) run: &'a Run,
    pub(super) story: Story,
    pub(super) flows: Vec<FlowStory>,
    /// The rows of the ordered events.
    pub(super) ordered: Vec<Option<usize>>,
    /// The first letter of its anchors: `e17`.
    pub(super) prefix: char,
    pub(super) title: &'static str,
    /// The events that race, and their flows.
    pub(super) racing_events: Vec<String>,
    pub(super) racing: Vec<FlowId>,
}

/// The execution that the evidence is about, and the one that passed, if there are two.
pub(super) struct Both<'a> {
    pub(super) main: Option<Told<'a>>,
    pub(super) other: Option<Told<'a>>,
    /// The events that race.
    pub(super) racing: &'a [String],
}

impl<'a> Both<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let racing = evidence.race.as_ref().map_or(&[][..], |race| &race.racing);
        let title = if evidence.other().is_some() { "the order that fails" } else { "the test" };
        Self {
            racing,
            main: evidence.main().map(|run| Told::of(run, 'e', title, racing)),
            other: evidence.other().map(|run| Told::of(run, 'p', "the order that passes", racing)),
        }
    }

    /// Returns the executions: first the one that the evidence is about.
    pub(super) fn all(&self) -> impl Iterator<Item = &Told<'a>> {
        self.main.iter().chain(&self.other)
    }

    pub(super) fn is_pair(&self) -> bool {
        self.other.is_some()
    }

    /// Returns the rows that an execution's picture marks, with the words for them.
    pub(super) fn marks(&self, told: &Told<'_>) -> Vec<(usize, &'static str)> {
        let parting = told.parting(self.against(told)).map(|row| (row, "the orders part here"));
        let deciding = told.deciding(self.racing).filter(|_| told.prefix == 'e').map(|row| (row, "this decides"));
        parting.into_iter().chain(deciding).collect()
    }

    /// Returns the execution to compare one with.
    pub(super) fn against(&self, told: &Told<'_>) -> Option<&Told<'a>> {
        if told.prefix == 'e' { self.other.as_ref() } else { self.main.as_ref() }
    }
}

impl<'a> Told<'a> {
    fn of(run: &'a Run, prefix: char, title: &'static str, racing: &[String]) -> Self {
        let story = Story::of(run);
        let flows = flows(run, &story);
        let ordered = rows_of(run, &story);
        let races = run.order.iter().filter(|one| racing.contains(&one.event));
        let racing_events = races.clone().map(|one| one.event.clone()).collect();
        let racing = races.filter_map(|one| one.flow.map(FlowId::whole)).collect();
        Self { run, story, flows, ordered, prefix, title, racing_events, racing }
    }

    /// Returns the row of the event that decides: the last of those that race.
    pub(super) fn deciding(&self, racing: &[String]) -> Option<usize> {
        let races = self.run.order.iter().zip(&self.ordered).filter(|(event, _)| racing.contains(&event.event));
        races.filter_map(|(_, row)| *row).max()
    }

    /// Returns the row of the first event in which this order differs from another.
    pub(super) fn parting(&self, other: Option<&Self>) -> Option<usize> {
        let rows = aligned(&self.run.order, &other?.run.order);
        let first = rows[parting(&rows)?..].iter().find_map(|row| row.left)?;
        *self.ordered.get(first)?
    }
}
