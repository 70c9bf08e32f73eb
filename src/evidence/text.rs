//! The evidence for a terminal, a log or a language model: the same content without a picture. Pure.

use super::aligned::{aligned, moved, parting};
use super::flows::FlowStory;
use super::markup::{cut, ms};
use super::record::{Evidence, Ordered, RaceFound, Run};
use super::story::Lane;
use super::told::{Both, Told};
use crate::sanitize::sanitize;
use std::fmt::Write;

/// How wide an event of an order is.
const WIDTH: usize = 60;

/// Returns `timeline.txt`.
pub(super) fn timeline(evidence: &Evidence, both: &Both<'_>) -> String {
    let mut text = format!("{}\n\n{}\n", evidence.test, evidence.verdict());
    if let Some(race) = &evidence.race {
        text += &reproduce(race);
    }
    if let Some(failure) = evidence.what_failed() {
        let _ = write!(text, "\nfailure:\n{}\n", indented(failure));
    }
    if let (Some(passing), Some(failing)) = (&both.other, &both.main) {
        text += &orders(&passing.run.order, &failing.run.order);
    }
    both.all().for_each(|told| text += &events(told));
    text += "\nenvironment:\n";
    for (name, value) in &evidence.environment {
        let _ = writeln!(text, "  {name}: {value}");
    }
    sanitize(&text)
}

fn indented(text: &str) -> String {
    text.trim().lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Returns `schedule.txt`, if there is a race.
pub(super) fn schedule(evidence: &Evidence) -> Option<String> {
    evidence.race.as_ref().filter(|race| race.ways.is_some()).map(|race| sanitize(&reproduce(race)))
}

fn reproduce(race: &RaceFound) -> String {
    let mut text = format!("{}\n", race.tried);
    if let Some(ways) = &race.ways {
        let _ =
            write!(text, "\nschedule: {}\nreplay:   {}\npinned:   {}\n", ways.schedule, ways.command, ways.attribute);
        let _ = write!(text, "as code, in a test without `explore`:\n{}\n", indented(&ways.code));
    }
    for pair in &race.pairs {
        let (first, second) = (&pair.first, &pair.second);
        let _ = writeln!(text, "{first} before {second}: {} of {} failed", pair.failed, pair.executions);
    }
    text
}

fn orders(passing: &[Ordered], failing: &[Ordered]) -> String {
    let rows = aligned(passing, failing);
    let parts = parting(&rows);
    let mut text = "\nevents, in the order that passes and in this one (* marks the first difference):\n".to_owned();
    for (at, row) in rows.iter().enumerate() {
        let mark = if Some(at) == parts { '*' } else { ' ' };
        let side = |order: &[Ordered], at: Option<usize>, other: &[Ordered]| match at {
            None => String::new(),
            Some(at) if row.is_equal() => format!("{:>3} {}", at + 1, cut(&order[at].says, WIDTH)),
            Some(at) => {
                let to = moved(&order[at], other).map(|to| format!(" (there {})", to + 1)).unwrap_or_default();
                format!("{:>3} {}{to}", at + 1, cut(&order[at].says, WIDTH - 12))
            }
        };
        let (left, right) = (side(passing, row.left, failing), side(failing, row.right, passing));
        let _ = writeln!(text, "{mark} {left:<66} {right}");
    }
    text
}

fn events(told: &Told<'_>) -> String {
    let Told { story, flows, title, .. } = told;
    let mut text = format!("\nevents of {title}:\n");
    for (at, row) in story.rows.iter().enumerate() {
        let of = match row.lane {
            Lane::Test => "test".to_owned(),
            Lane::Page => "page".to_owned(),
            Lane::Proxy => "proxy".to_owned(),
            Lane::Flow(flow) => flow.to_string(),
        };
        let times = if row.times > 1 { format!(" ({} times)", row.times) } else { String::new() };
        let _ = writeln!(text, "{:>4} {:>9} ms {} {of:<6} {}{times}", at + 1, ms(row.at), row.kind.sign(), row.says);
    }
    let by: Vec<_> = flows.iter().filter_map(initiator).collect();
    if !by.is_empty() {
        let _ = write!(text, "\nrequested by:\n{}\n", by.join("\n"));
    }
    text
}

fn initiator(flow: &FlowStory) -> Option<String> {
    flow.by.as_ref().map(|by| format!("  {} {}: {by}", flow.id, flow.title()))
}

/// Returns `console.txt`: everything that pages have logged.
pub(super) fn console(run: &Run) -> String {
    let mut text = String::new();
    for entry in &run.entries {
        if let crate::journal::Event::Console { message } = &entry.event {
            let source = message.source().map(|source| format!(" (at {source})")).unwrap_or_default();
            let level = format!("{:?}", message.level()).to_lowercase();
            let _ = writeln!(text, "{:>9} ms  {level}: {}{source}", ms(entry.at), message.text());
        }
    }
    sanitize(&text)
}

/// Returns `summary.md`, for the summary of a job.
pub(super) fn summary(evidence: &Evidence) -> String {
    let fence = |text: &str| {
        // A fence that is longer than any in the text.
        let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0).max(2);
        let fence = "`".repeat(longest + 1);
        format!("{fence}text\n{}\n{fence}\n", text.trim_end())
    };
    let sanitized = sanitize(&evidence.verdict());
    let mut text = format!("### {}\n\n{}\n", in_markdown(&sanitize(&evidence.test)), in_markdown(&sanitized));
    if let Some(ways) = evidence.race.as_ref().and_then(|race| race.ways.as_ref()) {
        let _ = write!(text, "\nReplay:\n\n{}", fence(&sanitize(&ways.command)));
    }
    if let Some(failure) = evidence.what_failed() {
        let _ =
            write!(text, "\n<details><summary>Failure</summary>\n\n{}\n</details>\n", fence(&sanitize(failure.trim())));
    }
    text
}

/// Escapes the characters that are markup in Markdown or HTML.
fn in_markdown(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '!' => escaped.extend(['\\', char]),
            other => escaped.push(other),
        }
    }
    escaped
}
