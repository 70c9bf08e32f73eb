//! Applies rules to the parts of a stream.

use super::apply::delay;
use super::ask::{Counts, still_asked};
use super::park::Claimed;
use super::subject::Subject;
use super::{Gate, Inlet, State, Verdict};
use crate::filter::Truth;
use crate::flow::{Direction, FlowId, Part, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::flow_guard::FlowGuard;
use crate::proxy::offload::{aside, is_short, offload};
use crate::rules::{AbortKind, Action, Edit, Rule};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How a part leaves the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::proxy) enum PartOutcome {
    /// In order, behind the parts that came before it.
    On,
    /// At once: the test has released it, as its decision with this number.
    Ahead(u64),
    /// It is dropped.
    Discarded,
    /// The whole stream is cut off.
    Cut(AbortKind),
}

/// The parts that the test injects into a stream, each with the number of the decision.
pub(in crate::proxy) type Injected = mpsc::UnboundedReceiver<(u64, Part)>;

/// The stream that a part belongs to.
#[derive(Clone, Debug)]
pub(in crate::proxy) struct Stream {
    pub(in crate::proxy) flow: FlowId,
    pub(in crate::proxy) request: Arc<Request>,
    pub(in crate::proxy) response: Arc<Response>,
}

impl Gate {
    /// Returns whether a current rule may match parts of a stream.
    pub(in crate::proxy) fn may_want(&self, stage: StageName, request: &Request, response: &Response) -> bool {
        let rules = self.lock().table.rules();
        let mut rules = rules.at(stage, request);
        rules.any(|rule| rule.matches(request, Some(response)) != Truth::No)
    }

    /// Returns the offsets at which current rules split a body.
    pub(in crate::proxy) fn cuts(&self, stream: &Stream) -> Vec<u64> {
        let rules = self.lock().table.rules();
        let mut cuts = Vec::new();
        rules.at(StageName::Chunk, &stream.request).for_each(|rule| rule.filter.cuts(&mut cuts));
        cuts
    }

    /// Opens a stream to [`inject`](Self::inject). The receiver yields the injected parts.
    pub(in crate::proxy) fn open(&self, flow: FlowId, stage: StageName, direction: Option<Direction>) -> Injected {
        let (parts, receiver) = mpsc::unbounded_channel();
        self.lock().streams.entry(flow).or_default().push(Inlet { stage, direction, parts });
        receiver
    }

    /// Records that a WebSocket has closed, and closes it to [`inject`](Self::inject).
    pub(in crate::proxy) fn closed(&self, flow: FlowId) {
        let mut state = self.lock();
        state.close_inlets(flow, StageName::Message);
        self.journal.write(Event::Closed { flow });
    }

    /// Injects a part into a stream, and returns whether the stream is open.
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

    /// Returns the number of the test's next decision. Decisions take effect in this order.
    pub(in crate::proxy) fn number(&self) -> u64 {
        self.lock().number()
    }

    /// Applies the rules of its stage to a part.
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
                        // The chunks of a body stay in order.
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
            Action::Edit { edit: change, .. } => match aside(edit(change.clone(), part.clone())).await {
                Ok(changed) => *part = changed,
                Err(_) => self.journal.write(Event::Trouble { fault: panicked(rule) }),
            },
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
    let what = "the code of edit! panicked; the part was sent unchanged";
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

async fn edit(edit: Edit, part: Part) -> Part {
    match (&edit, part) {
        (Edit::Message(change), Part::Message(message)) => Part::Message(change(message).await),
        (Edit::Event(change), Part::Event(event)) => Part::Event(change(event).await),
        (_, part) => part,
    }
}
