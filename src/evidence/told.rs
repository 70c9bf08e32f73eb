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
    /// The flows that race.
    pub(super) racing: Vec<FlowId>,
}

/// The execution that the evidence is about, and the one that passed, if there are two.
pub(super) struct Both<'a> {
    pub(super) main: Option<Told<'a>>,
    pub(super) other: Option<Told<'a>>,
}

impl<'a> Both<'a> {
    pub(super) fn of(evidence: &'a Evidence) -> Self {
        let racing = evidence.race.as_ref().map_or(&[][..], |race| &race.racing);
        let title = if evidence.other().is_some() { "the order that fails" } else { "the test" };
        Self {
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
        let racing = races.filter_map(|one| one.flow.map(FlowId::whole)).collect();
        Self { run, story, flows, ordered, prefix, title, racing }
    }

    /// Returns the row of the first event in which this order differs from another.
    pub(super) fn parting(&self, other: Option<&Self>) -> Option<usize> {
        let rows = aligned(&self.run.order, &other?.run.order);
        let first = rows[parting(&rows)?..].iter().find_map(|row| row.left)?;
        *self.ordered.get(first)?
    }
}
