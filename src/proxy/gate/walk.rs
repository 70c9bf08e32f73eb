//! A flow walks past the rules, in the order of declaration.

use super::{Gate, Heads, HeldParts, Order, Verdict, Waiting};
use crate::desk::{AbortKind, Action, Claim, Rule, RuleSet};
use crate::filter::Truth;
use crate::flow::{Content, Fault, FaultStage, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::body::{Head, LIMIT, Message, Source};
use crate::proxy::content;
use crate::proxy::delivery::Ticket;
use http::header::{self, HeaderValue};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How a request leaves the gate.
pub(in crate::proxy) enum Pass {
    /// On to the upstream.
    On,
    /// Answered here.
    Answer(Message<Response>),
    /// Cut off.
    Abort(AbortKind),
}

/// What becomes of a flow after one rule.
enum Next {
    /// The next rule.
    Rule,
    Answer(Message<Response>),
    Abort(AbortKind),
}

impl Gate {
    /// Walks a request past the rules of its stage.
    pub(in crate::proxy) async fn request(
        &self,
        ticket: &Ticket,
        message: &mut Message<Request>,
    ) -> Result<Pass, Fault> {
        let arrival = Instant::now();
        let rules = self.lock().desk.rules();
        if rules.is_empty() {
            return Ok(Pass::On);
        }
        let host = message.head.target.host.clone();
        for rule in rules.for_host(&host).filter(|rule| rule.stage == StageName::Request) {
            if !request_matches(rule, message).await? {
                continue;
            }
            match self.act_on_request(rule, ticket, message, arrival).await? {
                Next::Rule => {}
                Next::Answer(answer) => return Ok(Pass::Answer(answer)),
                Next::Abort(kind) => return Ok(Pass::Abort(kind)),
            }
        }
        prepare(&rules, &host, message).await?;
        Ok(Pass::On)
    }

    async fn act_on_request(
        &self,
        rule: &Arc<Rule>,
        ticket: &Ticket,
        message: &mut Message<Request>,
        arrival: Instant,
    ) -> Result<Next, Fault> {
        match self.claim(rule, ticket, &message.head, None) {
            Claimed::Passed => Ok(Next::Rule),
            Claimed::Parked(mut orders) => self.wait_at_request(rule, ticket, message, &mut orders).await,
            Claimed::Acts => match &rule.action {
                Action::Hold | Action::Watch | Action::Replace(_) => Ok(Next::Rule),
                Action::Delay(by) => {
                    delay(arrival, *by).await;
                    Ok(Next::Rule)
                }
                Action::Abort(kind) => Ok(Next::Abort(*kind)),
                Action::Respond(response) => Ok(Next::Answer(made(response))),
                Action::Rewrite { pattern, with } => {
                    message.read().await?;
                    rewrite(message, pattern, with);
                    Ok(Next::Rule)
                }
            },
        }
    }

    async fn wait_at_request(
        &self,
        rule: &Arc<Rule>,
        ticket: &Ticket,
        message: &mut Message<Request>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Result<Next, Fault> {
        let mut verdict = self.verdict(message, orders, true).await;
        if let Verdict::ReleaseAfter(other, heads) = verdict {
            ended(other).await;
            verdict = Verdict::Release(heads);
        }
        match verdict {
            Verdict::Release(heads) | Verdict::ReleaseAfter(_, heads) => edit_request(message, heads),
            Verdict::Advance(heads, reply) => {
                edit_request(message, heads);
                self.lock().advancing.insert(ticket.flow(), (rule.id, reply));
            }
            Verdict::Respond(response) => return Ok(Next::Answer(made(&response))),
            Verdict::Abort(kind) => return Ok(Next::Abort(kind)),
        }
        Ok(Next::Rule)
    }

    /// Walks an answer past the rules of its stage; some when it is to be cut off.
    pub(in crate::proxy) async fn response(
        &self,
        ticket: &Ticket,
        request: &Request,
        message: &mut Message<Response>,
    ) -> Result<Option<AbortKind>, Fault> {
        let arrival = Instant::now();
        let rules = self.lock().desk.rules();
        if let Next::Abort(kind) = self.come_back(ticket, request, message).await {
            return Ok(Some(kind));
        }
        for rule in rules.for_host(&request.target.host).filter(|rule| rule.stage == StageName::Response) {
            if !response_matches(rule, request, message).await? {
                continue;
            }
            match self.act_on_response(rule, ticket, request, message, arrival).await? {
                Next::Rule => {}
                Next::Answer(answer) => *message = answer,
                Next::Abort(kind) => return Ok(Some(kind)),
            }
        }
        Ok(None)
    }

    async fn act_on_response(
        &self,
        rule: &Arc<Rule>,
        ticket: &Ticket,
        request: &Request,
        message: &mut Message<Response>,
        arrival: Instant,
    ) -> Result<Next, Fault> {
        match self.claim(rule, ticket, request, Some(&message.head)) {
            Claimed::Passed => return Ok(Next::Rule),
            Claimed::Parked(mut orders) => return Ok(self.wait_at_response(message, &mut orders).await),
            Claimed::Acts => {}
        }
        match &rule.action {
            Action::Hold | Action::Watch => {}
            Action::Delay(by) => delay(arrival, *by).await,
            Action::Abort(kind) => return Ok(Next::Abort(*kind)),
            Action::Respond(response) => return Ok(Next::Answer(made(response))),
            Action::Replace(file) => replace(message, file).await?,
            Action::Rewrite { pattern, with } => {
                message.read().await?;
                rewrite(message, pattern, with);
                content::forbid_caching(&mut message.head.headers);
            }
        }
        Ok(Next::Rule)
    }

    /// A flow that `advance` sent on parks again with its response, and goes straight to the test that asked.
    async fn come_back(&self, ticket: &Ticket, request: &Request, message: &mut Message<Response>) -> Next {
        let Some((rule, reply)) = self.lock().advancing.remove(&ticket.flow()) else { return Next::Rule };
        let (mut orders, parts) = {
            let mut state = self.lock();
            if state.desk.park_again(rule, ticket.flow(), self.journal.now()) != Claim::Park {
                return Next::Rule;
            }
            let rule = Arc::clone(state.desk.rule(rule));
            let (waiting, orders) = self.waiting(&mut state, &rule, ticket, request, Some(&message.head));
            let parts = waiting.parts.take();
            (orders, parts)
        };
        if let Some(parts) = parts
            && let Err(parts) = reply.send(parts)
        {
            // The test no longer waits for it: nobody would decide.
            self.decide(
                parts.flow,
                "released, since nobody waits for its response",
                None,
                Verdict::Release(Heads::default()),
            );
        }
        self.wait_at_response(message, &mut orders).await
    }

    async fn wait_at_response(
        &self,
        message: &mut Message<Response>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> Next {
        let mut verdict = self.verdict(message, orders, false).await;
        if let Verdict::ReleaseAfter(other, heads) = verdict {
            ended(other).await;
            verdict = Verdict::Release(heads);
        }
        match verdict {
            Verdict::Release(heads) | Verdict::ReleaseAfter(_, heads) | Verdict::Advance(heads, _) => {
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

    /// Waits, parked, for what the test decides. Meanwhile a request's body is read ahead: on HTTP/1 a client that
    /// leaves is noticed only behind what it has sent.
    async fn verdict<H: Head>(
        &self,
        message: &mut Message<H>,
        orders: &mut mpsc::UnboundedReceiver<Order>,
        read_ahead: bool,
    ) -> Verdict {
        let mut reading = read_ahead;
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = message.body.read_ahead(LIMIT), if reading => {
                    reading = false;
                    continue;
                }
            };
            match order {
                Some(Order::Read(reply)) => {
                    let read = message.read().await;
                    let bytes = read.map(|()| message.head.content_mut().bytes().cloned().unwrap_or_default());
                    let _ = reply.send(bytes);
                }
                Some(Order::Verdict(verdict)) => return verdict,
                // The gate keeps the sender until it has sent a verdict.
                None => return Verdict::Release(Heads::default()),
            }
        }
    }

    /// Counts a match, and does under one lock what the whole test may see at once.
    fn claim(&self, rule: &Arc<Rule>, ticket: &Ticket, request: &Request, response: Option<&Response>) -> Claimed {
        let mut state = self.lock();
        let (flow, place, text) = (ticket.flow(), rule.place, Arc::clone(&rule.text));
        let claimed = match state.desk.claim(rule.id, flow, rule.stage, self.journal.now()) {
            Claim::Pass => return Claimed::Passed,
            Claim::Act => {
                self.journal.write(Event::Ruled { flow, rule: text, place });
                if matches!(rule.action, Action::Watch) {
                    state.watched.entry(rule.id).or_default().push_back(flow);
                }
                Claimed::Acts
            }
            Claim::Park => {
                self.journal.write(Event::Parked { flow, stage: rule.stage, rule: text, place });
                let (_, orders) = self.waiting(&mut state, rule, ticket, request, response);
                Claimed::Parked(orders)
            }
        };
        drop(state);
        self.changed.notify_waiters();
        claimed
    }

    /// Makes the place where a flow waits.
    fn waiting<'a>(
        &self,
        state: &'a mut super::State,
        rule: &Arc<Rule>,
        ticket: &Ticket,
        request: &Request,
        response: Option<&Response>,
    ) -> (&'a mut Waiting, mpsc::UnboundedReceiver<Order>) {
        let (sender, orders) = mpsc::unbounded_channel();
        let flow = ticket.flow();
        let end = state.ends.entry(flow).or_insert_with(|| watch::Sender::new(None)).subscribe();
        let rule = Arc::clone(rule);
        let parts = HeldParts { flow, rule, request: request.clone(), response: response.cloned(), end };
        state.waiting.insert(flow, Waiting { orders: sender, parts: Some(parts) });
        (state.waiting.get_mut(&flow).expect("inserted in the line above"), orders)
    }
}

enum Claimed {
    Passed,
    Acts,
    Parked(mpsc::UnboundedReceiver<Order>),
}

/// Whether a rule wants a request, once what it hangs on was read.
async fn request_matches(rule: &Rule, message: &mut Message<Request>) -> Result<bool, Fault> {
    let mut truth = rule.matches(&message.head, None);
    if matches!(truth, Truth::Unknown(need) if need.request_body) {
        message.read().await?;
        truth = rule.matches(&message.head, None);
    }
    Ok(truth == Truth::Yes)
}

async fn response_matches(rule: &Rule, request: &Request, message: &mut Message<Response>) -> Result<bool, Fault> {
    let mut truth = rule.matches(request, Some(&message.head));
    if matches!(truth, Truth::Unknown(need) if need.response_body) {
        message.read().await?;
        truth = rule.matches(request, Some(&message.head));
    }
    Ok(truth == Truth::Yes)
}

/// Does to a request what rules at its response will need: a whole body instead of "not modified", and the request's
/// own body where a filter looks at that.
async fn prepare(rules: &RuleSet, host: &str, message: &mut Message<Request>) -> Result<(), Fault> {
    for rule in rules.for_host(host).filter(|rule| rule.stage == StageName::Response) {
        let truth = rule.matches(&message.head, None);
        if truth == Truth::No {
            continue;
        }
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            message.read().await?;
        }
        if rule.action.changes_body() {
            content::ask_for_whole_body(&mut message.head.headers);
        }
    }
    Ok(())
}

fn edit_request(message: &mut Message<Request>, heads: Heads) {
    if let Some(request) = heads.request {
        message.head = *request;
        message.settle_edits();
    }
}

/// An answer that comes from a rule or a test.
fn made(response: &Response) -> Message<Response> {
    let mut head = response.clone();
    let bytes = head.content.bytes().cloned().unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    head.content = Content::Read(bytes.clone());
    Message::new(head, Source::whole(bytes))
}

async fn replace(message: &mut Message<Response>, file: &Path) -> Result<(), Fault> {
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || std::fs::read(path)).await;
    let read = read.map_err(|error| Fault::from_error(FaultStage::Internal, "reading a file", &error))?;
    let bytes = read.map_err(|error| {
        Fault::from_error(FaultStage::Rule, &format!("replace! cannot read {}", file.display()), &error)
    })?;
    message.head.set_body(bytes);
    message.settle_edits();
    content::forbid_caching(&mut message.head.headers);
    Ok(())
}

fn rewrite<H: Head>(message: &mut Message<H>, pattern: &regex::Regex, with: &str) {
    let Some(body) = message.head.content_mut().bytes().cloned() else { return };
    if let Some(changed) = content::rewrite(message.head.headers(), &body, pattern, with) {
        *message.head.content_mut() = Content::Edited(changed);
        message.settle_edits();
    }
}

/// Goes on this long after arrival. A client that leaves meanwhile drops the flow, and the wait with it.
async fn delay(arrival: Instant, by: Duration) {
    tokio::time::sleep_until(arrival + by).await;
}

/// Resolves once another flow has ended.
async fn ended(mut other: super::End) {
    // A sender that is gone without a word means that the proxy is.
    let _ = other.wait_for(Option::is_some).await;
}
