//! The rule table: which rules are open, and which flows are parked by which rule. A pure state machine: no lock, no
//! clock, no waiting. Flows reach it through [`proxy::gate`](crate::proxy), tests through [`verbs`](crate::verbs).

mod edit;
mod local;
mod pace;
mod replayer;
mod rule;
mod rule_set;

pub use edit::{AnyEdit, Editable};
pub(crate) use edit::{Change, Edit};
pub use local::Local;
pub(crate) use local::{TEXT, media_type};
pub use pace::{Delay, Profile};
pub(crate) use replayer::{NoAnswer, Piece, Replayed, ReplayedAnswer, Replayer, Script, Turn};
pub use rule::AbortKind;
pub(crate) use rule::{Action, Rule, RuleSpec};
pub(crate) use rule_set::RuleSet;

use crate::flow::{FlowId, RuleId, StageName};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// All rules of one [`Mitm`](crate::Mitm) and all flows that they park.
#[derive(Debug, Default)]
pub(crate) struct RuleTable {
    rules: Vec<Entry>,
    parked: BTreeMap<FlowId, Parked>,
    /// Rebuilt if a rule was opened or closed since it was last read.
    snapshot: Option<Arc<RuleSet>>,
    stopped: bool,
}

#[derive(Debug)]
struct Entry {
    rule: Arc<Rule>,
    open: bool,
    hits: u64,
    /// How many flows matched the rest of a filter that selects its n-th match.
    occurrences: u64,
    limit: Option<u64>,
    optional: bool,
    /// Parked by this rule and not yet handed to the test, in order of parking.
    queue: VecDeque<FlowId>,
}

/// A flow that waits for a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parked {
    pub(crate) flow: FlowId,
    pub(crate) rule: RuleId,
    pub(crate) stage: StageName,
    pub(crate) since: Duration,
}

/// What a rule does with a flow that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: it was closed or reached its limit in the meantime.
    Pass,
    /// It acts; this is its n-th match, counted from 1.
    Act(u64),
    /// The flow is now parked.
    Park,
}

/// What a test left unfinished.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// A hold that never matched.
    Unused(Arc<Rule>),
    /// A flow without a verdict.
    StillParked(Parked, Arc<Rule>),
}

impl RuleTable {
    /// Opens a rule. It applies to every flow that reaches its stage from now on. After [`stop`](Self::stop) it stays
    /// closed.
    pub(crate) fn register(&mut self, spec: RuleSpec) -> Arc<Rule> {
        let rule = Arc::new(Rule::new(RuleId(self.rules.len() as u64), spec));
        let entry = Entry {
            rule: Arc::clone(&rule),
            open: !self.stopped,
            hits: 0,
            occurrences: 0,
            limit: None,
            optional: false,
            queue: VecDeque::new(),
        };
        self.rules.push(entry);
        self.snapshot = None;
        rule
    }

    /// Returns the open rules, which apply to a flow that reaches a stage now.
    pub(crate) fn rules(&mut self) -> Arc<RuleSet> {
        let Self { rules, snapshot, .. } = self;
        let fresh = || Arc::new(RuleSet::new(rules.iter().filter(|e| e.open).map(|e| &e.rule)));
        Arc::clone(snapshot.get_or_insert_with(fresh))
    }

    /// Counts a match of a rule and returns what the rule does. Checking the limit and counting are one step.
    pub(crate) fn claim(&mut self, rule: RuleId, flow: FlowId, stage: StageName, now: Duration) -> Claim {
        let entry = self.entry(rule);
        if !entry.open || entry.limit.is_some_and(|limit| entry.hits >= limit) {
            return Claim::Pass;
        }
        entry.hits += 1;
        if !matches!(entry.rule.action, Action::Hold) {
            return Claim::Act(entry.hits);
        }
        entry.queue.push_back(flow);
        self.parked.insert(flow, Parked { flow, rule, stage, since: now });
        Claim::Park
    }

    /// Counts a flow that matches all of a rule's filter except the occurrence. Returns its occurrence number.
    pub(crate) fn occurrence(&mut self, rule: RuleId) -> u64 {
        let entry = self.entry(rule);
        entry.occurrences += 1;
        entry.occurrences
    }

    /// Parks a flow again with its response after `advance`. It is not queued: the test already has it.
    pub(crate) fn park_again(&mut self, rule: RuleId, flow: FlowId, now: Duration) -> Claim {
        if !self.entry(rule).open {
            return Claim::Pass;
        }
        self.parked.insert(flow, Parked { flow, rule, stage: StageName::Response, since: now });
        Claim::Park
    }

    /// Takes the flow that a hold has parked longest, of those that the test does not have.
    pub(crate) fn take(&mut self, rule: RuleId) -> Option<Parked> {
        let flow = self.entry(rule).queue.pop_front()?;
        self.parked.get(&flow).cloned()
    }

    /// Hands out all flows that a hold parks and that the test does not have.
    pub(crate) fn take_all(&mut self, rule: RuleId) -> Vec<FlowId> {
        self.entry(rule).queue.drain(..).collect()
    }

    /// Removes a flow that was decided or whose client is gone. Returns whether it was parked.
    pub(crate) fn leave(&mut self, flow: FlowId) -> bool {
        let Some(parked) = self.parked.remove(&flow) else { return false };
        self.entry(parked.rule).queue.retain(|queued| *queued != flow);
        true
    }

    /// Closes a rule. The caller releases the returned flows; flows that the test has taken stay parked.
    pub(crate) fn close(&mut self, rule: RuleId) -> Vec<FlowId> {
        self.snapshot = None;
        let entry = self.entry(rule);
        entry.open = false;
        entry.queue.drain(..).collect()
    }

    /// Closes all rules, including any registered later, and returns all parked flows.
    pub(crate) fn stop(&mut self) -> Vec<FlowId> {
        self.stopped = true;
        self.snapshot = None;
        self.rules.iter_mut().for_each(|entry| entry.open = false);
        self.parked.keys().copied().collect()
    }

    pub(crate) fn limit(&mut self, rule: RuleId, times: u64) {
        self.entry(rule).limit = Some(times);
    }

    pub(crate) fn set_optional(&mut self, rule: RuleId) {
        self.entry(rule).optional = true;
    }

    pub(crate) fn hits(&self, rule: RuleId) -> u64 {
        self.rules[Self::index(rule)].hits
    }

    pub(crate) fn rule(&self, rule: RuleId) -> &Arc<Rule> {
        &self.rules[Self::index(rule)].rule
    }

    /// Returns all parked flows, with the rules that park them.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (&Parked, &Arc<Rule>)> {
        self.parked.values().map(|parked| (parked, self.rule(parked.rule)))
    }

    /// Returns what the test left unfinished: holds that never matched, flows without a verdict.
    pub(crate) fn audit(&self) -> Vec<Finding> {
        let unused = |entry: &&Entry| matches!(entry.rule.action, Action::Hold) && entry.hits == 0 && !entry.optional;
        let unused = self.rules.iter().filter(unused).map(|entry| Finding::Unused(Arc::clone(&entry.rule)));
        let parked = self.parked().map(|(parked, rule)| Finding::StillParked(parked.clone(), Arc::clone(rule)));
        unused.chain(parked).collect()
    }

    /// Returns rules, other than holds, that never matched.
    pub(crate) fn idle(&self) -> Vec<Arc<Rule>> {
        let acts = |entry: &&Entry| entry.hits == 0 && !matches!(entry.rule.action, Action::Hold);
        self.rules.iter().filter(acts).map(|entry| Arc::clone(&entry.rule)).collect()
    }

    /// Returns whether any rule has a random delay.
    pub(crate) fn draws(&self) -> bool {
        self.rules.iter().any(|entry| matches!(entry.rule.action, Action::Delay(by) if by.is_range()))
    }

    fn entry(&mut self, rule: RuleId) -> &mut Entry {
        &mut self.rules[Self::index(rule)]
    }

    /// Rules are never removed, only closed, so an id stays an index.
    fn index(rule: RuleId) -> usize {
        usize::try_from(rule.0).expect("an id is made from an index")
    }
}

#[cfg(test)]
mod tests;
