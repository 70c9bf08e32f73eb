//! The orders that executions have shown, as a tree: after which events which others were possible. It predicts where a
//! plan leads, so that no order is executed twice.

use super::{Constraint, Event, Plan, Player, Step, Trace};
use std::collections::{BTreeMap, VecDeque};

/// All orders so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    root: Node,
    /// Constraints that hold in every order.
    fixed: Vec<Constraint>,
}

/// The state after some events.
#[derive(Debug, Default)]
struct Node {
    /// The events that were possible, in the order in which they became so; empty where no execution has been.
    enabled: Vec<Event>,
    next: BTreeMap<Event, Self>,
    /// Whether an execution has ended here.
    is_end: bool,
}

impl Known {
    pub(super) fn under(fixed: Vec<Constraint>) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// Adds the order of an execution.
    pub(super) fn learn(&mut self, trace: &Trace) {
        let mut node = &mut self.root;
        for Step { enabled, fired } in &trace.steps {
            let new: Vec<_> = enabled.iter().filter(|event| !node.enabled.contains(event)).cloned().collect();
            node.enabled.extend(new);
            node = node.next.entry(fired.clone()).or_default();
        }
        node.is_end = true;
    }

    /// Returns the order to which a plan leads, if all of it is known.
    pub(super) fn predict(&self, plan: &Plan) -> Option<Trace> {
        let (mut node, mut player) = (&self.root, Player::new(plan.clone()));
        while !node.is_end {
            if node.enabled.is_empty() {
                return None;
            }
            let picked = player.pick(&node.enabled);
            node = node.next.get(&node.enabled[picked])?;
        }
        Some(player.trace)
    }

    /// Returns how many different orders there are.
    pub(super) fn orders(&self) -> usize {
        self.root.orders()
    }

    /// Returns how many orders are left, at least: events that are possible at the same time can happen in any order.
    pub(super) fn left(&self) -> u128 {
        self.root.left(&mut Vec::new(), &self.fixed)
    }

    /// Returns the events up to the nearest choice that was never made, that choice included.
    pub(super) fn nearest_unknown(&self) -> Option<Vec<Event>> {
        let mut nodes = VecDeque::from([(&self.root, Vec::new())]);
        while let Some((node, path)) = nodes.pop_front() {
            let with = |event: &Event| path.iter().chain([event]).cloned().collect::<Vec<_>>();
            if node.is_end {
                continue;
            }
            if let Some(event) = node.possible(&path, &self.fixed).find(|event| !node.next.contains_key(event)) {
                return Some(with(event));
            }
            nodes.extend(node.next.iter().map(|(event, next)| (next, with(event))));
        }
        None
    }
}

impl Node {
    fn orders(&self) -> usize {
        usize::from(self.is_end) + self.next.values().map(Self::orders).sum::<usize>()
    }

    /// Returns the events that the constraints allow after these.
    fn possible<'a>(&'a self, fired: &[Event], fixed: &[Constraint]) -> impl Iterator<Item = &'a Event> {
        let waits = |event: &Event| fixed.iter().any(|one| one.late == *event && !fired.contains(&one.early));
        // If all wait, they wait for what does not happen.
        let all_wait = self.enabled.iter().all(waits);
        let allowed: Vec<_> = self.enabled.iter().filter(|event| all_wait || !waits(event)).collect();
        allowed.into_iter()
    }

    fn left(&self, fired: &mut Vec<Event>, fixed: &[Constraint]) -> u128 {
        if self.is_end {
            return 0;
        }
        let possible: Vec<_> = self.possible(fired, fixed).collect();
        let mut left: u128 = 0;
        for event in &possible {
            let behind = match self.next.get(*event) {
                Some(next) => {
                    fired.push((*event).clone());
                    let behind = next.left(fired, fixed);
                    fired.pop();
                    behind
                }
                None => (1..possible.len() as u128).fold(1, u128::saturating_mul),
            };
            left = left.saturating_add(behind);
        }
        left
    }
}
