//! The least that still fails: as few constraints as possible on a base that passes without them.

use super::{Base, Constraint, Plan, Trace};
use std::collections::VecDeque;

/// Asks for executions one by one: [`next`](Self::next) gives a plan, [`told`](Self::told) hears whether it failed.
#[derive(Debug)]
pub(crate) struct Shrink {
    /// What is known to fail.
    best: Plan,
    /// One constraint each, or none.
    simple: VecDeque<Plan>,
    /// Of several constraints, when no single one does it: all that are left, and how finely they are cut.
    several: Option<Cut>,
    asked: Option<Plan>,
    /// Every event behind the one before it: what to fall back on when no single constraint fails.
    chain: Vec<Constraint>,
    left: usize,
    /// So many of those are kept for the chain.
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
    /// `found` failed with `failing`; `passing` are the traces of bases, of which the first is the natural order. At most
    /// `probes` executions are asked for.
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
        // What can be told as it is needs no chain.
        let chain = if found.can_be_told() { vec![] } else { chain(failing) };
        Self { best: found, simple, several: None, asked: None, chain, left: probes, kept_back: probes / 2 }
    }

    /// A plan to try; none when `best` is the least that was found.
    pub(crate) fn next(&mut self) -> Option<Plan> {
        self.left = self.left.checked_sub(1)?;
        if self.left < self.kept_back && !self.chain.is_empty() {
            self.simple.clear();
        }
        let plan = self.simple.pop_front().or_else(|| self.next_cut())?;
        self.asked = Some(plan.clone());
        Some(plan)
    }

    /// How the plan went that was asked for last.
    pub(crate) fn told(&mut self, failed: bool) {
        let Some(plan) = self.asked.take() else { return };
        match &mut self.several {
            None if failed => {
                self.best = plan;
                // Nothing is less than one.
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
                // Not even all of them fail.
                self.several = None;
            }
            Some(cut) => cut.at += 1,
        }
    }

    /// The least that failed.
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

/// All but one of so many pieces.
fn without(all: &[Constraint], pieces: usize, at: usize) -> Vec<Constraint> {
    let (from, to) = (all.len() * at / pieces, all.len() * (at + 1) / pieces);
    [&all[..from], &all[to..]].concat()
}

/// The order as it was. Actions keep theirs by themselves.
fn chain(failing: &Trace) -> Vec<Constraint> {
    let fired: Vec<_> = failing.fired().collect();
    let pairs = fired.windows(2).filter(|pair| !(pair[0].is_action() && pair[1].is_action()));
    pairs.map(|pair| Constraint { late: pair[1].clone(), early: pair[0].clone() }).collect()
}

/// The pairs that stand the other way round in the failing trace. Those that are nearest there come first: they are the
/// likeliest to matter.
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
