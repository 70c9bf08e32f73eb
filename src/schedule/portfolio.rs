//! The plans that are worth an execution, ordered by what they cost and find.

use super::cover::{self, Random};
use super::{Base, Event, Plan, Trace};
use std::collections::{BTreeSet, VecDeque};

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The corners, and each flow late.
    Quick,
    /// The same, and every two flows late.
    Pairs,
    /// `Quick`, every order of three, every two flows late, and then random plans until the budget is used up.
    Usual,
    /// Every order with one delay, with two, and so on.
    Full,
}

/// With more events than this, orders of three cover only the first ones.
const MOST_TO_COVER: usize = 16;

/// Returns plans one by one, and learns from each trace which events exist.
#[derive(Debug)]
pub(crate) struct Portfolio {
    mode: Mode,
    seed: u64,
    /// The events of flows, in the order in which they were first seen.
    seen: Vec<Event>,
    acts: bool,
    steps: usize,
    slow: BTreeSet<Event>,
    corners: VecDeque<Base>,
    /// Plans that cover all orders of three events; built when they are first needed.
    covering: Option<VecDeque<Plan>>,
    /// Whether `covering` includes all events.
    covers_all: bool,
    pairs: Option<VecDeque<Plan>>,
    random: Random,
    /// In the full search: plans whose executions show where else to delay, by number of delays.
    frontier: VecDeque<Plan>,
    current: Option<Plan>,
    completed: Completed,
}

/// What has been tried completely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Completed {
    each_late: bool,
    orders_of_three: bool,
    pairs_late: bool,
    /// All orders with at most this many delays.
    delays: Option<usize>,
}

impl Portfolio {
    pub(crate) fn new(mode: Mode, seed: u64) -> Self {
        let corners = match mode {
            Mode::Full => VecDeque::new(),
            _ => VecDeque::from([Base::ActionsFirst]),
        };
        let frontier = match mode {
            Mode::Full => [Base::FlowsFirst, Base::ActionsFirst].map(|base| Plan::delayed(base, vec![])).into(),
            _ => VecDeque::new(),
        };
        Self {
            mode,
            seed,
            seen: Vec::new(),
            acts: false,
            steps: 0,
            slow: BTreeSet::new(),
            corners,
            covering: None,
            covers_all: false,
            pairs: None,
            random: Random::new(seed ^ 0x5bd1_e995),
            frontier,
            current: None,
            completed: Completed::default(),
        }
    }

    /// Records the events of an execution.
    pub(crate) fn learn(&mut self, trace: &Trace) {
        for event in trace.steps.iter().flat_map(|step| &step.enabled) {
            self.acts |= event.is_action();
            if !event.is_action() && !self.seen.contains(event) {
                self.seen.push(event.clone());
            }
        }
        self.steps = self.steps.max(trace.steps.len());
        if let Some(plan) = self.current.take() {
            // Another delay is added at this step, and at each later one, where another event was possible.
            let from = plan.delays.last().copied().unwrap_or_default();
            for (at, step) in trace.steps.iter().enumerate().skip(from) {
                let delayed = plan.delays.iter().filter(|delayed| **delayed == at).count();
                if delayed + 1 < step.enabled.len() {
                    let delays = [&plan.delays[..], &[at]].concat();
                    self.frontier.push_back(Plan::delayed(plan.base, delays));
                }
            }
        }
    }

    /// Returns the next plan, if any is left.
    pub(crate) fn next(&mut self) -> Option<Plan> {
        match self.mode {
            Mode::Full => self.next_delayed(),
            Mode::Quick => self.next_single(),
            Mode::Pairs => self.next_single().or_else(|| self.next_of_two()),
            Mode::Usual => self
                .next_single()
                .or_else(|| self.next_of_three())
                .or_else(|| self.next_of_two())
                .or_else(|| self.next_random()),
        }
    }

    /// Returns the number of flow events.
    fn events(&self) -> usize {
        self.seen.len()
    }

    /// Describes what has been tried completely.
    pub(crate) fn covered(&self) -> String {
        let Completed { each_late, orders_of_three, pairs_late, delays } = self.completed;
        let mut all = vec![format!("{} responses and requests", self.events())];
        let mut add = |done: bool, what: &str| all.extend(done.then(|| what.to_owned()));
        add(each_late, "each of them late");
        add(orders_of_three, "every order of three");
        add(pairs_late, "every two late");
        match delays {
            Some(usize::MAX) => all.push("every order".to_owned()),
            Some(most) => all.push(format!("every order with at most {most} delays")),
            None => {}
        }
        all.join(", ")
    }

    /// Each flow late, then the other corners.
    fn next_single(&mut self) -> Option<Plan> {
        if let Some(base) = self.corners.pop_front() {
            return Some(Plan::of(base));
        }
        let slow = self.seen.iter().find(|event| !self.slow.contains(event)).cloned();
        if let Some(event) = slow {
            self.slow.insert(event.clone());
            return Some(Plan::slow(vec![event]));
        }
        if !self.completed.each_late {
            self.completed.each_late = true;
            self.corners = [Base::LateFlows, Base::LateActions].into();
            return self.next_single();
        }
        None
    }

    fn symbols(&self) -> Vec<Event> {
        let action = self.acts.then_some(Event::Act(0));
        action.into_iter().chain(self.seen.iter().cloned()).collect()
    }

    fn next_of_three(&mut self) -> Option<Plan> {
        if self.covering.is_none() {
            let mut symbols = self.symbols();
            self.covers_all = symbols.len() <= MOST_TO_COVER;
            symbols.truncate(MOST_TO_COVER);
            let orders = cover::orders(symbols.len(), self.seed);
            let plan = |order: &Vec<usize>| {
                let events = order.iter().map(|at| symbols[*at].clone()).collect();
                Plan::by_priority(events, self.seed, vec![])
            };
            self.covering = Some(if symbols.len() < 2 { VecDeque::new() } else { orders.iter().map(plan).collect() });
        }
        let plan = self.covering.as_mut()?.pop_front();
        self.completed.orders_of_three |= plan.is_none() && self.covers_all;
        plan
    }

    fn next_of_two(&mut self) -> Option<Plan> {
        let seen = &self.seen;
        let pairs = self.pairs.get_or_insert_with(|| {
            let others =
                |a: &Event| seen.iter().filter(|b| *b != a).map(|b| vec![a.clone(), b.clone()]).collect::<Vec<_>>();
            seen.iter().flat_map(others).map(Plan::slow).collect()
        });
        let plan = pairs.pop_front();
        self.completed.pairs_late |= plan.is_none();
        plan
    }

    /// Random priorities with two changes (PCT, depth three).
    fn next_random(&mut self) -> Option<Plan> {
        let symbols = self.symbols();
        if symbols.len() < 2 {
            return None;
        }
        let events = self.random.shuffled(symbols.len()).into_iter().map(|at| symbols[at].clone()).collect();
        let changes = (0..2).map(|_| self.random.below(self.steps.max(1))).collect();
        let seed = self.random.below(usize::MAX) as u64;
        Some(Plan::by_priority(events, seed, changes))
    }

    fn next_delayed(&mut self) -> Option<Plan> {
        let plan = self.frontier.pop_front();
        // The frontier is ordered by number of delays, so all plans with fewer have been returned.
        self.completed.delays = match &plan {
            Some(plan) => plan.delays.len().checked_sub(1),
            None => Some(usize::MAX),
        };
        self.current.clone_from(&plan);
        plan
    }
}
