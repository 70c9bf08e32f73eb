//! The order in which a person released flows, as a schedule. Pure.

use crate::explore::label;
use crate::flow::{FlowId, StageName};
use crate::journal::{Entry, Event};
use crate::record::{Given, Verdict, given, recorded};
use crate::schedule::{Base, Constraint, Event as Step, Plan};
use std::collections::BTreeMap;

/// Returns the schedule in which each released flow comes after the one before it, if at least two were released.
pub(super) fn schedule(entries: &[Entry]) -> Option<String> {
    let labels = labels(entries);
    let steps: Vec<_> = given(entries).iter().filter_map(|given| step(given, &labels)).collect();
    let constraints = steps.windows(2).filter_map(|two| match two {
        [early, late] if early != late => Some(Constraint { late: late.clone(), early: early.clone() }),
        _ => None,
    });
    let constraints: Vec<_> = constraints.collect();
    (!constraints.is_empty()).then(|| Plan::constrained(Base::FlowsFirst, constraints).to_string())
}

fn step(given: &Given, labels: &BTreeMap<FlowId, String>) -> Option<Step> {
    let label = labels.get(&given.flow).filter(|_| given.verdict == Verdict::Release)?.clone();
    match given.stage {
        StageName::Request => Some(Step::Send(label)),
        StageName::Response => Some(Step::Deliver(label)),
        _ => None,
    }
}

/// Returns the names that an exploration gives to flows: `GET /search#2`.
fn labels(entries: &[Entry]) -> BTreeMap<FlowId, String> {
    let (mut counts, mut labels, mut app) = (BTreeMap::<String, usize>::new(), BTreeMap::new(), None);
    let bodies: BTreeMap<_, _> =
        recorded(entries).into_iter().filter_map(|flow| Some((flow.id, flow.request_body?.start))).collect();
    for entry in entries {
        let Event::Began { flow, request } = &entry.event else { continue };
        let app = app.get_or_insert_with(|| request.target().host.clone());
        let request = bodies.get(flow).map_or_else(|| request.clone(), |body| request.with_read(body));
        let name = label(&request, Some(app));
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        labels.insert(*flow, format!("{name}#{count}"));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Place, Request};
    use crate::record::RELEASED;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn the_releases_are_the_constraints() {
        let (mut entries, place) = (Vec::new(), Place::TERMINAL);
        let mut write = |event| entries.push(Entry { at: Duration::ZERO, event });
        for (n, url) in (1..).zip(["https://a.test/", "https://a.test/s?q=a", "https://a.test/s?q=ab"]) {
            let (flow, request) = (FlowId::new(n), Arc::new(Request::get(url).expect("a URL")));
            write(Event::Began { flow, request });
            write(Event::Parked { flow, stage: StageName::Response, rule: "console".into(), place });
        }
        for n in [3, 2] {
            write(Event::Decided { flow: FlowId::new(n), verdict: RELEASED, place: None });
        }
        let said = schedule(&entries).expect("a schedule");
        assert_eq!(said, "h1;ff;r:GET /s?q=a#1 > r:GET /s?q=ab#1");
        assert!(said.parse::<Plan>().is_ok());
        assert_eq!(schedule(&entries[..entries.len() - 1]), None, "one alone has no order");
    }
}
