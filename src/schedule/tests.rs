use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A page: responses to what the user does, and user actions in their order.
#[derive(Clone, Debug)]
struct App {
    /// The action that requests each flow (0 is the page load); a flow is named by its index.
    asked_by: Vec<usize>,
    actions: usize,
}

fn flow(at: usize) -> Event {
    Event::Deliver(format!("GET /f{at}#1"))
}

impl App {
    fn run(&self, plan: &Plan) -> Trace {
        let mut player = Player::new(plan.clone());
        let (mut acted, mut delivered) = (0, BTreeSet::new());
        loop {
            let mut enabled: Vec<_> = (0..self.asked_by.len())
                .filter(|at| self.asked_by[*at] <= acted && !delivered.contains(at))
                .map(flow)
                .collect();
            if acted < self.actions {
                enabled.push(Event::Act(acted + 1));
            }
            if enabled.is_empty() {
                return player.trace;
            }
            match &enabled[player.pick(&enabled)] {
                Event::Act(n) => acted = *n,
                event => {
                    delivered.insert((0..self.asked_by.len()).find(|at| flow(*at) == *event).expect("a flow"));
                }
            }
        }
    }

    /// Returns the orders that a search executes, and checks that none is executed twice.
    fn orders(&self, mode: Mode, most: usize) -> BTreeSet<Vec<Event>> {
        let natural = self.run(&Plan::of(Base::FlowsFirst));
        let (mut portfolio, mut orders) = (Portfolio::new(mode, 1, vec![]), BTreeSet::new());
        portfolio.learn(&natural);
        orders.insert(natural.fired().cloned().collect());
        while orders.len() < most
            && let Some(plan) = portfolio.next()
        {
            let trace = self.run(&plan);
            portfolio.learn(&trace);
            assert!(orders.insert(trace.fired().cloned().collect::<Vec<_>>()), "{plan:?} leads to an order again");
        }
        orders
    }

    /// Returns all orders, by trying every choice.
    fn all_orders(&self) -> BTreeSet<Vec<Event>> {
        let (mut all, mut left) = (BTreeSet::new(), vec![vec![]]);
        while let Some(script) = left.pop() {
            let trace = self.run(&Plan::scripted(script.clone()));
            for (at, step) in trace.steps.iter().enumerate().skip(script.len()) {
                let before: Vec<_> = trace.fired().take(at).cloned().collect();
                let others = step.enabled.iter().filter(|event| **event != step.fired);
                left.extend(others.map(|event| [&before[..], std::slice::from_ref(event)].concat()));
            }
            all.insert(trace.fired().cloned().collect());
        }
        all
    }

    /// Runs the plans of a portfolio until one fails.
    fn search(&self, mode: Mode, most: usize, fails: impl Fn(&Trace) -> bool) -> Option<(usize, Plan, Trace)> {
        let mut portfolio = Portfolio::new(mode, 1, vec![]);
        portfolio.learn(&self.run(&Plan::of(Base::FlowsFirst)));
        for n in 1..=most {
            let plan = portfolio.next()?;
            let trace = self.run(&plan);
            if fails(&trace) {
                return Some((n, plan, trace));
            }
            portfolio.learn(&trace);
        }
        None
    }
}

fn apps() -> impl Strategy<Value = App> {
    (0..4_usize).prop_flat_map(|actions| {
        prop::collection::vec(0..=actions, 1..6).prop_map(move |asked_by| App { asked_by, actions })
    })
}

fn events() -> impl Strategy<Value = Event> {
    let label = "(GET|POST) /[a-z]{0,3}(\\?[a-z]=[a-z,;%]{0,3})?#[1-9]";
    prop_oneof![(1..9_usize).prop_map(Event::Act), label.prop_map(Event::Send), label.prop_map(Event::Deliver)]
}

fn plans() -> impl Strategy<Value = Plan> {
    let constraint = (events(), events()).prop_map(|(late, early)| Constraint { late, early });
    (prop::sample::select(Base::ALL.to_vec()), prop::collection::vec(constraint, 0..4))
        .prop_map(|(base, constraints)| Plan::constrained(base, constraints))
}

/// Returns whether `late` happened after `early`.
fn after(trace: &Trace, late: &Event, early: &Event) -> bool {
    trace.position(late) > trace.position(early)
}

proptest! {
    #[test]
    fn a_schedule_is_read_as_it_is_printed(plan in plans()) {
        prop_assert_eq!(plan.to_string().parse::<Plan>(), Ok(plan));
    }

    #[test]
    fn every_plan_keeps_what_is_fixed(app in apps(), mode in prop::sample::select(vec![Mode::Quick, Mode::Pairs, Mode::Usual, Mode::Full])) {
        let all: BTreeSet<_> = app.run(&Plan::of(Base::FlowsFirst)).fired().cloned().collect();
        app.search(mode, 40, |trace| {
            let fired: BTreeSet<_> = trace.fired().cloned().collect();
            assert_eq!(fired, all, "every event happens, once");
            assert_eq!(trace.steps.len(), all.len());
            for (at, asked_by) in app.asked_by.iter().enumerate().filter(|(_, asked_by)| **asked_by > 0) {
                assert!(after(trace, &flow(at), &Event::Act(*asked_by)), "no answer before its question");
            }
            assert!((2..=app.actions).all(|n| after(trace, &Event::Act(n), &Event::Act(n - 1))), "actions keep their order");
            false
        });
    }

    #[test]
    fn a_search_without_limit_finds_every_order_once(asked in prop::collection::vec(0..=2_usize, 1..5)) {
        let app = App { asked_by: asked, actions: 2 };
        let all = app.all_orders();
        for mode in [Mode::Usual, Mode::Full] {
            prop_assert_eq!(&app.orders(mode, 5000), &all);
        }
        for mode in [Mode::Quick, Mode::Pairs] {
            prop_assert!(app.orders(mode, 5000).is_subset(&all));
        }
    }

    #[test]
    fn what_is_left_is_never_exaggerated(app in apps(), tried in 1..6_usize) {
        let all = app.all_orders().len();
        let mut portfolio = Portfolio::new(Mode::Usual, 1, vec![]);
        portfolio.learn(&app.run(&Plan::of(Base::FlowsFirst)));
        for _ in 0..tried {
            let Some(plan) = portfolio.next() else { break };
            portfolio.learn(&app.run(&plan));
        }
        let (known, left) = (portfolio.known().orders(), portfolio.known().left());
        prop_assert!(known as u128 + left <= all as u128, "{known} + {left} > {all}");
        prop_assert_eq!(left == 0, known == all, "{} of {}", known, all);
    }

    /// A flow that must come between the user's actions: late, but not last.
    #[test]
    fn a_flow_between_two_actions_is_found_early(others in 0..5_usize) {
        let app = App { asked_by: [vec![1], vec![1; others]].concat(), actions: 3 };
        let fails = |trace: &Trace| after(trace, &flow(0), &Event::Act(2)) && !after(trace, &flow(0), &Event::Act(3));
        let full = app.search(Mode::Full, 64, fails).map(|(n, ..)| n);
        let usual = app.search(Mode::Usual, 64, fails).map(|(n, ..)| n);
        prop_assert!(usual.is_some() && usual <= full.map(|n| n + 8), "{usual:?}, {full:?}");
    }

    #[test]
    fn a_covering_array_covers(n in 0..9_usize, seed in any::<u64>()) {
        let orders = cover::orders(n, seed);
        let at = |order: &[usize], event| order.iter().position(|each| *each == event);
        for (a, b, c) in (0..n).flat_map(|a| (0..n).flat_map(move |b| (0..n).map(move |c| (a, b, c)))) {
            let distinct = a != b && b != c && a != c;
            let stands = |order: &Vec<usize>| at(order, a) < at(order, b) && at(order, b) < at(order, c);
            prop_assert!(!distinct || orders.iter().any(stands), "{a} {b} {c} of {n}");
        }
        prop_assert!(orders.len() <= 20, "{}", orders.len());
    }

    #[test]
    fn every_two_flows_that_can_be_swapped_are(app in apps(), a in 0..5_usize, b in 0..5_usize) {
        let (a, b) = (flow(a % app.asked_by.len()), flow(b % app.asked_by.len()));
        let natural = app.run(&Plan::of(Base::FlowsFirst));
        let (a, b) = if after(&natural, &a, &b) { (b, a) } else { (a, b) };
        let most = 64;
        prop_assert!(a == b || app.search(Mode::Usual, most, |trace| after(trace, &a, &b)).is_some());
    }

    #[test]
    fn shrinking_never_grows_and_ends_with_what_fails(app in apps(), wants in prop::collection::vec((0..5_usize, 0..5_usize), 1..3)) {
        let wants: Vec<_> = wants.iter().map(|(a, b)| (flow(a % app.asked_by.len()), flow(b % app.asked_by.len()))).collect();
        let fails = |trace: &Trace| wants.iter().all(|(late, early)| after(trace, late, early));
        let bases = [Base::FlowsFirst, Base::ActionsFirst].map(|base| (base, app.run(&Plan::of(base))));
        prop_assume!(!fails(&bases[0].1));
        let Some((_, found, trace)) = app.search(Mode::Usual, 64, fails) else { return Ok(()) };
        let mut shrink = Shrink::new(found.clone(), &trace, &bases, 40);
        let mut size = usize::MAX;
        while let Some(plan) = shrink.next() {
            shrink.told(fails(&app.run(&plan)));
            let best = shrink.best();
            if *best != found {
                prop_assert!(best.constraints.len() <= size, "{} > {size}", best.constraints.len());
                size = best.constraints.len();
            }
        }
        prop_assert!(shrink.best().can_be_told(), "{}", shrink.best());
        prop_assert!(fails(&app.run(shrink.best())), "{} of {}", shrink.best(), found);
        prop_assert!(wants.len() > 1 || shrink.best().constraints.len() <= 1, "{}", shrink.best());
    }

    #[test]
    fn the_full_search_finds_every_order(asked in prop::collection::vec(0..=1_usize, 1..4)) {
        let app = App { asked_by: asked, actions: 1 };
        let orders = app.orders(Mode::Full, 1000);
        // Derived by hand: flows of the load go anywhere, those of the action after it.
        let behind = app.asked_by.iter().filter(|by| **by == 1).count();
        let factorial = |n: usize| (1..=n).product::<usize>();
        let n = app.asked_by.len() + 1;
        prop_assert_eq!(orders.len(), factorial(n) / (behind + 1));
    }
}

#[test]
fn a_schedule_that_cannot_be_read_says_why() {
    for (text, says) in [
        ("ff", "begins with `h1;`"),
        ("h1;xx", "`xx` is not a base"),
        ("h1;ff;r:GET /a#1", "is not a constraint"),
        ("h1;ff;r:GET /a#1 > b2", "`b2` is not an event"),
        ("h1;ff;a0 > a1", "`a0` is not an event"),
    ] {
        let why = text.parse::<Plan>().expect_err(text);
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn an_order_that_cannot_be_is_not_tried_and_not_missed() {
    let app = App { asked_by: vec![0, 0, 0], actions: 0 };
    // The second never comes after the third, so the third comes after the second.
    let fixed = vec![Constraint { late: flow(2), early: flow(1) }];
    let mut portfolio = Portfolio::new(Mode::Usual, 1, fixed.clone());
    portfolio.learn(&app.run(&Plan::of(Base::FlowsFirst).under(&fixed)));
    let mut orders = 1;
    while let Some(plan) = portfolio.next() {
        let trace = app.run(&plan);
        assert!(after(&trace, &flow(2), &flow(1)));
        portfolio.learn(&trace);
        orders += 1;
    }
    assert_eq!(orders, 3);
    assert_eq!(portfolio.covered(), "all 3 orders tried");
}

#[test]
fn two_runs_part_where_they_first_differ() {
    let app = App { asked_by: vec![0, 0], actions: 1 };
    let (one, other) =
        (app.run(&Plan::of(Base::FlowsFirst)), App { asked_by: vec![0], actions: 1 }.run(&Plan::of(Base::FlowsFirst)));
    assert_eq!(one.parts_from(&one), None);
    assert_eq!(one.parts_from(&other), Some((0, Some(&flow(1)))));
}

#[test]
fn an_exact_order_of_many_is_told_too() {
    for n in 6..14 {
        let app = App { asked_by: vec![0; n], actions: 0 };
        let wants = [n - 1, 1, n / 2, 0].map(flow);
        let fails = |trace: &Trace| wants.windows(2).all(|pair| after(trace, &pair[1], &pair[0]));
        let events = [&wants[..], &(0..n).map(flow).collect::<Vec<_>>()].concat();
        let found = Plan::by_priority(events, 1, vec![]);
        let failing = app.run(&found);
        assert!(fails(&failing));
        let passing = [(Base::FlowsFirst, app.run(&Plan::of(Base::FlowsFirst)))];
        let mut shrink = Shrink::new(found, &failing, &passing, 40);
        while let Some(plan) = shrink.next() {
            shrink.told(fails(&app.run(&plan)));
        }
        let told: Plan = shrink.best().to_string().parse().expect("a schedule");
        assert!(fails(&app.run(&told)), "{n}: {told}");
    }
}
