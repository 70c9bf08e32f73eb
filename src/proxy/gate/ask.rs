//! Decides whether a rule matches a flow, and reads the bodies that its filter needs.

use super::subject::Subject;
use super::{Gate, integrity};
use crate::filter::Truth;
use crate::flow::{Content, Fault, FlowId, Request, Response, RuleId, StageName};
use crate::journal::Event;
use crate::proxy::content;
use crate::proxy::envelope::{Envelope, Head};
use crate::rules::{AbortKind, Action, Rule, RuleSet};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The occurrence number of a flow or part, for each rule that counts.
pub(super) type Counts = BTreeMap<RuleId, u64>;

impl Gate {
    /// Returns whether a rule matches a request. Reads its body if the filter needs it.
    pub(super) async fn wants_request(
        &self,
        rule: &Arc<Rule>,
        flow: FlowId,
        counts: &Counts,
        message: &mut Envelope<Request>,
    ) -> Result<bool, Fault> {
        let mut truth = Subject::request(&message.head).truth(rule, None).await;
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            self.read_for(rule, flow, message).await?;
            truth = Subject::request(&message.head).truth(rule, None).await;
        }
        Ok(self.counted(truth, rule, counts, Subject::request(&message.head)).await)
    }

    /// Returns whether a rule matches a response. Reads its body if the filter needs it.
    pub(super) async fn wants_response(
        &self,
        rule: &Arc<Rule>,
        flow: FlowId,
        counts: &Counts,
        request: &Request,
        message: &mut Envelope<Response>,
    ) -> Result<bool, Fault> {
        let mut truth = Subject::response(request, &message.head).truth(rule, None).await;
        if matches!(truth, Truth::Unknown(need) if need.response_body) {
            self.read_for(rule, flow, message).await?;
            truth = Subject::response(request, &message.head).truth(rule, None).await;
        }
        Ok(self.counted(truth, rule, counts, Subject::response(request, &message.head)).await)
    }

    /// Reads a body that a rule's filter needs. If that fails, a rule that changes the body fails, and any other rule
    /// does not match; the journal records why.
    pub(super) async fn read_for<H: Head>(
        &self,
        rule: &Rule,
        flow: FlowId,
        message: &mut Envelope<H>,
    ) -> Result<(), Fault> {
        let is_first = *message.head.content_mut() == Content::Streaming;
        let Err(fault) = message.read().await else {
            // Reports show it, and know why other rules do not match.
            if let (true, Some(body)) = (is_first, message.head.content_mut().bytes()) {
                self.journal.write(Event::Read { flow, stage: H::STAGE, body: body.clone() });
            }
            return Ok(());
        };
        if rule.action.changes_body() {
            return Err(fault.of(&rule.text, rule.place));
        }
        let (rule, place) = (Arc::clone(&rule.text), rule.place);
        self.journal.write(Event::Unread { flow, rule, place, why: fault.what().into() });
        Ok(())
    }

    /// Counts a flow or part for every rule of its stage that tests the occurrence. Counting on arrival keeps the
    /// numbers in the order of arrival, even if one rule parks a flow for long.
    pub(super) async fn count<'a>(&self, rules: impl Iterator<Item = &'a Arc<Rule>>, subject: Subject<'_>) -> Counts {
        let mut counts = Counts::new();
        for rule in rules.filter(|rule| rule.counts) {
            if matches!(subject.truth(rule, None).await, Truth::Unknown(need) if need.is_count()) {
                counts.insert(rule.id, self.lock().table.occurrence(rule.id));
            }
        }
        counts
    }

    /// Returns whether a filter matches, given the occurrence number if only that is missing. A message that matches
    /// only after an earlier rule has changed it is counted here.
    pub(super) async fn counted(&self, truth: Truth, rule: &Arc<Rule>, counts: &Counts, subject: Subject<'_>) -> bool {
        match truth {
            Truth::Unknown(need) if need.is_count() => {
                let counted = counts.get(&rule.id).copied();
                let nth = counted.unwrap_or_else(|| self.lock().table.occurrence(rule.id));
                subject.truth(rule, Some(nth)).await == Truth::Yes
            }
            truth => truth == Truth::Yes,
        }
    }
}

/// Returns whether a rule still applies. After a rule has responded or cut the flow off, only watches do.
pub(super) fn still_asked(rule: &Rule, ended: bool) -> bool {
    !ended || matches!(rule.action, Action::Watch)
}

/// Returns the file that a rule serves; from a folder, only one that exists.
pub(super) async fn local_file(rule: &Rule, request: &Request, response: &Response) -> Option<PathBuf> {
    let Action::Replace(local) = &rule.action else { return None };
    let file = local.file(&rule.filter, &rule.view(request, Some(response)))?;
    if !local.is_folder() {
        return Some(file);
    }
    tokio::task::spawn_blocking(move || file.is_file().then_some(file)).await.ok()?
}

/// Prepares a request for the rules at its response: requests a whole body instead of a 304, and reads the request's
/// own body where a filter needs it.
pub(super) async fn prepare(
    gate: &Gate,
    rules: &RuleSet,
    flow: FlowId,
    message: &mut Envelope<Request>,
) -> Result<(), Fault> {
    if integrity::may_matter(rules, &message.head) {
        content::ask_for_whole_body(&mut message.head.headers);
    }
    let mut of_parts = rules.at(StageName::Event, &message.head).chain(rules.at(StageName::Chunk, &message.head));
    if of_parts.any(|rule| rule.matches(&message.head, None) != Truth::No) {
        content::ask_uncoded(&mut message.head.headers);
    }
    let rules: Vec<_> = rules.at(StageName::Response, &message.head).collect();
    for rule in rules {
        let truth = Subject::request(&message.head).truth(rule, None).await;
        if truth == Truth::No {
            continue;
        }
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            gate.read_for(rule, flow, message).await?;
        }
        // A 304 has no body to match or truncate either.
        let truncates = matches!(rule.action, Action::Abort(AbortKind::Truncate(_)));
        if truncates || rule.action.changes_body() || matches!(truth, Truth::Unknown(need) if need.response_body) {
            content::ask_for_whole_body(&mut message.head.headers);
        }
    }
    Ok(())
}
