//! The order of everything in a recording, and how much of it has come. Pure.

use super::played::Played;
use crate::flow::Direction;
use std::collections::BTreeSet;

/// How far apart a request and an answer must be, in seconds, for their order to be known, if the recording has milliseconds.
const SLACK: f64 = 0.002;

/// Something that happened in the recording; flows and parts by their positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// An answer came, or the head of a stream.
    Answer(usize),
    /// The server sent the n-th of its parts.
    FromServer(usize, usize),
    /// The client sent the n-th of its messages.
    FromClient(usize, usize),
    Request(usize),
}

/// The steps in their order, and which of them have come.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    steps: Vec<Step>,
    come: BTreeSet<Step>,
    /// The position of the first that has not come.
    next: usize,
}

impl Sequence {
    /// Orders the steps of these flows. What `other` has seen has come.
    pub(super) fn of(flows: &[Played], other: Option<Self>) -> Self {
        let mut timed = Vec::new();
        let mut last = f64::MIN;
        for (at, flow) in flows.iter().enumerate() {
            let steps = steps_of(at, flow, flow.began.unwrap_or(last));
            last = steps.last().map_or(last, |(time, _)| *time);
            timed.extend(steps);
        }
        // At the same time, what came may have caused what was sent.
        timed.sort_by(|(time, step), (other_time, other)| {
            let is_sent = |step: &Step| matches!(step, Step::Request(_) | Step::FromClient(..));
            time.total_cmp(other_time).then(is_sent(step).cmp(&is_sent(other)))
        });
        let come = other.map(|other| other.come).unwrap_or_default();
        let mut sequence = Self { steps: timed.into_iter().map(|(_, step)| step).collect(), come, next: 0 };
        sequence.advance();
        sequence
    }

    /// Notes that a step has come.
    pub(super) fn mark(&mut self, step: Step) {
        self.come.insert(step);
        self.advance();
    }

    /// Notes that no other part of a stream comes.
    pub(super) fn end(&mut self, at: usize) {
        let of_stream = |step: &&Step| matches!(step, Step::FromServer(of, _) | Step::FromClient(of, _) if *of == at);
        self.come.extend(self.steps.iter().filter(of_stream));
        self.advance();
    }

    /// Returns whether everything before a step has come.
    pub(super) fn is_turn_of(&self, step: Step) -> bool {
        self.awaited().is_none_or(|next| next == step) || !self.steps[self.next..].contains(&step)
    }

    /// Returns the first step that has not come.
    pub(super) fn awaited(&self) -> Option<Step> {
        self.steps.get(self.next).copied()
    }

    /// Returns the steps that have not come, in their order.
    pub(super) fn left(&self) -> impl Iterator<Item = Step> {
        self.steps[self.next..].iter().filter(|step| !self.come.contains(step)).copied()
    }

    fn advance(&mut self) {
        while self.awaited().is_some_and(|step| self.come.contains(&step)) {
            self.next += 1;
        }
    }
}

/// Returns the steps of one flow, each later than the one before it.
fn steps_of(at: usize, flow: &Played, began: f64) -> Vec<(f64, Step)> {
    let asked = if flow.is_exact { began } else { began + SLACK };
    let mut steps = vec![(asked, Step::Request(at))];
    let mut last = asked;
    let mut push = |time: Option<f64>, step: Step| {
        last = time.unwrap_or(last).max(last.next_up());
        steps.push((last, step));
    };
    if flow.was_left {
        // It may leave again, at another time.
        return steps;
    }
    if flow.answer.as_ref().is_some_and(|answer| answer.status == 304) {
        // Of a cache that another browser does not have.
        return vec![];
    }
    let answered = flow.answer.as_ref().and_then(|answer| answer.at);
    push(if flow.is_stream() { answered } else { flow.ended.or(answered) }, Step::Answer(at));
    let (mut sent, mut received) = (0, 0);
    for part in &flow.parts {
        let (count, step): (&mut usize, fn(usize, usize) -> Step) = match part.direction {
            Direction::ToServer => (&mut sent, Step::FromClient),
            Direction::ToClient => (&mut received, Step::FromServer),
        };
        push(part.at, step(at, *count));
        *count += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::played::{PlayedAnswer, PlayedPart};
    use bytes::Bytes;

    fn flow(began: f64, ended: f64) -> Played {
        let answer = PlayedAnswer { status: 200, at: Some(ended), ..PlayedAnswer::default() };
        let (began, ended) = (Some(began), Some(ended));
        Played { answer: Some(answer), began, ended, is_exact: true, ..Played::default() }
    }

    #[test]
    fn an_answer_waits_for_what_came_before_it() {
        let mut sequence = Sequence::of(&[flow(1.0, 4.0), flow(2.0, 3.0)], None);
        let (first, second) = (Step::Answer(0), Step::Answer(1));
        sequence.mark(Step::Request(0));
        assert!(!sequence.is_turn_of(first) && !sequence.is_turn_of(second));
        assert_eq!(sequence.awaited(), Some(Step::Request(1)));
        sequence.mark(Step::Request(1));
        assert!(!sequence.is_turn_of(first) && sequence.is_turn_of(second));
        sequence.mark(second);
        assert!(sequence.is_turn_of(first));
        sequence.mark(first);
        assert_eq!(sequence.awaited(), None);
        assert!(sequence.is_turn_of(first), "again");
    }

    #[test]
    fn a_request_at_the_time_of_an_answer_may_follow_from_it() {
        let mut flows = [flow(1.0, 2.0), flow(2.0, 3.0)];
        assert_eq!(
            Sequence::of(&flows, None).steps,
            [Step::Request(0), Step::Answer(0), Step::Request(1), Step::Answer(1)]
        );
        // A millisecond before it, in a recording that has only milliseconds.
        (flows[1].began, flows[1].is_exact) = (Some(1.999), false);
        assert_eq!(Sequence::of(&flows, None).steps[1], Step::Answer(0));
        flows[1].is_exact = true;
        assert_eq!(Sequence::of(&flows, None).steps[1], Step::Request(1));
    }

    #[test]
    fn parts_are_ordered_with_the_answers_of_others() {
        let part = |at: f64, direction| PlayedPart { at: Some(at), direction, is_text: true, content: Bytes::new() };
        let mut socket = flow(1.0, 1.5);
        socket.answer = Some(PlayedAnswer { status: 101, at: Some(1.5), ..PlayedAnswer::default() });
        socket.parts = vec![part(2.0, Direction::ToServer), part(3.0, Direction::ToClient)];
        let steps = Sequence::of(&[socket, flow(2.5, 2.8)], None).steps;
        let of_socket = [Step::Request(0), Step::Answer(0), Step::FromClient(0, 0)];
        assert_eq!(steps[..3], of_socket);
        assert_eq!(steps[3..], [Step::Request(1), Step::Answer(1), Step::FromServer(0, 0)]);
    }

    #[test]
    fn without_times_each_answer_follows_its_request() {
        let unknown = || Played { answer: Some(PlayedAnswer::default()), ..Played::default() };
        let steps = Sequence::of(&[unknown(), unknown()], None).steps;
        assert_eq!(steps, [Step::Request(0), Step::Answer(0), Step::Request(1), Step::Answer(1)]);
    }
}
