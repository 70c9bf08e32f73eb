//! A part of a stream walks past the rules of its stage.

use super::apply::delay;
use super::ask::{Counts, still_asked};
use super::park::Claimed;
use super::subject::Subject;
use super::{Gate, Inlet, State, Verdict};
use crate::filter::Truth;
use crate::flow::{Direction, FlowId, Part, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::flow_guard::FlowGuard;
use crate::proxy::offload::{is_short, offload};
use crate::rules::{AbortKind, Action, Edit, Rule};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How a part leaves the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum PartOutcome {
    /// On, behind those that came before it.
    On,
    /// On at once: the test has released it, and this was the so-manieth thing it said.
    Ahead(u64),
    /// It never arrives.
    Discarded,
    /// The whole stream is cut off.
    Cut(AbortKind),
}

/// Parts of the test's own for a stream, each with the number of what the test said.
pub(in crate::proxy) type Injected = mpsc::UnboundedReceiver<(u64, Part)>;

/// What a part is a part of.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Stream {
    pub(in crate::proxy) flow: FlowId,
    pub(in crate::proxy) request: Arc<Request>,
    pub(in crate::proxy) response: Arc<Response>,
}

impl Gate {
    /// Whether a rule of this moment may want parts of a stream.
    pub(in crate::proxy) fn may_want(&self, stage: StageName, request: &Request, response: &Response) -> bool {
        let rules = self.lock().table.rules();
        let mut rules = rules.at(stage, request);
        rules.any(|rule| rule.matches(request, Some(response)) != Truth::No)
    }

    /// Where the rules of this moment want a body to be cut.
    pub(in crate::proxy) fn cuts(&self, stream: &Stream) -> Vec<u64> {
        let rules = self.lock().table.rules();
        let mut cuts = Vec::new();
        rules.at(StageName::Chunk, &stream.request).for_each(|rule| rule.filter.cuts(&mut cuts));
        cuts
    }

    /// Tells the test's parts for a stream where to go: what [`inject`](Self::inject) sends.
    pub(in crate::proxy) fn open(&self, flow: FlowId, stage: StageName, direction: Option<Direction>) -> Injected {
        let (parts, receiver) = mpsc::unbounded_channel();
        self.lock().streams.entry(flow).or_default().push(Inlet { stage, direction, parts });
        receiver
    }

    /// A WebSocket has come to its end.
    pub(in crate::proxy) fn closed(&self, flow: FlowId) {
        let mut state = self.lock();
        state.close_inlets(flow, StageName::Message);
        self.journal.write(Event::Closed { flow });
    }

    /// Puts a part of the test's own into a stream; tells whether it is open.
    pub(crate) fn inject(&self, flow: FlowId, part: &Part) -> bool {
        let mut state = self.lock();
        let nth = state.number();
        let direction = match part {
            Part::Message(message) => Some(message.direction),
            Part::Event(_) | Part::Chunk(_) => None,
        };
        let mut inlets = state.streams.get_mut(&flow).into_iter().flatten();
        let fitting = inlets.find(|inlet| inlet.stage == part.stage() && inlet.direction == direction);
        fitting.is_some_and(|inlet| inlet.parts.send((nth, part.clone())).is_ok())
    }

    /// The number of what the test says next: what it has said first goes first.
    pub(in crate::proxy) fn number(&self) -> u64 {
        self.lock().number()
    }

    /// Walks a part past the rules of its stage.
    pub(in crate::proxy) async fn part(&self, guard: &FlowGuard, stream: &Stream, part: &mut Part) -> PartOutcome {
        let arrival = Instant::now();
        let rules = self.lock().table.rules();
        let (request, response) = (&stream.request, &stream.response);
        let of_stage = rules.at(part.stage(), request);
        let counts = self.count(of_stage, Subject::part(request, response, part)).await;
        let mut outcome = PartOutcome::On;
        for rule in rules.at(part.stage(), &stream.request) {
            let is_over = matches!(outcome, PartOutcome::Discarded | PartOutcome::Cut(_));
            if !still_asked(rule, is_over) || !self.wants_part(rule, &counts, stream, part).await {
                continue;
            }
            match self.act_on_part(rule, guard, stream, part, arrival).await {
                PartOutcome::On => {}
                other => outcome = other,
            }
        }
        outcome
    }

    async fn wants_part(&self, rule: &Arc<Rule>, counts: &Counts, stream: &Stream, part: &Part) -> bool {
        let subject = Subject::part(&stream.request, &stream.response, part);
        self.counted(subject.truth(rule, None).await, rule, counts, subject).await
    }

    async fn act_on_part(
        &self,
        rule: &Arc<Rule>,
        guard: &FlowGuard,
        stream: &Stream,
        part: &mut Part,
        arrival: Instant,
    ) -> PartOutcome {
        let hit = match self.claim(rule, guard, (&stream.request, Some(&stream.response)), Some(part)) {
            Claimed::Passed => return PartOutcome::On,
            Claimed::Parked(mut orders) => {
                return match self.verdict_on_part(guard.flow(), &mut orders).await {
                    (Verdict::Release(heads), nth) => {
                        if let Some(edited) = heads.part {
                            *part = edited;
                        }
                        // A body has one order.
                        nth.filter(|_| !matches!(part, Part::Chunk(_))).map_or(PartOutcome::On, PartOutcome::Ahead)
                    }
                    (Verdict::Discard, _) => PartOutcome::Discarded,
                    (Verdict::Abort(kind), _) => self.cut_at(guard.flow(), kind).await,
                    _ => PartOutcome::On,
                };
            }
            Claimed::Acts(hit) => hit,
        };
        match &rule.action {
            Action::Delay(by) => delay(arrival, by.draw(self.seed, rule.id, hit)).await,
            Action::Abort(kind) => return self.cut_at(guard.flow(), *kind).await,
            Action::Rewrite { .. } => rewrite(rule, part).await,
            Action::Edit { edit: change, .. } => {
                let changing = AssertUnwindSafe(edit(change, part.clone())).catch_unwind();
                match changing.await {
                    Ok(changed) => *part = changed,
                    Err(_) => self.journal.write(Event::Trouble { fault: panicked(rule) }),
                }
            }
            _ => {}
        }
        PartOutcome::On
    }

    async fn cut_at(&self, part: FlowId, kind: AbortKind) -> PartOutcome {
        match kind {
            AbortKind::Discard => return PartOutcome::Discarded,
            AbortKind::Stall => {
                self.journal.write(Event::Stalled { flow: part });
                self.test_ended().await;
            }
            _ => {}
        }
        PartOutcome::Cut(kind)
    }
}

impl State {
    pub(super) fn number(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    pub(super) fn close_inlets(&mut self, flow: FlowId, stage: StageName) {
        if let Some(inlets) = self.streams.get_mut(&flow) {
            inlets.retain(|inlet| inlet.stage != stage);
            if inlets.is_empty() {
                self.streams.remove(&flow);
            }
        }
    }
}

fn panicked(rule: &Rule) -> crate::flow::Fault {
    let what = "the code of edit! panicked; the part went on as it was";
    crate::flow::Fault::new(crate::flow::FaultStage::Rule, what).of(&rule.text, rule.place)
}

async fn rewrite(rule: &Arc<Rule>, part: &mut Part) {
    let (rule, changed) = (Arc::clone(rule), part.clone());
    let is_short = is_short(part.content().len());
    let rewrite = move || rewritten(&rule.action, changed);
    *part = if is_short { rewrite() } else { offload(rewrite).await };
}

fn rewritten(action: &Action, mut part: Part) -> Part {
    let Action::Rewrite { pattern, with } = action else { return part };
    let with = with.as_str();
    match &mut part {
        Part::Message(message) if message.opcode == crate::flow::Opcode::Text => {
            let changed = pattern.replace_all(&message.text(), with).into_owned();
            message.set_text(changed);
        }
        Part::Event(event) => event.data = pattern.replace_all(&event.data, with).into_owned(),
        Part::Message(_) | Part::Chunk(_) => {}
    }
    part
}

async fn edit(edit: &Edit, part: Part) -> Part {
    match (edit, part) {
        (Edit::Message(change), Part::Message(message)) => Part::Message(change(message).await),
        (Edit::Event(change), Part::Event(event)) => Part::Event(change(event).await),
        (_, part) => part,
    }
}
