//! The stages of a search: sets of plans, each with a sentence that says what was tried once all of them were. Pure.

use super::{Base, Constraint, Event, Plan, Trace};

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The corners, and each flow late.
    Quick,
    /// The same, and every two flows late.
    Pairs,
    /// Every order with one delay, each flow late, each past each later event, every order of three, every two flows late,
    /// and then whatever was not tried yet.
    Usual,
    /// Every order with one delay, with two, and so on.
    Full,
}

/// A set of plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Orders that often break pages.
    Likely,
    /// Every order with one delay; in the full search, with more.
    Delays,
    /// Each flow after everything else.
    EachLate,
    /// Each flow after each later action, and after each later flow.
    Past,
    /// The newest response first.
    Corners,
    /// Every order of three events.
    Triples,
    /// Every two flows after everything else.
    Pairs,
    /// What was not tried yet.
    Rest,
}

impl Stage {
    /// Describes what has been tried when all plans of the stage have been.
    pub(super) fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Delays => Some("every single delay"),
            Self::EachLate => Some("each flow after everything else"),
            Self::Past => Some("each flow past each later action and flow"),
            Self::Triples => Some("every order of three (all actions as one)"),
            Self::Pairs => Some("every two flows after everything else"),
            Self::Likely | Self::Corners | Self::Rest => None,
        }
    }
}

/// Returns the stages of a mode, in order.
pub(super) fn of(mode: Mode) -> &'static [Stage] {
    use Stage::{Corners, Delays, EachLate, Likely, Pairs, Past, Rest, Triples};
    match mode {
        Mode::Quick => &[Likely, EachLate, Corners],
        Mode::Pairs => &[Likely, EachLate, Corners, Pairs],
        Mode::Usual => &[Likely, Delays, EachLate, Past, Corners, Triples, Pairs, Rest],
        Mode::Full => &[Delays],
    }
}

fn after(late: &Event, early: &Event) -> Plan {
    Plan::constrained(Base::FlowsFirst, vec![Constraint { late: late.clone(), early: early.clone() }])
}

/// Returns a label without its query, number and document: what two calls of the same kind share.
fn kind(event: &Event) -> Option<&str> {
    event.label().map(|label| label.split(['?', '#', '~', '@']).next().unwrap_or(label).trim_end())
}

/// Returns the orders that break pages most often: the user does not wait; an unsafe request reaches its server after the
/// next action, or after the next one; the response to an older call comes after that to a newer one of the same kind.
pub(super) fn likely(natural: &Trace) -> Vec<Plan> {
    let events: Vec<_> = natural.fired().collect();
    let mut plans = vec![Plan::of(Base::ActionsFirst)];
    for (at, event) in events.iter().enumerate() {
        let later = &events[at + 1..];
        match event {
            Event::Act(_) => {}
            Event::Send(_) => {
                let next_action = later.iter().find(|other| other.is_action());
                let next_request = later.iter().find(|other| matches!(other, Event::Send(_)));
                plans.extend(next_action.into_iter().chain(next_request).map(|early| after(event, early)));
            }
            Event::Deliver(_) => {
                let is_newer = |other: &&&Event| matches!(other, Event::Deliver(_)) && kind(other) == kind(event);
                plans.extend(later.iter().find(is_newer).map(|early| after(event, early)));
            }
        }
    }
    plans.truncate(MOST_LIKELY);
    plans
}

/// How many of them are tried before the search becomes systematic.
const MOST_LIKELY: usize = 8;

/// Returns each flow after each later action, then after each later flow.
pub(super) fn past_each_later(natural: &Trace) -> Vec<Plan> {
    let events: Vec<_> = natural.fired().collect();
    let past = |is_wanted: fn(&Event) -> bool| {
        let of = |(at, late): (usize, &&Event)| {
            let later = events[at + 1..].iter().filter(|early| is_wanted(early));
            later.map(|early| after(late, early)).collect::<Vec<_>>()
        };
        events.iter().enumerate().filter(|(_, event)| !event.is_action()).flat_map(of).collect::<Vec<_>>()
    };
    [past(Event::is_action), past(|event| !event.is_action())].concat()
}

/// Returns every two flows after everything else, in both orders.
pub(super) fn two_late(seen: &[Event]) -> Vec<Plan> {
    let with =
        |a: &Event| seen.iter().filter(|b| *b != a).map(|b| Plan::slow(vec![a.clone(), b.clone()])).collect::<Vec<_>>();
    seen.iter().flat_map(with).collect()
}
