//! What the page said and where it was: the part of the footer that is the page's.

use crate::journal::{ConsoleLevel, ConsoleMessage, Entry, Event, Journal};
use crate::sanitize::sanitize_line;
use std::cmp::Reverse;
use std::fmt::Write;

/// How many messages are shown.
const SHOWN: usize = 10;

/// Returns where pages were when the test failed, and what they have logged: warnings and errors of the whole test, and
/// other messages since its last action.
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
    for (message, times) in &chosen {
        let again = if *times > 1 { format!(" ({times} times)") } else { String::new() };
        let _ = writeln!(text, "  {message}{again}");
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
pub(super) fn is_look(says: &str) -> bool {
    ["find ", "text of ", "displayed of ", "execute "].iter().any(|look| says.starts_with(look))
}

fn worth_showing(entries: &[Entry]) -> Vec<&ConsoleMessage> {
    let is_action = |entry: &Entry| matches!(&entry.event, Event::Command { says, .. } if !is_look(says));
    let last_action = entries.iter().rposition(is_action).unwrap_or(0);
    let messages = entries.iter().enumerate().filter_map(|(at, entry)| match &entry.event {
        Event::Console { message } => Some((at, message)),
        _ => None,
    });
    let is_worth =
        |(at, message): &(usize, &ConsoleMessage)| message.level() >= ConsoleLevel::Warning || *at > last_action;
    messages.filter(is_worth).map(|(_, message)| message).collect()
}

/// Returns each message once, with how often it was logged.
fn counted<'a>(messages: &[&'a ConsoleMessage]) -> Vec<(&'a ConsoleMessage, usize)> {
    let mut counted: Vec<(&ConsoleMessage, usize)> = Vec::new();
    for message in messages {
        match counted.iter_mut().find(|(known, _)| known == message) {
            Some((_, times)) => *times += 1,
            None => counted.push((message, 1)),
        }
    }
    counted
}

/// Returns as many as are shown, in their order. Errors come before warnings.
fn most_severe<'a>(counted: &[(&'a ConsoleMessage, usize)]) -> Vec<(&'a ConsoleMessage, usize)> {
    let mut ranks: Vec<_> = (0..counted.len()).collect();
    ranks.sort_by_key(|at| Reverse(counted[*at].0.level()));
    ranks.truncate(SHOWN);
    ranks.sort_unstable();
    ranks.into_iter().map(|at| counted[at]).collect()
}
