//! A flow walks past the rules, in the order of declaration.

use super::Gate;
use super::apply::{delay, edit, made, replace, rewrite, rewrite_response};
use super::park::Claimed;
use super::unpin;
use crate::desk::{AbortKind, Action, Edit, Rule, RuleSet};
use crate::filter::Truth;
use crate::flow::{Fault, Request, Response, StageName};
use crate::proxy::body::Message;
use crate::proxy::content;
use crate::proxy::delivery::Ticket;
use http::StatusCode;
use std::sync::Arc;
use tokio::time::Instant;

/// How a request leaves the gate.
pub(in crate::proxy) enum Pass {
    /// On to the upstream.
    On,
    /// Answered here.
    Answer(Box<Message<Response>>),
    /// Cut off.
    Abort(AbortKind),
}

/// What becomes of a flow after one rule.
pub(super) enum Next {
    /// The next rule.
    Rule,
    Answer(Box<Message<Response>>),
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
        // Nothing to walk past, and nothing to wait for meanwhile.
        if rules.is_empty() {
            return Ok(Pass::On);
        }
        let mut pass = Pass::On;
        let mut last = None;
        let host = 'walk: loop {
            let (host, before) = (message.head.target.host.clone(), last);
            let rest = rules.for_host(&host).filter(|rule| Some(rule.id) > before && rule.stage == StageName::Request);
            for rule in rest {
                last = Some(rule.id);
                if !still_asked(rule, !matches!(pass, Pass::On)) || !request_matches(rule, message).await? {
                    continue;
                }
                match self.act_on_request(rule, ticket, message, arrival).await? {
                    Next::Rule => {}
                    Next::Answer(answer) => pass = Pass::Answer(answer),
                    Next::Abort(kind) => pass = Pass::Abort(kind),
                }
                if message.head.target.host != host {
                    // A rule has sent it elsewhere: the rules after it are those of that host.
                    continue 'walk;
                }
            }
            break host;
        };
        if matches!(pass, Pass::On) && !self.lets_workers() && unpin::refuses_worker(&rules, &message.head) {
            let why = "no service worker while rules change what the page loads; see Mitm::let_service_workers";
            return Ok(Pass::Answer(made(&Response::made(StatusCode::NOT_FOUND, why))));
        }
        if matches!(pass, Pass::On) {
            // The rules of this moment: what was declared while the flow was parked will meet its answer.
            let rules = self.lock().desk.rules();
            prepare(&rules, &host, message).await?;
        }
        Ok(pass)
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
            Claimed::Parked(mut orders) => Ok(self.wait_at_request(rule, ticket, message, &mut orders).await),
            Claimed::Acts => match &rule.action {
                Action::Hold | Action::Watch | Action::Replace(_) => Ok(Next::Rule),
                Action::Delay(by) => {
                    message.body.while_reading_ahead(delay(arrival, *by)).await;
                    Ok(Next::Rule)
                }
                Action::Abort(kind) => Ok(Next::Abort(*kind)),
                Action::Respond(response) => Ok(Next::Answer(made(response))),
                Action::Rewrite { pattern, with } => {
                    message.read().await?;
                    rewrite(message, pattern, with);
                    Ok(Next::Rule)
                }
                Action::Edit { edit: Edit::Request(change), of_body, .. } => {
                    edit(message, &**change, *of_body).await?;
                    Ok(Next::Rule)
                }
                Action::Edit { edit: Edit::Response(_), .. } => Ok(Next::Rule),
            },
        }
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
        match self.come_back(ticket, request, message).await {
            Next::Rule => {}
            Next::Answer(answer) => *message = *answer,
            Next::Abort(kind) => return Ok(Some(kind)),
        }
        let (mut cut, mut answered, mut changed) = (None, false, false);
        for rule in rules.for_host(&request.target.host).filter(|rule| rule.stage == StageName::Response) {
            let too_late = answered && matches!(rule.action, Action::Respond(_));
            if too_late || !still_asked(rule, cut.is_some()) || !response_matches(rule, request, message).await? {
                continue;
            }
            let next = match self.claim(rule, ticket, request, Some(&message.head)) {
                Claimed::Passed => continue,
                Claimed::Parked(mut orders) => self.wait_at_response(ticket, message, &mut orders).await,
                Claimed::Acts => {
                    changed |= rule.action.changes_body();
                    act_on_response(rule, message, arrival).await?
                }
            };
            match next {
                Next::Rule => {}
                Next::Answer(answer) => (*message, answered) = (*answer, true),
                Next::Abort(kind) => cut = Some(kind),
            }
        }
        if cut.is_none() {
            unpin::unpin(&rules, request, message, changed).await?;
        }
        Ok(cut)
    }
}

async fn act_on_response(rule: &Rule, message: &mut Message<Response>, arrival: Instant) -> Result<Next, Fault> {
    match &rule.action {
        Action::Hold | Action::Watch => {}
        Action::Delay(by) => delay(arrival, *by).await,
        Action::Abort(kind) => return Ok(Next::Abort(*kind)),
        Action::Respond(response) => return Ok(Next::Answer(made(response))),
        Action::Replace(file) => replace(message, file).await?,
        Action::Rewrite { pattern, with } => rewrite_response(message, pattern, with).await?,
        Action::Edit { edit: Edit::Response(change), of_body, .. } => {
            edit(message, &**change, *of_body).await?;
            if *of_body {
                content::forbid_caching(&mut message.head.headers);
            }
        }
        Action::Edit { edit: Edit::Request(_), .. } => {}
    }
    Ok(Next::Rule)
}

/// Once a rule has answered or cut off, the others of that stage are not asked. A watch only looks, and always sees.
fn still_asked(rule: &Rule, ended: bool) -> bool {
    !ended || matches!(rule.action, Action::Watch)
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
    if unpin::may_pin(rules, &message.head) {
        content::ask_for_whole_body(&mut message.head.headers);
    }
    for rule in rules.for_host(host).filter(|rule| rule.stage == StageName::Response) {
        let truth = rule.matches(&message.head, None);
        if truth == Truth::No {
            continue;
        }
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            message.read().await?;
        }
        // "Not modified" has no body to look at either.
        if rule.action.changes_body() || matches!(truth, Truth::Unknown(need) if need.response_body) {
            content::ask_for_whole_body(&mut message.head.headers);
        }
    }
    Ok(())
}
