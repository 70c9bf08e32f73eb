//! The ledger: which rules are open, which flows are parked and by whom. A pure state machine: no lock, no clock, no
//! waiting. [`proxy::gate`](crate::proxy) is its door for flows, [`verbs`](crate::verbs) its door for tests.

mod edit;
mod local;
mod pace;
mod rule;
mod rule_set;

pub(crate) use edit::Edit;
pub use edit::{AnyEdit, Editable};
pub use local::Local;
pub(crate) use local::{TEXT, media_type};
pub use pace::{Delay, Profile};
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
    /// Rebuilt when a rule has come or gone since the last look.
    snapshot: Option<Arc<RuleSet>>,
    stopped: bool,
}

#[derive(Debug)]
struct Entry {
    rule: Arc<Rule>,
    open: bool,
    hits: u64,
    /// How many flows met the rest of a filter that asks for its n-th match.
    occurrences: u64,
    limit: Option<u64>,
    optional: bool,
    /// Parked by this rule and not yet handed to the test, in the order of parking.
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

/// What a rule that matched wants of the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Nothing: it was closed or used up in the meantime.
    Pass,
    /// Its action, for the so-manieth time.
    Act(u64),
    /// The flow is parked now.
    Park,
}

/// Something that a test left behind.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// A hold that never caught anything.
    Unused(Arc<Rule>),
    /// A flow that nobody decided.
    StillParked(Parked, Arc<Rule>),
}

impl RuleTable {
    /// Opens a rule. It is in force for every flow that arrives from now on.
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

    /// The open rules, as a flow that arrives now will meet them.
    pub(crate) fn rules(&mut self) -> Arc<RuleSet> {
        let Self { rules, snapshot, .. } = self;
        let fresh = || Arc::new(RuleSet::new(rules.iter().filter(|e| e.open).map(|e| &e.rule)));
        Arc::clone(snapshot.get_or_insert_with(fresh))
    }

    /// A flow matched a rule. Counting happens here, at once for everybody.
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

    /// A flow met all of a rule's filter but that it wants the n-th such flow: which one this is.
    pub(crate) fn occurrence(&mut self, rule: RuleId) -> u64 {
        let entry = self.entry(rule);
        entry.occurrences += 1;
        entry.occurrences
    }

    /// The test said `advance`: the flow is parked again with its response, and the test has it already.
    pub(crate) fn park_again(&mut self, rule: RuleId, flow: FlowId, now: Duration) -> Claim {
        if !self.entry(rule).open {
            return Claim::Pass;
        }
        self.parked.insert(flow, Parked { flow, rule, stage: StageName::Response, since: now });
        Claim::Park
    }

    /// Hands the longest parked flow of a hold to the test.
    pub(crate) fn take(&mut self, rule: RuleId) -> Option<Parked> {
        let flow = self.entry(rule).queue.pop_front()?;
        self.parked.get(&flow).cloned()
    }

    /// Hands out all flows that a hold parks and that the test does not have.
    pub(crate) fn take_all(&mut self, rule: RuleId) -> Vec<FlowId> {
        self.entry(rule).queue.drain(..).collect()
    }

    /// The flow is parked no longer: it was decided, or its client has gone.
    pub(crate) fn leave(&mut self, flow: FlowId) -> bool {
        let Some(parked) = self.parked.remove(&flow) else { return false };
        self.entry(parked.rule).queue.retain(|queued| *queued != flow);
        true
    }

    /// Closes a rule; the flows that it parks are the caller's to let go, but for those that the test has in hand.
    pub(crate) fn close(&mut self, rule: RuleId) -> Vec<FlowId> {
        self.snapshot = None;
        let entry = self.entry(rule);
        entry.open = false;
        entry.queue.drain(..).collect()
    }

    /// Closes all rules, and lets none be opened any more.
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

    /// Everything that is parked, with the rule that parks it.
    pub(crate) fn parked(&self) -> impl Iterator<Item = (&Parked, &Arc<Rule>)> {
        self.parked.values().map(|parked| (parked, self.rule(parked.rule)))
    }

    /// What the test left behind: holds that caught nothing, flows that nobody decided.
    pub(crate) fn audit(&self) -> Vec<Finding> {
        let unused = |entry: &&Entry| matches!(entry.rule.action, Action::Hold) && entry.hits == 0 && !entry.optional;
        let unused = self.rules.iter().filter(unused).map(|entry| Finding::Unused(Arc::clone(&entry.rule)));
        let parked = self.parked().map(|(parked, rule)| Finding::StillParked(parked.clone(), Arc::clone(rule)));
        unused.chain(parked).collect()
    }

    /// Rules that act by themselves and never did.
    pub(crate) fn idle(&self) -> Vec<Arc<Rule>> {
        let acts = |entry: &&Entry| entry.hits == 0 && !matches!(entry.rule.action, Action::Hold);
        self.rules.iter().filter(acts).map(|entry| Arc::clone(&entry.rule)).collect()
    }

    /// Whether any rule draws what it does.
    pub(crate) fn draws(&self) -> bool {
        self.rules.iter().any(|entry| matches!(entry.rule.action, Action::Delay(by) if by.is_range()))
    }

    fn entry(&mut self, rule: RuleId) -> &mut Entry {
        &mut self.rules[Self::index(rule)]
    }

    /// Rules are never removed from the ledger, only closed, so an id stays an index.
    fn index(rule: RuleId) -> usize {
        usize::try_from(rule.0).expect("an id is made from an index")
    }
}

#[cfg(test)]
mod tests;
