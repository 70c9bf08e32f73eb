//! What the executions of an exploration have shown, besides their orders.

use super::execution::Execution;
use crate::page::Appearance;
use crate::schedule::{Base, Plan, Trace};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many names are in a note.
const SHOWN: usize = 5;

/// What the executions so far have shown.
pub(super) struct Found {
    pub(super) passing: Vec<(Base, Trace)>,
    /// What readers saw at the end, as hashes.
    outcomes: BTreeSet<u64>,
    /// Places that differ between two natural executions: they are no part of an outcome.
    restless: BTreeSet<String>,
    /// Timers that pages set again and again.
    folded: BTreeSet<String>,
    loops: BTreeSet<String>,
    /// How many orders did not let a page settle, and why the first did not.
    unsettled: Option<(usize, String)>,
}

impl Found {
    /// Begins with two natural executions.
    pub(super) fn new(natural: &Execution, again: &Execution) -> Self {
        let passing = vec![(Base::FlowsFirst, natural.record.trace.clone())];
        let (loops, folded) = (natural.record.loops.clone(), natural.record.folded.clone());
        let restless = differing(natural.record.appearance.as_ref(), again.record.appearance.as_ref());
        let mut found = Self { passing, outcomes: BTreeSet::new(), restless, folded, loops, unsettled: None };
        found.outcomes.insert(found.outcome(natural));
        found
    }

    /// Returns how many different outcomes there were.
    pub(super) fn outcomes(&self) -> usize {
        self.outcomes.len()
    }

    fn outcome(&self, execution: &Execution) -> u64 {
        let mut hasher = DefaultHasher::new();
        let seen = execution.record.appearance.iter().flatten();
        seen.filter(|(place, _)| !self.restless.contains(place)).for_each(|part| part.hash(&mut hasher));
        hasher.finish()
    }

    /// Returns what to print after the count of orders.
    pub(super) fn notes(&self) -> String {
        let mut notes = String::new();
        if !self.loops.is_empty() {
            let loops: Vec<_> = self.loops.iter().map(String::as_str).collect();
            notes += &format!("\n  held from the fourth time on, since the page repeats them: {}", loops.join(", "));
        }
        notes += &note("no part of an outcome, since two natural executions differ there", &self.restless);
        notes += &note("not waited for, since the page sets them again and again", &self.folded);
        if let Some((orders, why)) = &self.unsettled {
            let why = why.lines().collect::<Vec<_>>().join("\n    ");
            notes += &format!(
                "\n  in {orders} orders a page did not settle, so these orders were tried only in part:\n    {why}"
            );
        }
        notes
    }

    pub(super) fn saw(&mut self, plan: &Plan, execution: &Execution) {
        self.outcomes.insert(self.outcome(execution));
        self.folded.extend(execution.record.folded.iter().cloned());
        self.loops.extend(execution.record.loops.iter().cloned());
        if let Some(why) = execution.record.doubts.first() {
            self.unsettled.get_or_insert_with(|| (0, why.clone())).0 += 1;
        }
        if plan.clone().under(&[]) == Plan::of(Base::ActionsFirst) && !execution.failed() {
            self.passing.push((Base::ActionsFirst, execution.record.trace.clone()));
        }
    }
}

/// Returns a line that names some of these, if there are any.
fn note(what: &str, of: &BTreeSet<String>) -> String {
    if of.is_empty() {
        return String::new();
    }
    let some: Vec<_> = of.iter().take(SHOWN).map(String::as_str).collect();
    let more = if of.len() > SHOWN { format!(" and {} more", of.len() - SHOWN) } else { String::new() };
    format!("\n  {what}: {}{more}", some.join(", "))
}

/// Returns the places in which two appearances differ.
fn differing(one: Option<&Appearance>, other: Option<&Appearance>) -> BTreeSet<String> {
    let (Some(one), Some(other)) = (one, other) else { return BTreeSet::new() };
    let only_in = |one: &Appearance, other: &Appearance| {
        let parts = one.iter().filter(|part| !other.contains(part));
        parts.map(|(place, _)| place.clone()).collect::<BTreeSet<_>>()
    };
    only_in(one, other).union(&only_in(other, one)).cloned().collect()
}
