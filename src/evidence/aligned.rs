//! Two orders side by side: which events are at the same place, and where the others have moved. Pure.

use super::record::{Ordered, Run};
use super::story::{Kind, Lane, Story};
use crate::flow::FlowId;
use crate::sanitize::sanitize_line;
use similar::{DiffOp, capture_diff_slices};

/// One row: the position of an event in the one order and in the other, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aligned {
    pub(super) left: Option<usize>,
    pub(super) right: Option<usize>,
}

impl Aligned {
    pub(super) fn is_equal(self) -> bool {
        self.left.is_some() && self.right.is_some()
    }
}

/// Aligns two orders by their events.
pub(super) fn aligned(left: &[Ordered], right: &[Ordered]) -> Vec<Aligned> {
    let names = |order: &[Ordered]| order.iter().map(|one| one.event.clone()).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for op in capture_diff_slices(similar::Algorithm::Myers, &names(left), &names(right)) {
        let (old, new) = (op.old_range(), op.new_range());
        if let DiffOp::Equal { .. } = op {
            rows.extend(old.zip(new).map(|(left, right)| Aligned { left: Some(left), right: Some(right) }));
        } else {
            rows.extend(old.map(|left| Aligned { left: Some(left), right: None }));
            rows.extend(new.map(|right| Aligned { left: None, right: Some(right) }));
        }
    }
    rows
}

/// Returns the first row in which the orders differ.
pub(super) fn parting(rows: &[Aligned]) -> Option<usize> {
    rows.iter().position(|row| !row.is_equal())
}

/// Returns where in the other order an event is that is not at the same place there.
pub(super) fn moved(event: &Ordered, other: &[Ordered]) -> Option<usize> {
    other.iter().position(|one| one.event == event.event)
}

/// Returns the row of the execution in which each of its ordered events happened: the release of a flow, or the n-th
/// action.
pub(super) fn rows_of(run: &Run, story: &Story) -> Vec<Option<usize>> {
    let mut acted = 0;
    let mut taken = vec![false; story.rows.len()];
    run.order
        .iter()
        .map(|event| {
            let found = story.rows.iter().enumerate().position(|(at, row)| {
                !taken[at]
                    && match event.flow {
                        Some(flow) => is_release(row, flow),
                        None => {
                            at >= acted
                                && row.lane == Lane::Test
                                && row.kind == Kind::Action
                                && row.says.starts_with(&sanitize_line(&event.action))
                        }
                    }
            });
            if let Some(at) = found {
                taken[at] = true;
                // A command is journaled before its turn, so it may stand before a release that comes first.
                acted = if event.flow.is_none() { at } else { acted };
            }
            found
        })
        .collect()
}

/// Whether a row is the release of a flow, or of a part of it.
fn is_release(row: &super::story::Row, flow: FlowId) -> bool {
    let part = if flow == flow.whole() { String::new() } else { format!("{flow} ") };
    row.lane == Lane::Flow(flow.whole()) && row.kind == Kind::Verdict && row.says.starts_with(&part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(events: &str) -> Vec<Ordered> {
        let one = |event: &str| Ordered {
            event: event.to_owned(),
            says: event.to_owned(),
            action: String::new(),
            flow: None,
        };
        events.split(' ').map(one).collect()
    }

    #[test]
    fn what_has_moved_is_found_and_the_rest_stays_beside_each_other() {
        let (left, right) = (order("a1 r1 r2 a2 r3"), order("a1 r2 a2 r1 r3"));
        let rows = aligned(&left, &right);
        assert_eq!(parting(&rows), Some(1));
        assert_eq!(rows.iter().filter(|row| row.is_equal()).count(), 4);
        assert_eq!(moved(&left[1], &right), Some(3));
        assert_eq!(parting(&aligned(&left, &left)), None);
    }
}
