//! Failures of waits and expectations.

use super::Failure;
use crate::filter::View;
use crate::flow::{Exchange, FlowId, Outcome, Place, StageName};
use crate::journal::Journal;
use crate::rules::{AbortKind, Action, Parked, Rule};
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// The state that a failure report reads.
#[derive(Debug)]
pub(crate) struct ReportContext<'a> {
    pub(crate) journal: &'a Journal,
    pub(crate) parked: Vec<(Parked, Arc<Rule>)>,
}

/// A rule caught nothing during a wait.
pub(crate) fn expired(context: &ReportContext<'_>, rule: &Rule, waited: Duration, place: Place) -> Failure {
    let failure = Failure::bare(format!("{rule} caught nothing within {waited:?}")).at(place);
    let failure = failure.section(format!("declared at {}", rule.place), vec![]);
    near(failure, context, rule)
        .help("let the page make the request before the wait ends, widen the filter, or wait longer with `.within(..)`")
}

/// A rule was expected to be applied, and was not.
pub(crate) fn never_applied(context: &ReportContext<'_>, rule: &Rule, place: Place) -> Failure {
    let failure = Failure::bare(format!("{rule} was never applied")).at(place);
    let failure = failure.section(format!("declared at {}", rule.place), vec![]);
    near(failure, context, rule).help("change the filter so that it matches the intended flow")
}

/// A rule was applied, and the page refused the result.
pub(crate) fn was_refused(rule: &Rule, flow: FlowId, url: &str, place: Place) -> Failure {
    let what = format!(
        "{rule} was applied to {flow}, and the page refused the result: its element for {url} has an `integrity` hash \
         of other bytes"
    );
    Failure::bare(what).at(place).section(format!("declared at {}", rule.place), vec![]).help(
        "declare the rule before the page is requested, so that Holdup removes the `integrity`; if a script sets it, \
         rewrite that script, too",
    )
}

/// A rule caught a flow although none was expected.
pub(crate) fn caught_although_none_expected(
    context: &ReportContext<'_>,
    rule: &Rule,
    flow: FlowId,
    place: Place,
) -> Failure {
    let caught = context.journal.exchange(flow).map_or_else(|| flow.to_string(), |exchange| exchange.to_string());
    Failure::bare(format!("{rule} caught a flow where none was expected")).at(place).section("caught", vec![caught])
}

/// A released flow has not ended in time.
pub(crate) fn unfinished(context: &ReportContext<'_>, flow: FlowId, waited: Duration, place: Place) -> Failure {
    let exchange = context.journal.exchange(flow);
    let state = exchange.map_or_else(|| flow.to_string(), |exchange| exchange.to_string());
    parked_now(Failure::bare(format!("{flow} was not delivered within {waited:?}")).at(place), context)
        .section("its state:", vec![state])
        .help("the upstream may be slow, a later rule may park it, or the page may not read it; wait longer with `.within(..)`")
}

/// A flow was expected to be given up by its client, and was not.
pub(crate) fn still_waited_for(context: &ReportContext<'_>, flow: FlowId, waited: Duration, place: Place) -> Failure {
    parked_now(Failure::bare(format!("the browser did not cancel {flow} within {waited:?}")).at(place), context).help(
        "a page that goes into the back/forward cache keeps its calls; an AbortController or a closed tab ends them",
    )
}

/// Adds what passed, the nearest miss, what came too early, and what is parked.
fn near(mut failure: Failure, context: &ReportContext<'_>, rule: &Rule) -> Failure {
    let (earlier, since): (Vec<_>, Vec<_>) =
        candidates(context, rule).into_iter().partition(|exchange| exchange.began < rule.since);
    let too_early: Vec<_> = earlier.iter().filter(|exchange| matched(rule, exchange)).collect();
    let (gone, since): (Vec<_>, Vec<_>) = since.into_iter().partition(|exchange| matched(rule, exchange));
    failure = match nearest(rule, &since) {
        Some((exchange, why)) => failure.section(
            format!("{} since then; the nearest miss:", passed(rule, since.len())),
            vec![exchange.to_string(), why],
        ),
        None => failure.section(format!("no other {} passed since then", noun(rule)), vec![]),
    };
    if !gone.is_empty() {
        let lines = gone.iter().map(|exchange| format!("{exchange}: {}", why_not(context, rule, exchange)));
        failure = failure.section("these matched:", some(lines));
    }
    if !too_early.is_empty() {
        let lines = too_early.iter().map(|exchange| {
            let before = rule.since.saturating_sub(exchange.began).as_secs_f64() * 1e3;
            format!("{exchange}, {before:.1} ms before the rule was declared")
        });
        failure = failure
            .section("these came too early:", some(lines))
            .help("declare the rule before the action that makes the request");
    }
    let unread = context.journal.unread(&rule.text, rule.place);
    if !unread.is_empty() {
        let lines = unread.iter().map(|(flow, why)| {
            let what = context.journal.exchange(*flow).map_or_else(|| flow.to_string(), |e| e.to_string());
            format!("{what}: {why}")
        });
        failure =
            failure.section("it is not known whether these match, since their bodies cannot be read:", some(lines));
    }
    let troubles = context.journal.troubles();
    if !troubles.is_empty() {
        let lines = some(troubles.iter().map(ToString::to_string));
        failure = failure.section("trouble on connections, before any flow:", lines);
    }
    parked_now(failure, context)
}

/// Returns why a rule was not applied to a flow that it matches.
fn why_not(context: &ReportContext<'_>, rule: &Rule, exchange: &Exchange) -> String {
    if let Some(missing) = missing_file(rule, exchange) {
        return missing;
    }
    match &exchange.outcome {
        Some(Outcome::ClientGone) => "the client gave up before it was taken".to_owned(),
        None if context.journal.is_with_a_rule(exchange.id) => {
            "an earlier rule still has it: it delays it, or reads its body".to_owned()
        }
        _ => nothing_to_change(rule, exchange).unwrap_or_else(|| {
            "an earlier wait took it, it was released, or an earlier rule responded to it".to_owned()
        }),
    }
}

/// Returns why a rule that changes a body had none to change, if that is why it was not applied.
fn nothing_to_change(rule: &Rule, exchange: &Exchange) -> Option<String> {
    let passes = exchange.outcome.as_ref().is_none_or(Outcome::is_delivered) && rule.stage == StageName::Response;
    let response = exchange.response.as_ref().filter(|_| passes)?;
    let has_body = response.has_body_after(&exchange.request);
    match &rule.action {
        Action::Abort(AbortKind::Truncate(after)) if has_body => {
            let length = response.header("content-length").and_then(|length| length.parse::<u64>().ok());
            let is_short =
                length.is_some_and(|length| length <= *after) && response.status() != StatusCode::NOT_MODIFIED;
            is_short.then(|| "its body was no longer than that".to_owned())
        }
        Action::Abort(AbortKind::Truncate(_)) => Some("its response has no body".to_owned()),
        action if action.changes_body() && !has_body => Some("its response has no body".to_owned()),
        _ => None,
    }
}

/// Returns why a folder has no file for a flow, if that is why the rule was not applied.
fn missing_file(rule: &Rule, exchange: &Exchange) -> Option<String> {
    let Action::Replace(local) = &rule.action else { return None };
    if !local.is_folder() {
        return None;
    }
    match local.file(&rule.filter, &view(rule, exchange)) {
        Some(file) if file.is_file() => None,
        Some(file) => Some(format!("there is no file {}", file.display())),
        None => Some(format!(
            "it names no file in {local}: the filter's first group `(..)` says which, as in `path ~ \"^/(.*)$\"`"
        )),
    }
}

/// Returns what a rule could have caught.
fn candidates(context: &ReportContext<'_>, rule: &Rule) -> Vec<Exchange> {
    if !rule.stage.is_part() {
        return context.journal.exchanges();
    }
    let is_of_kind = |exchange: &Exchange| exchange.part.as_ref().is_some_and(|part| part.stage() == rule.stage);
    context.journal.parts().into_iter().filter(is_of_kind).collect()
}

fn view<'a>(rule: &Rule, exchange: &'a Exchange) -> View<'a> {
    let part = exchange.part.as_deref();
    View { part, ..View::of(&exchange.request, exchange.response.as_deref(), rule.stage) }
}

fn matched(rule: &Rule, exchange: &Exchange) -> bool {
    rule.filter.evaluate(&view(rule, exchange)) == crate::filter::Truth::Yes
}

fn nearest<'a>(rule: &Rule, exchanges: &'a [Exchange]) -> Option<(&'a Exchange, String)> {
    let explained = exchanges.iter().map(|exchange| (exchange, rule.filter.explain_view(&view(rule, exchange))));
    let nearest = explained.max_by(|(_, a), (_, b)| a.nearness().cmp(&b.nearness()))?;
    Some((nearest.0, nearest.1.to_string()))
}

/// Describes a rule that matched no flow, and its nearest miss, in one line.
pub(super) fn near_miss(context: &ReportContext<'_>, rule: &Rule) -> String {
    let exchanges: Vec<_> = candidates(context, rule).into_iter().filter(|e| e.began >= rule.since).collect();
    let nearest = nearest(rule, &exchanges);
    let miss = nearest.map(|(exchange, why)| format!("; nearest: {exchange}: {why}")).unwrap_or_default();
    format!("{rule} of {}{miss}", rule.place)
}

/// A hold caught nothing before the test ended.
pub(super) fn never_caught(context: &ReportContext<'_>, rule: &Rule) -> Failure {
    let failure = Failure::bare(format!("{rule} caught nothing before the test ended")).at(rule.place);
    near(failure, context, rule)
        .help("a hold is an expectation: wait for it with `.next().await?`, or say `.optional()` if it need not catch anything")
}

fn parked_now(failure: Failure, context: &ReportContext<'_>) -> Failure {
    if context.parked.is_empty() {
        return failure;
    }
    let lines = context.parked.iter().map(|(parked, rule)| {
        let what = context.journal.exchange(parked.flow).map_or_else(|| parked.flow.to_string(), |e| e.to_string());
        format!("{what}, at its {}, by {rule} of {}", parked.stage, rule.place)
    });
    failure.section("parked now:", some(lines))
}

/// Returns the first few lines, and how many more there are.
pub(super) fn some(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    const ENOUGH: usize = 8;
    let more = lines.len().saturating_sub(ENOUGH);
    let note = (more > 0).then(|| format!("and {more} more"));
    lines.take(ENOUGH).chain(note).collect()
}

fn passed(rule: &Rule, count: usize) -> String {
    let noun = noun(rule);
    if count == 1 { format!("1 other {noun} passed") } else { format!("{count} other {noun}s passed") }
}

fn noun(rule: &Rule) -> String {
    if rule.stage.is_part() { rule.stage.to_string() } else { "flow".to_owned() }
}
