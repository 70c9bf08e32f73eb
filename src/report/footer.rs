//! The footer of every failure: faults on the wire, and the last entries of the journal.

use super::page::{is_look, page};
use super::wait::{ReportContext, near_miss, some};
use crate::flow::Outcome;
use crate::journal::{Entry, Event};
use crate::rules::Rule;
use crate::sanitize::sanitize;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// How many entries of the journal are read, and how many lines of them are shown.
const LOOKED_AT: usize = 4000;
const SHOWN: usize = 40;

/// Returns faults, rules that matched no flow, and the last entries of the journal.
pub(crate) fn footer(context: &ReportContext<'_>, idle: &[Arc<Rule>], seed: Option<u64>) -> String {
    let journal = context.journal;
    let mut text = String::new();
    let exchanges = journal.exchanges();
    let failed: Vec<_> = exchanges.iter().filter(|e| matches!(e.outcome, Some(Outcome::Failed(_)))).collect();
    if !failed.is_empty() {
        text.push_str("these flows failed:");
        some(failed.iter().map(ToString::to_string)).iter().for_each(|line| push(&mut text, line));
        text.push_str("\n\n");
    }
    if !idle.is_empty() {
        text.push_str("these rules matched no flow:");
        some(idle.iter().map(|rule| near_miss(context, rule))).iter().for_each(|line| push(&mut text, line));
        text.push_str("\n\n");
    }
    if let Some(seed) = seed {
        let _ = write!(text, "delays are random: HOLDUP_SEED={seed} repeats them\n\n");
    }
    text.push_str(&page(journal));
    let mut last = journal.tail(LOOKED_AT);
    // The page has its own section.
    last.retain(|Entry { event, .. }| {
        !event.is_detail() && !matches!(event, Event::Console { .. } | Event::Page { .. })
    });
    let lines = folded(&last);
    let forgotten = journal.forgotten();
    if forgotten > 0 {
        let _ = write!(
            text,
            "the journal has reached its limit: the {forgotten} oldest flows are not in it any more \
             (`mitm.limit_journal(bytes)` keeps more)\n\n"
        );
    }
    if lines.is_empty() {
        text.push_str("nothing passed the proxy");
        return text;
    }
    text.push_str("last events:");
    lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| push(&mut text, line));
    sanitize(&text)
}

fn push(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let _ = write!(text, "\n  {line}");
}

/// Formats each entry as one line. A command and its reply share a line if they are adjacent, and repeated lines (a
/// test that polls for an element and its text) become one line with a count.
fn folded(entries: &[Entry]) -> Vec<String> {
    let mut lines: Vec<Line> = Vec::new();
    let mut rest = entries;
    while let [first, others @ ..] = rest {
        let line = match (&first.event, others) {
            (Event::Command { id, says }, [Entry { event: Event::Commanded { id: of, status }, .. }, ..])
                if id == of =>
            {
                rest = &others[1..];
                Line::new(first.at, format!("browser: {says}, answered {status}"))
            }
            _ => {
                rest = others;
                Line::new(first.at, first.event.to_string())
            }
        };
        // Two commands may alternate. A flow between them ends the search.
        let same = lines
            .iter_mut()
            .rev()
            .take(2)
            .take_while(|last| (last.is_look() && line.is_look()) || last.says == line.says);
        match same.into_iter().find(|last| last.says == line.says) {
            Some(last) => last.again(line.at),
            None => lines.push(line),
        }
    }
    lines.iter().map(Line::text).collect()
}

struct Line {
    at: Duration,
    says: String,
    times: usize,
    until: Duration,
}

impl Line {
    fn new(at: Duration, says: String) -> Self {
        Self { at, says, times: 1, until: at }
    }

    /// Whether it only looks at the page: the user's actions keep their order.
    fn is_look(&self) -> bool {
        self.says.strip_prefix("browser: ").is_some_and(is_look)
    }

    fn again(&mut self, at: Duration) {
        self.times += 1;
        self.until = at;
    }

    fn text(&self) -> String {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let mut text = format!("{:>9.1} ms  {}", ms(self.at), self.says);
        if self.times > 1 {
            let _ = write!(text, " ({} times, until {:.1} ms)", self.times, ms(self.until));
        }
        text
    }
}
