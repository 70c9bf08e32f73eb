//! Reduces a failing plan to as few constraints as possible on a base that passes without them.

use super::{Base, Constraint, Plan, Trace};
use std::collections::VecDeque;

/// Requests executions one by one: [`next`](Self::next) returns a plan, [`told`](Self::told) takes whether it failed.
#[derive(Debug)]
pub(crate) struct Shrink {
    /// The smallest plan known to fail.
    best: Plan,
    /// Plans with one constraint or none.
    simple: VecDeque<Plan>,
    /// Used when no single constraint fails: all constraints that are left, and how finely they are divided.
    several: Option<Cut>,
    asked: Option<Plan>,
    /// Each event after the one before it: the fallback when no single constraint fails.
    chain: Vec<Constraint>,
    left: usize,
    /// Number of probes reserved for the chain.
    kept_back: usize,
}

/// The state of ddmin.
#[derive(Debug)]
struct Cut {
    kept: Vec<Constraint>,
    pieces: usize,
    at: usize,
    /// Whether all of them together were seen to fail.
    checked: bool,
}

impl Shrink {
    /// Starts from `found`, which failed with the trace `failing`. `passing` are the traces of bases, the first of
    /// which is the natural order. At most `probes` executions are requested.
    pub(crate) fn new(found: Plan, failing: &Trace, passing: &[(Base, Trace)], probes: usize) -> Self {
        let inverted: Vec<_> = passing.iter().map(|(base, trace)| (*base, inversions(failing, trace))).collect();
        let single = |(base, all): &(Base, Vec<Constraint>)| {
            let base = *base;
            all.iter().map(move |one| Plan::constrained(base, vec![one.clone()])).collect::<Vec<_>>()
        };
        let mut simple = VecDeque::new();
        for (i, each) in inverted.iter().enumerate() {
            if i > 0 {
                simple.push_back(Plan::of(each.0));
            }
            simple.extend(single(each));
        }
        // A plan with a complete text form needs no chain.
        let chain = if found.can_be_told() { vec![] } else { chain(failing) };
        Self { best: found, simple, several: None, asked: None, chain, left: probes, kept_back: probes / 2 }
    }

    /// Returns a plan to try; `None` when `best` is final.
    pub(crate) fn next(&mut self) -> Option<Plan> {
        self.left = self.left.checked_sub(1)?;
        if self.left < self.kept_back && !self.chain.is_empty() {
            self.simple.clear();
        }
        let plan = self.simple.pop_front().or_else(|| self.next_cut())?;
        self.asked = Some(plan.clone());
        Some(plan)
    }

    /// Takes the result of the plan that was returned last.
    pub(crate) fn told(&mut self, failed: bool) {
        let Some(plan) = self.asked.take() else { return };
        match &mut self.several {
            None if failed => {
                self.best = plan;
                // No plan is smaller than one constraint.
                self.simple.clear();
                self.chain.clear();
            }
            None => {}
            Some(cut) if failed => {
                cut.kept.clone_from(&plan.constraints);
                (cut.pieces, cut.at, cut.checked) = (cut.pieces.saturating_sub(1).max(2), 0, true);
                self.best = plan;
            }
            Some(cut) if !cut.checked => {
                // All of them together do not fail.
                self.several = None;
            }
            Some(cut) => cut.at += 1,
        }
    }

    /// Returns the smallest plan that failed.
    pub(crate) fn best(&self) -> &Plan {
        &self.best
    }

    fn next_cut(&mut self) -> Option<Plan> {
        loop {
            let Some(cut) = &mut self.several else {
                let kept = std::mem::take(&mut self.chain);
                if kept.is_empty() {
                    return None;
                }
                self.several = Some(Cut { kept, pieces: 2, at: 0, checked: false });
                continue;
            };
            if !cut.checked {
                return Some(Plan::constrained(Base::FlowsFirst, cut.kept.clone()));
            }
            if cut.kept.len() < 2 {
                return None;
            }
            if cut.at < cut.pieces {
                return Some(Plan::constrained(Base::FlowsFirst, without(&cut.kept, cut.pieces, cut.at)));
            }
            if cut.pieces >= cut.kept.len() {
                return None;
            }
            (cut.pieces, cut.at) = ((cut.pieces * 2).min(cut.kept.len()), 0);
        }
    }
}

/// Returns all constraints except one of `pieces` pieces.
fn without(all: &[Constraint], pieces: usize, at: usize) -> Vec<Constraint> {
    let (from, to) = (all.len() * at / pieces, all.len() * (at + 1) / pieces);
    [&all[..from], &all[to..]].concat()
}

/// Returns constraints that keep the order of the trace. Actions keep theirs without constraints.
fn chain(failing: &Trace) -> Vec<Constraint> {
    let fired: Vec<_> = failing.fired().collect();
    let pairs = fired.windows(2).filter(|pair| !(pair[0].is_action() && pair[1].is_action()));
    pairs.map(|pair| Constraint { late: pair[1].clone(), early: pair[0].clone() }).collect()
}

/// Returns the pairs that have the opposite order in the failing trace. Those closest to each other come first: they
/// are the most likely to matter.
fn inversions(failing: &Trace, passing: &Trace) -> Vec<Constraint> {
    let fired: Vec<_> = failing.fired().collect();
    let mut pairs = Vec::new();
    for (at, late) in fired.iter().enumerate() {
        for (before, early) in fired[..at].iter().enumerate() {
            let swapped = passing.position(late) < passing.position(early) && passing.position(late).is_some();
            if swapped && !(late.is_action() && early.is_action()) {
                let constraint = Constraint { late: (*late).clone(), early: (*early).clone() };
                pairs.push((at - before, constraint));
            }
        }
    }
    pairs.sort_by_key(|(distance, _)| *distance);
    pairs.into_iter().map(|(_, constraint)| constraint).collect()
}
