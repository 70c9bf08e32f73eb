//! Applies the rules to a flow, in the order of declaration.

use super::apply::{delay, edit, made, replace, rewrite, rewrite_response};
use super::ask::{local_file, prepare, still_asked};
use super::next::{Next, Pass};
use super::park::Claimed;
use super::subject::Subject;
use super::{Applied, Gate, integrity};
use crate::flow::{Fault, Request, Response, StageName, Target};
use crate::proxy::content;
use crate::proxy::envelope::Envelope;
use crate::proxy::flow_guard::FlowGuard;
use crate::rules::{AbortKind, Action, Edit, Rule};
use bytes::Bytes;
use http::StatusCode;
use http_body::Body;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a replacement waits for the body that it replaces.
const READ_WITHIN: Duration = Duration::from_secs(2);

impl Gate {
    /// Applies the rules of the request stage.
    pub(in crate::proxy) async fn request(
        &self,
        guard: &FlowGuard,
        message: &mut Envelope<Request>,
    ) -> Result<Pass, Fault> {
        let arrival = Instant::now();
        let rules = self.lock().table.rules();
        // Rules may be declared while it streams.
        if message.head.header("accept").is_some_and(|kinds| kinds.contains("text/event-stream")) {
            content::ask_uncoded(&mut message.head.headers);
        }
        // Nothing is awaited before this returns, so rules declared meanwhile need no preparation.
        if rules.is_empty() {
            return Ok(Pass::On);
        }
        let of_stage = rules.at(StageName::Request, &message.head);
        let counts = self.count(of_stage, Subject::request(&message.head)).await;
        let mut pass = Pass::On;
        let mut last = None;
        'walk: loop {
            let before = last;
            for rule in rules.at(StageName::Request, &message.head).filter(|rule| Some(rule.id) > before) {
                last = Some(rule.id);
                if !still_asked(rule, !matches!(pass, Pass::On))
                    || !self.wants_request(rule, guard.flow(), &counts, message).await?
                {
                    continue;
                }
                let place = place(&message.head);
                // Boxed: most flows match no rule, and need no room for this.
                match Box::pin(self.act_on_request(rule, guard, message, arrival)).await? {
                    Next::Rule => {}
                    Next::Answer(answer) => pass = Pass::Answer(answer),
                    Next::Abort(kind) => pass = Pass::Abort(kind),
                    Next::Gone => return Ok(Pass::Gone),
                }
                if place != self::place(&message.head) {
                    // A rule has changed the target: go on with the rules for the new one.
                    continue 'walk;
                }
            }
            break;
        }
        if matches!(pass, Pass::On) && !self.lets_workers() && integrity::refuses_worker(&rules, &message.head) {
            let why = "service workers are blocked while rules change the page's files; see Mitm::let_service_workers";
            return Ok(Pass::Answer(made(&Response::made(StatusCode::NOT_FOUND, why))));
        }
        if matches!(pass, Pass::On) {
            // Read again: a rule that was declared while the flow was parked applies to its response.
            let rules = self.lock().table.rules();
            prepare(self, &rules, guard.flow(), message).await?;
        }
        Ok(pass)
    }

    async fn act_on_request(
        &self,
        rule: &Arc<Rule>,
        guard: &FlowGuard,
        message: &mut Envelope<Request>,
        arrival: Instant,
    ) -> Result<Next, Fault> {
        let hit = match self.claim(rule, guard, (&message.head, None), None) {
            Claimed::Passed => return Ok(Next::Rule),
            Claimed::Parked(mut orders) => return Ok(self.wait_at_request(rule, guard, message, &mut orders).await),
            Claimed::Acts(hit) => hit,
        };
        let told = |fault: Fault| fault.of(&rule.text, rule.place);
        match &rule.action {
            Action::Hold | Action::Watch | Action::Replace(_) => {}
            Action::Delay(by) => {
                let by = by.draw(self.seed, rule.id, hit);
                if message.unless_broken(delay(arrival, by)).await.is_none() {
                    return Ok(Next::Gone);
                }
            }
            Action::Throttle(profile) => {
                if message.unless_broken(delay(arrival, profile.latency())).await.is_none() {
                    return Ok(Next::Gone);
                }
                message.shaping.slow_to(profile.up());
            }
            Action::Abort(kind) => return Ok(Next::Abort(*kind)),
            Action::Respond(response) => return Ok(Next::Answer(made(response))),
            Action::Replay(replayer) => {
                return self.replay(replayer, guard, message, arrival).await.map_err(told);
            }
            Action::Rewrite { pattern, with } => {
                message.read().await.map_err(told)?;
                rewrite(message, pattern, with).await.map_err(told)?;
            }
            Action::Edit { edit: Edit::Request(change), of_body, .. } => {
                edit(message, change, *of_body).await.map_err(told)?;
            }
            Action::Edit { .. } => {}
        }
        Ok(Next::Rule)
    }

    /// Applies the rules of the response stage. Returns how to cut the response off, if a rule does.
    pub(in crate::proxy) async fn response(
        &self,
        guard: &FlowGuard,
        request: &Request,
        message: &mut Envelope<Response>,
    ) -> Result<Option<AbortKind>, Fault> {
        let arrival = Instant::now();
        let rules = self.lock().table.rules();
        if let Some(mut orders) = self.come_back(guard, request, &message.head) {
            match Box::pin(self.wait_at_response(guard, message, &mut orders)).await {
                Next::Rule | Next::Gone => {}
                Next::Answer(answer) => message.become_answer(*answer),
                Next::Abort(kind) => return Ok(Some(kind)),
            }
        }
        let of_stage = rules.at(StageName::Response, request);
        let counts = self.count(of_stage, Subject::response(request, &message.head)).await;
        let (mut cut, mut answered, mut changed) = (None, false, false);
        for rule in rules.at(StageName::Response, request) {
            let too_late = answered && matches!(rule.action, Action::Respond(_));
            let is_asked = !too_late && still_asked(rule, cut.is_some());
            let changes = !changes_nothing(&rule.action, request, message);
            if !is_asked || !changes || !self.wants_response(rule, guard.flow(), &counts, request, message).await? {
                continue;
            }
            let file = local_file(rule, request, &message.head).await;
            if file.is_none() && matches!(rule.action, Action::Replace(_)) {
                continue;
            }
            let next = match self.claim(rule, guard, (request, Some(&message.head)), None) {
                Claimed::Passed => continue,
                Claimed::Parked(mut orders) => Box::pin(self.wait_at_response(guard, message, &mut orders)).await,
                Claimed::Acts(hit) => {
                    changed |= rule.action.changes_body();
                    let acting = self.act_on_response(rule, hit, file, (guard, request), message, arrival);
                    Box::pin(acting).await.map_err(|fault| fault.of(&rule.text, rule.place))?
                }
            };
            match next {
                Next::Rule => {}
                Next::Answer(answer) => {
                    message.become_answer(*answer);
                    answered = true;
                }
                Next::Abort(kind) => cut = Some(kind),
                Next::Gone => {}
            }
        }
        if cut.is_none() {
            integrity::strip(&rules, request, message, changed).await?;
        }
        Ok(cut)
    }

    async fn act_on_response(
        &self,
        rule: &Rule,
        hit: u64,
        file: Option<PathBuf>,
        (guard, request): (&FlowGuard, &Request),
        message: &mut Envelope<Response>,
        arrival: Instant,
    ) -> Result<Next, Fault> {
        // For the test to compare. A replacement does not fail if the original cannot be read.
        let before = if rule.action.changes_body() { read_in_time(message).await } else { None };
        match &rule.action {
            Action::Hold | Action::Watch | Action::Replay(_) => {}
            Action::Delay(by) => {
                let by = by.draw(self.seed, rule.id, hit);
                message.while_reading_ahead(delay(arrival, by)).await;
            }
            Action::Throttle(profile) => {
                message.while_reading_ahead(delay(arrival, profile.latency())).await;
                message.shaping.slow_to(profile.down());
            }
            Action::Abort(kind) => return Ok(Next::Abort(*kind)),
            Action::Respond(response) => return Ok(Next::Answer(made(response))),
            Action::Replace(local) => replace(message, local, &file.unwrap_or_default()).await?,
            Action::Rewrite { pattern, with } => rewrite_response(message, pattern, with).await?,
            Action::Edit { edit: Edit::Response(change), of_body, .. } => {
                edit(message, change, *of_body).await?;
                if *of_body {
                    content::forbid_caching(&mut message.head.headers);
                }
            }
            Action::Edit { .. } => {}
        }
        if rule.action.changes_body() {
            let served = message.head.body().cloned();
            let (flow, url) = (guard.flow(), request.url());
            self.lock().applied.insert(rule.id, Applied { flow, url, upstream: before, served });
        }
        Ok(Next::Rule)
    }
}

/// Returns whether the client would get the same: there is no body to change, or none that is long enough.
fn changes_nothing(action: &Action, request: &Request, message: &Envelope<Response>) -> bool {
    let has_body = message.head.has_body_after(request);
    match action {
        Action::Abort(AbortKind::Truncate(after)) => {
            !has_body || message.body.size_hint().exact().is_some_and(|size| size <= *after)
        }
        action => !has_body && action.changes_body(),
    }
}

/// Returns the body, if it arrives within [`READ_WITHIN`].
async fn read_in_time(message: &mut Envelope<Response>) -> Option<Bytes> {
    tokio::time::timeout(READ_WITHIN, message.read()).await.ok()?.ok()?;
    message.head.body().cloned()
}

/// Returns what the rules for a request are looked up by.
fn place(request: &Request) -> (Target, String) {
    (request.target.clone(), request.path_and_query.clone())
}
