//! Claims, parks and releases flows.

use super::apply::made;
use super::next::Next;
use super::{End, Gate, Handover, Heads, HeldParts, Order, State, Verdict, Waiting};
use crate::flow::{Content, FlowId, Part, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::envelope::{Envelope, Head};
use crate::proxy::flow_guard::FlowGuard;
use crate::rules::{Action, Claim, Rule};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

const AFTER_THE_OTHER: &str = "released, since the other has ended";

pub(super) type Orders = mpsc::UnboundedReceiver<Order>;

/// The result of claiming a flow for a rule that matches it.
pub(super) enum Claimed {
    Passed,
    /// The rule acts; this is its n-th match, counted from 1.
    Acts(u64),
    Parked(Orders),
}

impl Gate {
    pub(super) async fn wait_at_request(
        &self,
        rule: &Arc<Rule>,
        guard: &FlowGuard,
        message: &mut Envelope<Request>,
        orders: &mut Orders,
    ) -> Next {
        let Some(verdict) = self.verdict(guard.flow(), message, orders, true).await else { return Next::Gone };
        match verdict {
            Verdict::Release(heads) | Verdict::ReleaseAfter(_, heads) => edit_request(message, heads),
            Verdict::Advance(heads, place, reply) => {
                edit_request(message, heads);
                self.lock().advancing.insert(guard.flow(), (rule.id, place, reply));
            }
            Verdict::Respond(response) => return Next::Answer(made(&response)),
            Verdict::Abort(kind) => return Next::Abort(kind),
            Verdict::Discard => {}
        }
        Next::Rule
    }

    /// Parks a flow that `advance` has released again, now with its response, and hands it to the waiting test. Returns
    /// `None` if it was not advanced.
    pub(super) fn come_back(&self, guard: &FlowGuard, request: &Request, response: &Response) -> Option<Orders> {
        let (rule, asked, reply) = self.lock().advancing.remove(&guard.flow())?;
        let (parts, orders) = {
            let mut state = self.lock();
            let flow = guard.flow();
            if state.table.park_again(rule, flow, self.journal.now()) != Claim::Park {
                return None;
            }
            let rule = Arc::clone(state.table.rule(rule));
            let (text, place) = (Arc::clone(&rule.text), rule.place);
            self.journal.write(Event::Parked { flow, stage: StageName::Response, rule: text, place });
            self.journal.write(Event::Taken { flow, place: asked });
            let (parts, sender, orders) = Self::waiting(&mut state, guard, request, Some(response));
            state.waiting.insert(guard.flow(), Waiting { orders: sender, parts: None });
            (parts, orders)
        };
        // If the test no longer waits for it, dropping the handover releases it.
        let _ = reply.send(Handover::new(guard.gate(), parts));
        Some(orders)
    }

    /// Whether the response to this request may be parked.
    pub(in crate::proxy) fn may_park_response(&self, request: &Request) -> bool {
        let mut state = self.lock();
        let is_hold = |rule: &Arc<Rule>| matches!(rule.action, Action::Hold);
        !state.advancing.is_empty() || state.table.rules().at(StageName::Response, request).any(is_hold)
    }

    pub(super) async fn wait_at_response(
        &self,
        guard: &FlowGuard,
        message: &mut Envelope<Response>,
        orders: &mut Orders,
    ) -> Next {
        let Some(verdict) = self.verdict(guard.flow(), message, orders, false).await else { return Next::Rule };
        match verdict {
            Verdict::Discard => Next::Rule,
            Verdict::Release(heads) | Verdict::ReleaseAfter(_, heads) | Verdict::Advance(heads, ..) => {
                if let Some(response) = heads.response {
                    message.head = *response;
                    message.settle_edits();
                }
                Next::Rule
            }
            Verdict::Respond(response) => Next::Answer(made(&response)),
            Verdict::Abort(kind) => Next::Abort(kind),
        }
    }

    /// Waits for the test's verdict, and reads the body ahead meanwhile. Returns `None` if the body is the client's and
    /// has broken off.
    async fn verdict<H: Head>(
        &self,
        flow: FlowId,
        message: &mut Envelope<H>,
        orders: &mut Orders,
        is_of_client: bool,
    ) -> Option<Verdict> {
        let mut reading = true;
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = message.read_ahead(), if reading => {
                    if is_of_client && message.body.sender_has_left() {
                        return None;
                    }
                    reading = false;
                    continue;
                }
            };
            match order {
                Some(Order::Read(mut reply)) => {
                    let is_new = *message.head.content_mut() == Content::Streaming;
                    let read = tokio::select! {
                        read = message.read() => read,
                        // The test no longer waits for the body; a verdict may follow.
                        () = reply.closed() => continue,
                    };
                    let bytes = read.map(|()| message.head.content_mut().bytes().cloned().unwrap_or_default());
                    if let (true, Ok(body)) = (is_new, &bytes) {
                        self.journal.write(Event::Read { flow, stage: H::STAGE, body: body.clone() });
                    }
                    let _ = reply.send(bytes);
                }
                Some(Order::Verdict(_, verdict)) => {
                    let (other, heads) = match *verdict {
                        Verdict::ReleaseAfter(other, heads) => (other, heads),
                        verdict => return Some(verdict),
                    };
                    if is_of_client {
                        message.unless_broken(self.ended(other)).await?;
                    } else {
                        message.while_reading_ahead(self.ended(other)).await;
                    }
                    self.journal.write(Event::Decided { flow, verdict: AFTER_THE_OTHER, place: None });
                    return Some(Verdict::Release(heads));
                }
                // The gate keeps the sender until it has sent a verdict.
                None => return Some(Verdict::Release(Heads::default())),
            }
        }
    }

    /// Waits for the verdict on a part. Returns it with the number of the decision, if there was one.
    pub(super) async fn verdict_on_part(&self, part: FlowId, orders: &mut Orders) -> (Verdict, Option<u64>) {
        loop {
            match orders.recv().await {
                // A part is complete when it arrives.
                Some(Order::Read(_)) => {}
                Some(Order::Verdict(nth, verdict)) => {
                    let (other, heads) = match *verdict {
                        Verdict::ReleaseAfter(other, heads) => (other, heads),
                        verdict => return (verdict, Some(nth)),
                    };
                    self.ended(other).await;
                    self.journal.write(Event::Decided { flow: part, verdict: AFTER_THE_OTHER, place: None });
                    return (Verdict::Release(heads), Some(self.number()));
                }
                None => return (Verdict::Release(Heads::default()), None),
            }
        }
    }

    /// Counts a match, and makes under one lock all changes that the test must see at once.
    pub(super) fn claim(
        &self,
        rule: &Arc<Rule>,
        guard: &FlowGuard,
        (request, response): (&Request, Option<&Response>),
        part: Option<&Part>,
    ) -> Claimed {
        let mut state = self.lock();
        let (flow, place, text) = (guard.flow(), rule.place, Arc::clone(&rule.text));
        let claimed = match state.table.claim(rule.id, flow, rule.stage, self.journal.now()) {
            Claim::Pass => return Claimed::Passed,
            Claim::Act(hit) => {
                self.journal.write(Event::Ruled { flow, rule: text, place });
                if matches!(rule.action, Action::Watch) {
                    state.watching.entry(flow).or_default().push((rule.id, part.cloned()));
                }
                Claimed::Acts(hit)
            }
            Claim::Park => {
                self.journal.write(Event::Parked { flow, stage: rule.stage, rule: text, place });
                let (mut parts, sender, orders) = Self::waiting(&mut state, guard, request, response);
                parts.part = part.cloned();
                state.waiting.insert(flow, Waiting { orders: sender, parts: Some(parts) });
                Claimed::Parked(orders)
            }
        };
        drop(state);
        self.changed.notify_waiters();
        claimed
    }

    /// Resolves when the test has ended.
    pub(in crate::proxy) async fn test_ended(&self) {
        // Fails only if the proxy is gone.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Resolves when another flow or the test has ended.
    async fn ended(&self, mut other: End) {
        tokio::select! {
            // A sender that is dropped without an outcome means that the proxy is gone.
            _ = other.wait_for(Option::is_some) => {}
            () = self.test_ended() => {}
        }
    }

    /// Returns what the test sees of a flow, and both ends of the channel for its verdict.
    fn waiting(
        state: &mut State,
        guard: &FlowGuard,
        request: &Request,
        response: Option<&Response>,
    ) -> (HeldParts, mpsc::UnboundedSender<Order>, Orders) {
        let (sender, orders) = mpsc::unbounded_channel();
        let flow = guard.flow();
        let end = state.ends.entry(flow).or_insert_with(|| watch::Sender::new(None)).subscribe();
        let (request, response) = (request.detached(), response.map(Response::detached));
        (HeldParts { flow, request, response, part: None, end }, sender, orders)
    }
}

fn edit_request(message: &mut Envelope<Request>, heads: Heads) {
    if let Some(request) = heads.request {
        message.head = *request;
        message.settle_edits();
    }
}
