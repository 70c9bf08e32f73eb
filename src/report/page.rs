//! What the page said and where it was: the part of the footer that is the page's.

use crate::journal::{ConsoleLevel, ConsoleMessage, Entry, Event, Journal};
use crate::sanitize::sanitize_line;
use std::cmp::Reverse;
use std::fmt::Write;
use std::time::Duration;

/// How many messages are shown.
const SHOWN: usize = 10;

/// Returns where pages were when the test failed, and what they have logged: warnings and errors of the whole test, and
/// other messages since its last action, with the times of their last occurrence.
pub(super) fn page(journal: &Journal) -> String {
    let entries = journal.tail(usize::MAX);
    let mut text = String::new();
    for entry in &entries {
        if let Event::Page { .. } = &entry.event {
            let _ = writeln!(text, "{}", sanitize_line(&entry.event.to_string()));
        }
    }
    let messages = worth_showing(&entries);
    let counted = counted(&messages);
    let chosen = most_severe(&counted);
    if !chosen.is_empty() {
        let _ = writeln!(text, "the page logged:");
    }
    for Counted { message, times, last } in &chosen {
        let again = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        let _ = writeln!(text, "{:>9.1} ms  {message}{again}", last.as_secs_f64() * 1e3);
    }
    if counted.len() > chosen.len() {
        let _ = writeln!(text, "  .. and {} more; `browser.console()` returns all", counted.len() - chosen.len());
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Whether a command of the driver only looks at the page.
pub(crate) fn is_look(says: &str) -> bool {
    ["find ", "text of ", "displayed of ", "execute "].iter().any(|look| says.starts_with(look))
}

/// A message, how often it was logged, and when last.
#[derive(Clone, Copy)]
struct Counted<'a> {
    message: &'a ConsoleMessage,
    times: usize,
    last: Duration,
}

fn worth_showing(entries: &[Entry]) -> Vec<(Duration, &ConsoleMessage)> {
    let is_action = |entry: &Entry| matches!(&entry.event, Event::Command { says, .. } if !is_look(says));
    let is_tear_down = |entry: &Entry| matches!(entry.event, Event::Page { .. });
    let of_body = &entries[..entries.iter().position(is_tear_down).unwrap_or(entries.len())];
    let last_action = of_body.iter().rposition(is_action).unwrap_or(0);
    let is_worth = |at: usize, message: &ConsoleMessage| message.level() >= ConsoleLevel::Warning || at > last_action;
    let messages = of_body.iter().enumerate().filter_map(|(at, entry)| match &entry.event {
        Event::Console { message } if is_worth(at, message) => Some((entry.at, message)),
        _ => None,
    });
    messages.collect()
}

/// Returns each message once.
fn counted<'a>(messages: &[(Duration, &'a ConsoleMessage)]) -> Vec<Counted<'a>> {
    let mut counted: Vec<Counted<'_>> = Vec::new();
    for (last, message) in messages {
        match counted.iter_mut().find(|known| known.message == *message) {
            Some(known) => (known.times, known.last) = (known.times + 1, *last),
            None => counted.push(Counted { message, times: 1, last: *last }),
        }
    }
    counted
}

/// Returns as many as are shown, in their order: errors before warnings, and of those the latest.
fn most_severe<'a>(counted: &[Counted<'a>]) -> Vec<Counted<'a>> {
    let mut ranks: Vec<_> = (0..counted.len()).collect();
    ranks.sort_by_key(|at| Reverse((counted[*at].message.level(), *at)));
    ranks.truncate(SHOWN);
    ranks.sort_unstable();
    ranks.into_iter().map(|at| counted[at]).collect()
}
