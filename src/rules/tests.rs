use super::*;
use crate::filter::{Field, Filter, Op, Term};
use crate::flow::{Place, Request};
use proptest::prelude::*;

fn spec(filter: Filter, action: Action) -> RuleSpec {
    RuleSpec { stage: StageName::Request, filter, action, place: Place::here(), since: Duration::ZERO, name: None }
}

fn host(name: &str) -> Filter {
    Filter::Term(Term::new(Field::Host, Op::Equals, name).expect("a term"))
}

fn hold_of(table: &mut RuleTable) -> RuleId {
    table.register(spec(Filter::All(vec![]), Action::Hold)).id
}

fn park(table: &mut RuleTable, rule: RuleId, flow: u64) -> Claim {
    table.claim(rule, FlowId::new(flow), StageName::Request, Duration::ZERO)
}

#[test]
fn an_earlier_arrival_never_satisfies_a_later_wait() {
    let mut table = RuleTable::default();
    let hold = hold_of(&mut table);
    assert_eq!(park(&mut table, hold, 1), Claim::Park);
    assert_eq!(table.take(hold).expect("parked").flow, FlowId::new(1));
    assert_eq!(table.take(hold), None);
    assert_eq!(table.hits(hold), 1);
}

#[test]
fn a_flow_whose_client_has_gone_is_not_handed_out() {
    let mut table = RuleTable::default();
    let hold = hold_of(&mut table);
    park(&mut table, hold, 1);
    park(&mut table, hold, 2);
    assert!(table.leave(FlowId::new(1)));
    assert!(!table.leave(FlowId::new(1)));
    assert_eq!(table.take(hold).expect("parked").flow, FlowId::new(2));
}

#[test]
fn a_limit_counts_matches_at_once() {
    let mut table = RuleTable::default();
    let rule = table.register(spec(Filter::All(vec![]), Action::Watch)).id;
    table.limit(rule, 2);
    let claims: Vec<_> = (0..3).map(|flow| park(&mut table, rule, flow)).collect();
    assert_eq!(claims, [Claim::Act(1), Claim::Act(2), Claim::Pass]);
}

#[test]
fn rules_come_in_the_order_of_declaration_whatever_the_index() {
    let mut table = RuleTable::default();
    let term = |field, op, wanted: &str| Filter::Term(Term::new(field, op, wanted).expect("a term"));
    let path = |path: &str| term(Field::Path, Op::Equals, path);
    let mut filters = vec![host("b.test"), Filter::All(vec![]), host("A.test"), path("/x"), Filter::All(vec![])];
    // Enough patterns for a set, of which one matches.
    filters.extend((0..20).map(|n| term(Field::Path, Op::Matches, &format!("^/x{n}$"))));
    filters.push(term(Field::Url, Op::Matches, "/x1"));
    filters.push(Filter::All(vec![path("/x1"), host("a.test")]));
    for filter in filters {
        table.register(spec(filter, Action::Watch));
    }
    let seen = |table: &mut RuleTable, url: &str| {
        let request = Request::get(url).expect("a URL");
        table.rules().at(StageName::Request, &request).map(|rule| rule.id.0).collect::<Vec<_>>()
    };
    assert_eq!(seen(&mut table, "https://a.test/x1"), [1, 2, 4, 6, 25, 26]);
    assert_eq!(seen(&mut table, "https://b.test/x"), [0, 1, 3, 4, 25]);
    table.close(RuleId(1));
    assert_eq!(seen(&mut table, "http://c.test/"), [4, 25]);
}

#[test]
fn a_rule_prints_as_it_is_written() {
    let mut table = RuleTable::default();
    let text = table.register(spec(host("a.test"), Action::Abort(AbortKind::Reset))).to_string();
    assert_eq!(text, r#"abort!(host == "a.test", reset)"#);
}

#[derive(Clone, Debug)]
enum Call {
    Register,
    Claim(u64, u64),
    Take(u64),
    Leave(u64),
    Close(u64),
    Stop,
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        2 => Just(Call::Register),
        6 => (0..4u64, 0..8u64).prop_map(|(rule, flow)| Call::Claim(rule, flow)),
        3 => (0..4u64).prop_map(Call::Take),
        3 => (0..8u64).prop_map(Call::Leave),
        1 => (0..4u64).prop_map(Call::Close),
        1 => Just(Call::Stop),
    ]
}

proptest! {
    /// In any sequence of calls, a flow is parked by at most one rule, is handed out at most once while parked, and
    /// stopping leaves nothing that could not be released.
    #[test]
    fn every_flow_stands_in_one_place(calls in prop::collection::vec(any_call(), 0..60)) {
        let mut table = RuleTable::default();
        let (mut rules, mut parked, mut taken) = (0, std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
        for call in calls {
            match call {
                Call::Register => { hold_of(&mut table); rules += 1; }
                Call::Claim(rule, flow) if rule < rules && !parked.contains(&flow) => {
                    let claim = park(&mut table, RuleId(rule), flow);
                    parked.extend((claim == Claim::Park).then_some(flow));
                }
                Call::Take(rule) if rule < rules => if let Some(p) = table.take(RuleId(rule)) {
                    prop_assert!(parked.contains(&p.flow.number()));
                    prop_assert!(taken.insert(p.flow.number()), "handed out twice");
                },
                Call::Leave(flow) => {
                    prop_assert_eq!(table.leave(FlowId::new(flow)), parked.remove(&flow));
                    taken.remove(&flow);
                }
                Call::Close(rule) if rule < rules => for flow in table.close(RuleId(rule)) {
                    prop_assert!(table.leave(flow));
                    parked.remove(&flow.number());
                    taken.remove(&flow.number());
                },
                Call::Stop => for flow in table.stop() {
                    prop_assert!(table.leave(flow));
                    parked.remove(&flow.number());
                    taken.remove(&flow.number());
                },
                _ => {}
            }
            prop_assert_eq!(table.parked().map(|(p, _)| p.flow.number()).collect::<Vec<_>>(), parked.iter().copied().collect::<Vec<_>>());
        }
    }
}
