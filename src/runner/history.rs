//! The orders that an exploration has tried: how often the test failed in each.

use super::execution::Execution;
use crate::evidence::{PairCount, RaceFound, Reproduce, TriedOrder};
use crate::report::Race;
use crate::schedule::{Event, Trace};

/// All executions so far.
#[derive(Debug, Default)]
pub(super) struct History(Vec<(Trace, bool)>);

impl History {
    pub(super) fn add(&mut self, execution: &Execution) {
        self.0.push((execution.record.trace.clone(), execution.broke()));
    }

    /// Returns what the evidence has of a race.
    pub(super) fn race(&self, race: &Race<'_>) -> RaceFound {
        let ways = race.plan.can_be_told().then(|| Reproduce {
            schedule: race.plan.to_string(),
            command: race.command(),
            attribute: race.attribute(),
            code: race.code(),
        });
        let racing = race.plan.constraints.iter().flat_map(|one| [&one.early, &one.late]).map(ToString::to_string);
        let pairs = race.plan.constraints.iter().flat_map(|one| {
            [(&one.late, &one.early), (&one.early, &one.late)].map(|(first, second)| self.count(race, first, second))
        });
        RaceFound {
            sentence: race.sentence(),
            ways,
            racing: racing.collect(),
            failure: race.failure.to_owned(),
            tried: race.headline(),
            orders: self.orders(race),
            pairs: pairs.collect(),
        }
    }

    /// Returns in how many executions one event came before another.
    pub(super) fn count_of(&self, first: &Event, second: &Event) -> usize {
        self.0.iter().filter(|(trace, _)| is_before(trace, first, second)).count()
    }

    /// Counts the executions in which one event came before another.
    fn count(&self, race: &Race<'_>, first: &Event, second: &Event) -> PairCount {
        let all: Vec<_> = self.0.iter().filter(|(trace, _)| is_before(trace, first, second)).collect();
        PairCount {
            first: race.event(first),
            second: race.event(second),
            failed: all.iter().filter(|(_, failed)| *failed).count(),
            executions: all.len(),
        }
    }

    /// Returns each order once: those of the search, and those with which the schedule was made short.
    fn orders(&self, race: &Race<'_>) -> Vec<TriedOrder> {
        let events = |trace: &Trace| trace.fired().cloned().collect::<Vec<_>>();
        let natural = events(race.passing);
        let mut orders: Vec<(Vec<Event>, TriedOrder)> = Vec::new();
        for (trace, failed) in &self.0 {
            let order = events(trace);
            let at = orders.iter().position(|(known, _)| *known == order).unwrap_or_else(|| {
                let says = difference(&natural, &order);
                orders.push((order, TriedOrder { says, failed: 0, executions: 0 }));
                orders.len() - 1
            });
            let tried = &mut orders[at].1;
            (tried.executions, tried.failed) = (tried.executions + 1, tried.failed + usize::from(*failed));
        }
        orders.into_iter().map(|(_, tried)| tried).collect()
    }
}

fn is_before(trace: &Trace, first: &Event, second: &Event) -> bool {
    matches!((trace.position(first), trace.position(second)), (Some(a), Some(b)) if a < b)
}

/// Names an order by its events from the first difference on.
fn difference(natural: &[Event], order: &[Event]) -> String {
    let equal = natural.iter().zip(order).take_while(|(usual, now)| usual == now).count();
    let rest: Vec<_> = order[equal..].iter().map(Event::short).collect();
    match (rest.is_empty(), order.len() == natural.len()) {
        (true, true) => "the natural order".to_owned(),
        (true, false) => format!("the natural order, up to event {equal}"),
        _ => format!("from event {} on: {}", equal + 1, rest.join(", ")),
    }
}
