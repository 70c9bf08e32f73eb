//! The plans that are worth an execution, ordered by what they cost and find.

use super::cover::{self, Random};
use super::known::Known;
use super::stages::{self, Mode, Stage};
use super::{Base, Constraint, Event, Plan, Trace};
use std::collections::{BTreeSet, VecDeque};

/// With more events than this, orders of three cover only the first ones.
const MOST_TO_COVER: usize = 16;
/// If no more orders are left than this, each is tried.
const FEW: u128 = 30;
/// How many random plans may lead to orders that are known, before one is built that does not.
const TRIES: usize = 20;

/// Returns plans one by one, and learns from each trace which events exist. No plan leads to an order that was seen.
#[derive(Debug)]
pub(crate) struct Portfolio {
    mode: Mode,
    seed: u64,
    known: Known,
    /// Constraints that hold in every order.
    fixed: Vec<Constraint>,
    /// The events of flows, in the order in which they were first seen.
    seen: Vec<Event>,
    acts: bool,
    steps: usize,
    natural: Trace,
    /// What is left of the mode, and the plans that are left of its first stage, once that has begun.
    stages: VecDeque<Stage>,
    queue: Option<VecDeque<Plan>>,
    slow: BTreeSet<Event>,
    random: Random,
    /// Plans with one delay more than those that were executed, by number of delays.
    frontier: VecDeque<Plan>,
    current: Option<Plan>,
    completed: Vec<Stage>,
    /// In the full search: all orders with fewer delays than this were tried.
    delays: usize,
}

impl Portfolio {
    pub(crate) fn new(mode: Mode, seed: u64, fixed: Vec<Constraint>) -> Self {
        Self {
            mode,
            seed,
            known: Known::under(fixed.clone()),
            fixed,
            seen: Vec::new(),
            acts: false,
            steps: 0,
            natural: Trace::default(),
            stages: stages::of(mode).iter().copied().collect(),
            queue: None,
            slow: BTreeSet::new(),
            random: Random::new(seed ^ 0x5bd1_e995),
            frontier: VecDeque::new(),
            current: Some(Plan::of(Base::FlowsFirst)),
            completed: Vec::new(),
            delays: 0,
        }
    }

    /// Records the order of an execution: first of the natural one, then of each plan that was returned.
    pub(crate) fn learn(&mut self, trace: &Trace) {
        if self.known.orders() == 0 {
            self.natural = trace.clone();
        }
        for event in trace.steps.iter().flat_map(|step| &step.enabled) {
            self.acts |= event.is_action();
            if !event.is_action() && !self.seen.contains(event) {
                self.seen.push(event.clone());
            }
        }
        self.steps = self.steps.max(trace.steps.len());
        self.known.learn(trace);
        if let Some(plan) = self.current.take() {
            self.delay_further(&plan, trace);
        }
    }

    /// Returns the next plan, if any is left that leads to an order which was not seen.
    pub(crate) fn next(&mut self) -> Option<Plan> {
        while self.known.left() > 0 {
            let plan = self.candidate()?.under(&self.fixed);
            match self.known.predict(&plan) {
                Some(trace) => self.delay_further(&plan, &trace),
                None => {
                    self.current = Some(plan.clone());
                    return Some(plan);
                }
            }
        }
        None
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Describes what has been tried: all orders, or how many of how many, and which sets of them completely.
    pub(crate) fn covered(&self) -> String {
        let (tried, left) = (self.known.orders(), self.known.left());
        match (tried, left) {
            (1, 0) => return "there is only one order".to_owned(),
            (_, 0) => return format!("all {tried} orders tried"),
            _ => {}
        }
        let mut sets: Vec<_> = self.completed.iter().filter_map(|stage| stage.in_words()).map(str::to_owned).collect();
        if self.mode == Mode::Full && self.delays > 1 {
            sets.push(format!("every order with at most {} delays", self.delays - 1));
        }
        let sets = if sets.is_empty() { String::new() } else { format!(" ({})", sets.join("; ")) };
        format!("{tried} of at least {} orders tried{sets}", grouped(left.saturating_add(tried as u128)))
    }

    /// Returns a plan of the current stage, or of the next one that has any.
    fn candidate(&mut self) -> Option<Plan> {
        loop {
            let stage = *self.stages.front()?;
            let plan = match stage {
                Stage::Delays => self.next_delayed(),
                Stage::EachLate => self.next_late(),
                Stage::Rest => return self.rest(),
                _ => self.plans_left_of(stage).pop_front(),
            };
            if plan.is_some() {
                return plan;
            }
            self.completed.push(stage);
            self.stages.pop_front();
            // What came to light meanwhile can be late, too.
            if self.seen.iter().any(|event| !self.slow.contains(event)) && self.completed.contains(&Stage::EachLate) {
                self.stages.push_front(Stage::EachLate);
            }
            self.queue = None;
        }
    }

    fn plans_left_of(&mut self, stage: Stage) -> &mut VecDeque<Plan> {
        if self.queue.is_none() {
            self.queue = Some(self.plans_of(stage));
        }
        self.queue.get_or_insert_default()
    }

    fn plans_of(&self, stage: Stage) -> VecDeque<Plan> {
        match stage {
            Stage::Corners => [Base::LateFlows, Base::LateActions].map(Plan::of).into(),
            Stage::Likely => stages::likely(&self.natural).into(),
            Stage::Past => stages::past_each_later(&self.natural).into(),
            Stage::Pairs => stages::two_late(&self.seen).into(),
            Stage::Triples if self.known.left() > FEW => self.of_three(),
            _ => VecDeque::new(),
        }
    }

    /// Returns the plan in which the next flow that was not late yet is.
    fn next_late(&mut self) -> Option<Plan> {
        let event = self.seen.iter().find(|event| !self.slow.contains(event)).cloned()?;
        self.slow.insert(event.clone());
        Some(Plan::slow(vec![event]))
    }

    /// Returns the next plan with one delay; in the full search, with more.
    fn next_delayed(&mut self) -> Option<Plan> {
        if self.delays == 0 && self.mode == Mode::Full {
            self.delays = 1;
            return Some(Plan::of(Base::ActionsFirst));
        }
        let plan = self.frontier.pop_front()?;
        // The frontier is ordered by number of delays, so all plans with fewer have been returned.
        self.delays = plan.delays.len();
        Some(plan)
    }

    /// Adds another delay at the last delayed step, and at each later one, where another event was possible.
    fn delay_further(&mut self, plan: &Plan, trace: &Trace) {
        let is_of_full = self.mode == Mode::Full;
        if !plan.is_base_with_delays() || (!is_of_full && !plan.delays.is_empty()) {
            return;
        }
        let from = plan.delays.last().copied().unwrap_or_default();
        for (at, step) in trace.steps.iter().enumerate().skip(from) {
            let delayed = plan.delays.iter().filter(|delayed| **delayed == at).count();
            if delayed + 1 < step.enabled.len() {
                let delays = [&plan.delays[..], &[at]].concat();
                self.frontier.push_back(Plan::delayed(plan.base, delays));
            }
        }
    }

    fn symbols(&self) -> Vec<Event> {
        let action = self.acts.then_some(Event::Act(0));
        action.into_iter().chain(self.seen.iter().cloned()).collect()
    }

    /// Returns plans that cover all orders of three events, all actions counting as one.
    fn of_three(&self) -> VecDeque<Plan> {
        let mut symbols = self.symbols();
        symbols.truncate(MOST_TO_COVER);
        if symbols.len() < 2 {
            return VecDeque::new();
        }
        let orders = cover::orders(symbols.len(), self.seed);
        let plan = |order: &Vec<usize>| {
            let events = order.iter().map(|at| symbols[*at].clone()).collect();
            Plan::by_priority(events, self.seed, vec![])
        };
        orders.iter().map(plan).collect()
    }

    /// Returns a plan that leads to an order that was not seen: a random one where there are many.
    fn rest(&mut self) -> Option<Plan> {
        if self.known.left() > FEW {
            for _ in 0..TRIES {
                let plan = self.random()?.under(&self.fixed);
                if self.known.predict(&plan).is_none() {
                    return Some(plan);
                }
            }
        }
        self.known.nearest_unknown().map(Plan::scripted)
    }

    /// Random priorities with two changes (PCT, depth three).
    fn random(&mut self) -> Option<Plan> {
        let symbols = self.symbols();
        let events = self.random.shuffled(symbols.len()).into_iter().map(|at| symbols[at].clone()).collect();
        let changes = (0..2).map(|_| self.random.below(self.steps.max(1))).collect();
        let seed = self.random.below(usize::MAX) as u64;
        Some(Plan::by_priority(events, seed, changes))
    }
}

/// Returns a number with separators: `3,600`.
fn grouped(number: u128) -> String {
    /// Beyond this, digits say nothing.
    const HUGE: u128 = 1_000_000_000_000_000;
    if number > HUGE {
        return "10^15".to_owned();
    }
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
