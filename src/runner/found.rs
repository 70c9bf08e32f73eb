//! What the executions of an exploration have shown, besides their orders.

use super::execution::Execution;
use crate::schedule::{Base, Plan, Trace};
use std::collections::BTreeSet;

/// What the executions so far have shown.
pub(super) struct Found {
    pub(super) passing: Vec<(Base, Trace)>,
    pub(super) looks: BTreeSet<Option<u64>>,
    loops: BTreeSet<String>,
    /// How many orders did not let a page settle, and why the first did not.
    unsettled: Option<(usize, String)>,
}

impl Found {
    pub(super) fn new(natural: &Execution) -> Self {
        let passing = vec![(Base::FlowsFirst, natural.record.trace.clone())];
        let (looks, loops) = (BTreeSet::from([natural.record.fingerprint]), natural.record.loops.clone());
        Self { passing, looks, loops, unsettled: None }
    }

    /// Returns what to print after the count of orders.
    pub(super) fn notes(&self) -> String {
        let mut notes = String::new();
        if !self.loops.is_empty() {
            let loops: Vec<_> = self.loops.iter().map(String::as_str).collect();
            notes += &format!("\n  held from the fourth time on, since the page repeats them: {}", loops.join(", "));
        }
        if let Some((orders, why)) = &self.unsettled {
            let why = why.lines().collect::<Vec<_>>().join("\n    ");
            notes += &format!(
                "\n  in {orders} orders a page did not settle, so these orders were tried only in part:\n    {why}"
            );
        }
        notes
    }

    pub(super) fn saw(&mut self, plan: &Plan, execution: &Execution) {
        self.looks.insert(execution.record.fingerprint);
        self.loops.extend(execution.record.loops.iter().cloned());
        if let Some(why) = execution.record.doubts.first() {
            self.unsettled.get_or_insert_with(|| (0, why.clone())).0 += 1;
        }
        if *plan == Plan::of(Base::ActionsFirst) && !execution.failed() {
            self.passing.push((Base::ActionsFirst, execution.record.trace.clone()));
        }
    }
}
