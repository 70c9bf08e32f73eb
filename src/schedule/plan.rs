//! Plans, which select one of the events that are possible now, and the player that follows a plan.

use super::Event;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The choice where nothing else in a plan decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Base {
    /// Responses before actions, oldest first: what usually happens.
    FlowsFirst,
    /// Actions before responses: a user who is faster than the network.
    ActionsFirst,
    /// Like the first two, with the newest response first.
    LateFlows,
    LateActions,
}

impl Base {
    /// Describes the base as a clause.
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::FlowsFirst => "every response arrives before the user acts again",
            Self::ActionsFirst => "the user acts before any response arrives",
            Self::LateFlows => "every response arrives before the user acts again, the newest first",
            Self::LateActions => "the user acts before any response arrives, and the newest response arrives first",
        }
    }

    pub(crate) const ALL: [Self; 4] = [Self::FlowsFirst, Self::ActionsFirst, Self::LateFlows, Self::LateActions];
}

/// `late` does not happen before `early`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Constraint {
    pub(crate) late: Event,
    pub(crate) early: Event,
}

/// Selects which of the enabled events happens. In order of precedence: `script`, `constraints`, `slow`, `changes`,
/// `priorities`, `base`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) base: Base,
    pub(crate) constraints: Vec<Constraint>,
    /// These events happen only when no other can; of several, the first in the list happens last.
    pub(super) slow: Vec<Event>,
    /// Most urgent first. An event that is not in the list gets a position from its name and this seed.
    pub(super) priorities: Option<(Vec<Event>, u64)>,
    /// At these steps the event that would happen is postponed until no other can happen.
    pub(super) changes: Vec<usize>,
    /// At these steps the next best event happens instead; the third best if a step is listed twice. Ascending.
    pub(super) delays: Vec<usize>,
    /// The first events, in this order.
    pub(super) script: Vec<Event>,
    /// Constraints that hold in every order of the test.
    pub(super) fixed: Vec<Constraint>,
}

impl Plan {
    pub(crate) fn of(base: Base) -> Self {
        Self {
            base,
            constraints: vec![],
            slow: vec![],
            priorities: None,
            changes: vec![],
            delays: vec![],
            script: vec![],
            fixed: vec![],
        }
    }

    pub(crate) fn constrained(base: Base, constraints: Vec<Constraint>) -> Self {
        Self { constraints, ..Self::of(base) }
    }

    /// Returns the plan with constraints that hold in every order of the test; its text form does not have them.
    pub(crate) fn under(self, fixed: &[Constraint]) -> Self {
        Self { fixed: fixed.to_vec(), ..self }
    }

    /// Returns whether the text form of the plan is complete.
    pub(crate) fn can_be_told(&self) -> bool {
        let has_priorities = self.priorities.is_some() || !self.changes.is_empty();
        self.slow.is_empty() && !has_priorities && self.delays.is_empty() && self.script.is_empty()
    }

    pub(super) fn slow(events: Vec<Event>) -> Self {
        Self { slow: events, ..Self::of(Base::FlowsFirst) }
    }

    pub(super) fn by_priority(events: Vec<Event>, seed: u64, changes: Vec<usize>) -> Self {
        Self { priorities: Some((events, seed)), changes, ..Self::of(Base::FlowsFirst) }
    }

    pub(super) fn delayed(base: Base, delays: Vec<usize>) -> Self {
        Self { delays, ..Self::of(base) }
    }

    pub(super) fn scripted(script: Vec<Event>) -> Self {
        Self { script, ..Self::of(Base::FlowsFirst) }
    }

    /// Whether the plan is a base, with delays or without.
    pub(super) fn is_base_with_delays(&self) -> bool {
        Self { delays: vec![], fixed: vec![], ..self.clone() } == Self::of(self.base)
    }
}

/// The record of one execution: at each step the events that were possible, and the one that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) enabled: Vec<Event>,
    pub(crate) fired: Event,
}

impl Trace {
    pub(crate) fn fired(&self) -> impl Iterator<Item = &Event> {
        self.steps.iter().map(|step| &step.fired)
    }

    /// Returns the step at which an event happened.
    pub(crate) fn position(&self, event: &Event) -> Option<usize> {
        self.fired().position(|fired| fired == event)
    }

    /// Returns the step at which another order parts from this one.
    pub(crate) fn parting(&self, other: &Self) -> usize {
        let equal = self.fired().zip(other.fired()).take_while(|(mine, its)| mine == its);
        equal.count()
    }

    /// Returns the first step that differs from another run of the same plan, and an event that differs there.
    pub(crate) fn parts_from(&self, other: &Self) -> Option<(usize, Option<&Event>)> {
        let longest = self.steps.len().max(other.steps.len());
        (0..longest).find_map(|at| {
            let (mine, its) = (self.steps.get(at), other.steps.get(at));
            (mine.map(Step::as_set) != its.map(Step::as_set)).then(|| (at, self.only_mine(at, other)))
        })
    }

    /// Returns an event that was possible at this step here and not in `other`; if there is none, the one that
    /// happened.
    fn only_mine(&self, at: usize, other: &Self) -> Option<&Event> {
        let mine = self.steps.get(at)?;
        let there = other.steps.get(at).map(|step| &step.enabled[..]).unwrap_or_default();
        mine.enabled.iter().find(|event| !there.contains(event)).or(Some(&mine.fired))
    }
}

impl Step {
    /// For comparison: the order of the enabled events does not matter.
    fn as_set(&self) -> (BTreeSet<&Event>, &Event) {
        (self.enabled.iter().collect(), &self.fired)
    }
}

/// Follows a plan through one execution.
#[derive(Debug)]
pub(crate) struct Player {
    plan: Plan,
    pub(crate) trace: Trace,
    fired: BTreeSet<Event>,
    /// Postponed for the rest of the execution.
    lowered: Vec<Event>,
}

impl Player {
    pub(crate) fn new(plan: Plan) -> Self {
        Self { plan, trace: Trace::default(), fired: BTreeSet::new(), lowered: Vec::new() }
    }

    /// Returns the index of the event that happens now. `enabled` is ordered by when its events became possible. Panics
    /// if it is empty.
    pub(crate) fn pick(&mut self, enabled: &[Event]) -> usize {
        let step = self.trace.steps.len();
        let mut left: Vec<_> = (0..enabled.len()).collect();
        let scripted = self.plan.script.get(step).and_then(|event| enabled.iter().position(|one| one == event));
        let mut picked = scripted.unwrap_or_else(|| self.choose(enabled, &left));
        if self.plan.changes.contains(&step) {
            self.lowered.push(enabled[picked].clone());
            picked = self.choose(enabled, &left);
        }
        for _ in self.plan.delays.iter().filter(|delayed| **delayed == step) {
            left.retain(|at| *at != picked);
            let can_wait = left.iter().any(|at| !self.is_held_back(&enabled[*at]));
            picked = if can_wait { self.choose(enabled, &left) } else { picked };
        }
        let fired = enabled[picked].clone();
        self.fired.insert(fired.clone());
        self.trace.steps.push(Step { enabled: enabled.to_vec(), fired });
        picked
    }

    /// Selects one of the indices in `left`.
    fn choose(&self, enabled: &[Event], left: &[usize]) -> usize {
        let free = unless_empty(left, |at| !self.is_held_back(&enabled[at]));
        let willing = unless_empty(&free, |at| !self.plan.slow.contains(&enabled[at]));
        let kept = unless_empty(&willing, |at| !self.lowered.contains(&enabled[at]));
        if let Some(slowest) = kept.iter().copied().max_by_key(|at| self.slowness(&enabled[*at]))
            && self.slowness(&enabled[slowest]).is_some()
        {
            return slowest;
        }
        match &self.plan.priorities {
            Some((list, seed)) => {
                kept.into_iter().min_by_key(|at| rank(&enabled[*at], list, *seed)).unwrap_or_default()
            }
            None => self.by_base(enabled, &kept),
        }
    }

    /// Returns whether a constraint forbids the event for now.
    fn is_held_back(&self, event: &Event) -> bool {
        let waits = |constraint: &&Constraint| constraint.late == *event && !self.fired.contains(&constraint.early);
        self.plan.constraints.iter().chain(&self.plan.fixed).any(|constraint| waits(&constraint))
    }

    /// Returns the position in `slow`; of several slow events, the last in the list happens first.
    fn slowness(&self, event: &Event) -> Option<usize> {
        self.plan.slow.iter().position(|slow| slow == event)
    }

    fn by_base(&self, enabled: &[Event], kept: &[usize]) -> usize {
        let action = kept.iter().copied().find(|at| enabled[*at].is_action());
        let mut flows = kept.iter().copied().filter(|at| !enabled[*at].is_action());
        let (flow, action_first) = match self.plan.base {
            Base::FlowsFirst => (flows.next(), false),
            Base::ActionsFirst => (flows.next(), true),
            Base::LateFlows => (flows.next_back(), false),
            Base::LateActions => (flows.next_back(), true),
        };
        let picked = if action_first { action.or(flow) } else { flow.or(action) };
        picked.unwrap_or_default()
    }
}

/// Returns the indices that `keep` accepts, or all of them if it accepts none.
fn unless_empty(from: &[usize], keep: impl Fn(usize) -> bool) -> Vec<usize> {
    let kept: Vec<_> = from.iter().copied().filter(|at| keep(*at)).collect();
    if kept.is_empty() { from.to_vec() } else { kept }
}

/// Returns the position of an event in a priority list; for one that is not listed, a position that is always the same.
fn rank(event: &Event, list: &[Event], seed: u64) -> (usize, u64) {
    let symbol = event.symbol();
    let mut hasher = DefaultHasher::new();
    (seed, &symbol).hash(&mut hasher);
    let hash = hasher.finish();
    let somewhere = || usize::try_from(hash % (list.len() as u64 + 1)).unwrap_or_default();
    (list.iter().position(|listed| *listed == symbol).unwrap_or_else(somewhere), hash)
}
