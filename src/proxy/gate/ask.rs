//! Whether a rule wants a flow, once what its filter hangs on was read.

use super::{Gate, unpin};
use crate::desk::{AbortKind, Action, Rule, RuleSet};
use crate::filter::Truth;
use crate::flow::{Fault, Request, Response, StageName};
use crate::proxy::body::Envelope;
use crate::proxy::content;
use std::path::PathBuf;

impl Gate {
    /// Whether a rule wants a request.
    pub(super) async fn wants_request(&self, rule: &Rule, message: &mut Envelope<Request>) -> Result<bool, Fault> {
        let mut truth = rule.matches(&message.head, None);
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            message.read().await.map_err(|fault| fault.of(&rule.text, rule.place))?;
            truth = rule.matches(&message.head, None);
        }
        Ok(self.counted(truth, rule, |n| rule.matches_as(n, &message.head, None, None)))
    }

    /// Whether a rule wants an answer.
    pub(super) async fn wants_response(
        &self,
        rule: &Rule,
        request: &Request,
        message: &mut Envelope<Response>,
    ) -> Result<bool, Fault> {
        let mut truth = rule.matches(request, Some(&message.head));
        if matches!(truth, Truth::Unknown(need) if need.response_body) {
            message.read().await.map_err(|fault| fault.of(&rule.text, rule.place))?;
            truth = rule.matches(request, Some(&message.head));
        }
        Ok(self.counted(truth, rule, |n| rule.matches_as(n, request, Some(&message.head), None)))
    }

    /// Where all but the count is known, the flow is one more.
    pub(super) fn counted(&self, truth: Truth, rule: &Rule, matches_as: impl FnOnce(u64) -> Truth) -> bool {
        match truth {
            Truth::Unknown(need) if need.is_count() => {
                let n = self.lock().desk.occurrence(rule.id);
                matches_as(n) == Truth::Yes
            }
            truth => truth == Truth::Yes,
        }
    }
}

/// Once a rule has answered or cut off, the others of that stage are not asked. A watch only looks, and always sees.
pub(super) fn still_asked(rule: &Rule, ended: bool) -> bool {
    !ended || matches!(rule.action, Action::Watch)
}

/// The file that a rule would serve: of a folder, one that is there.
pub(super) async fn local_file(rule: &Rule, request: &Request, response: &Response) -> Option<PathBuf> {
    let Action::Replace(local) = &rule.action else { return None };
    let file = local.file(&rule.filter, &rule.view(request, Some(response)))?;
    if !local.is_folder() {
        return Some(file);
    }
    tokio::task::spawn_blocking(move || file.is_file().then_some(file)).await.ok()?
}

/// Does to a request what rules at its response will need: a whole body instead of "not modified", and the request's
/// own body where a filter looks at that.
pub(super) async fn prepare(rules: &RuleSet, message: &mut Envelope<Request>) -> Result<(), Fault> {
    if unpin::may_pin(rules, &message.head) {
        content::ask_for_whole_body(&mut message.head.headers);
    }
    let mut of_parts = rules.at(StageName::Event, &message.head).chain(rules.at(StageName::Chunk, &message.head));
    if of_parts.any(|rule| rule.matches(&message.head, None) != Truth::No) {
        content::ask_uncoded(&mut message.head.headers);
    }
    let rules: Vec<_> = rules.at(StageName::Response, &message.head).collect();
    for rule in rules {
        let truth = rule.matches(&message.head, None);
        if truth == Truth::No {
            continue;
        }
        if matches!(truth, Truth::Unknown(need) if need.request_body) {
            message.read().await?;
        }
        // "Not modified" has no body to look at either.
        let truncates = matches!(rule.action, Action::Abort(AbortKind::Truncate(_)));
        if truncates || rule.action.changes_body() || matches!(truth, Truth::Unknown(need) if need.response_body) {
            content::ask_for_whole_body(&mut message.head.headers);
        }
    }
    Ok(())
}
