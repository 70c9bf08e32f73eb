//! Findings at the end of a test.

use super::Failure;
use super::wait::{ReportContext, never_caught};
use crate::flow::{FaultStage, Outcome, Place};
use crate::journal::ConsoleLevel;
use crate::rules::Finding;

/// Turns a finding into a failure.
pub(crate) fn finding(finding: &Finding, context: &ReportContext<'_>) -> Failure {
    match finding {
        Finding::Unused(rule) => never_caught(context, rule),
        Finding::StillParked(parked, rule) => {
            let what = context.journal.exchange(parked.flow).map_or_else(|| parked.flow.to_string(), |e| e.to_string());
            let since = context.journal.now().saturating_sub(parked.since);
            Failure::bare(format!("a flow was still parked when the test ended: {what}"))
                .at(rule.place)
                .section(format!("parked for {since:.0?} at its {} by {rule}", parked.stage), vec![])
                .help("take it with `.next().await?` and release it, or narrow the filter")
        }
    }
}

/// Returns a failure if pages had errors that nothing in them caught.
pub(crate) fn page_errors(context: &ReportContext<'_>, place: Place) -> Option<Failure> {
    let messages = context.journal.console();
    let errors: Vec<_> = messages.iter().filter(|message| message.level() == ConsoleLevel::Uncaught).collect();
    let (first, others) = errors.split_first()?;
    let and = if others.is_empty() { String::new() } else { format!(", and {} more", others.len()) };
    let failure = Failure::bare(format!("an error in the page was not caught: {}{and}", first.said()));
    Some(
        failure
            .at(place)
            .help("the test has `page_errors = fail`; without it, such an error is only shown under a failure"),
    )
}

/// Returns a failure for each flow that a rule failed on. Rules are part of the test, so they fail it.
pub(crate) fn rule_faults(context: &ReportContext<'_>) -> Vec<Failure> {
    let of_rule = |outcome: &Outcome| matches!(outcome, Outcome::Failed(fault) if fault.stage() == FaultStage::Rule);
    let exchanges = context.journal.exchanges();
    let failed = exchanges.iter().filter(|exchange| exchange.outcome.as_ref().is_some_and(of_rule));
    let flows = failed.map(|exchange| Failure::bare(format!("a rule could not be applied: {exchange}")));
    // Of a part, the flow goes on.
    let troubles = context.journal.troubles().into_iter().filter(|fault| fault.stage() == FaultStage::Rule);
    flows.chain(troubles.map(|fault| Failure::bare(format!("a rule could not be applied: {}", fault.what())))).collect()
}
