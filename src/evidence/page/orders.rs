//! The two orders side by side, and the orders that were tried. Pure.

use crate::evidence::aligned::{Aligned, aligned, moved, parting};
use crate::evidence::markup::line;
use crate::evidence::record::RaceFound;
use crate::evidence::told::Told;
use std::fmt::Write;

/// More equal rows than this are folded.
const FOLDED: usize = 3;

const HEAD: &str = "<table class=orders width=\"100%\">\n<thead><tr>\
    <th width=\"45%\" scope=col align=left>the order that passes</th><th width=\"10%\" scope=col>difference</th>\
    <th width=\"45%\" scope=col align=left>the order that fails</th></tr></thead>\n<tbody>\n";
const FOOT: &str = "</tbody></table>\n";

/// Returns the orders as a table: equal stretches are folded, and the row in which they part is marked.
pub(super) fn side_by_side(passing: &Told<'_>, failing: &Told<'_>) -> String {
    let rows = aligned(&passing.run.order, &failing.run.order);
    let parts = parting(&rows);
    let (mut html, mut at) = (HEAD.to_owned(), 0);
    while at < rows.len() {
        let is_dull = |row: &&Aligned| row.is_equal() && !races(failing, row.right);
        let equal = rows[at..].iter().take_while(is_dull).count();
        if equal > FOLDED {
            let all: String = (at..at + equal).map(|at| row(passing, failing, &rows, at, parts)).collect();
            let _ = write!(
                html,
                "{FOOT}<details><summary>{equal} equal events</summary>\n{HEAD}{all}{FOOT}</details>\n{HEAD}"
            );
            at += equal;
        } else {
            let until = at + equal.max(1);
            (at..until).for_each(|at| html += &row(passing, failing, &rows, at, parts));
            at = until;
        }
    }
    html += FOOT;
    html.replace(&format!("{HEAD}{FOOT}"), "")
}

/// Whether an event is one of those that race.
fn races(told: &Told<'_>, at: Option<usize>) -> bool {
    at.is_some_and(|at| told.racing_events.contains(&told.run.order[at].event))
}

fn row(passing: &Told<'_>, failing: &Told<'_>, rows: &[Aligned], at: usize, parts: Option<usize>) -> String {
    let Aligned { left, right } = rows[at];
    let (mark, class) = match (parts == Some(at), rows[at].is_equal()) {
        (true, _) => ("≠ they part here", " class=\"differs parts\""),
        (_, false) => ("≠", " class=differs"),
        _ => ("=", ""),
    };
    let (one, other) =
        (event(passing, left, failing, !rows[at].is_equal()), event(failing, right, passing, !rows[at].is_equal()));
    format!("<tr{class}><td>{one}<td align=center>{mark}<td>{other}\n")
}

/// Returns an event with a link to its row, and where it is in the other order if that is elsewhere.
fn event(told: &Told<'_>, at: Option<usize>, other: &Told<'_>, differs: bool) -> String {
    let Some(at) = at else { return String::new() };
    let event = &told.run.order[at];
    let mark = if races(told, Some(at)) { "◆ " } else { "" };
    let says = format!("{}. {mark}{}", at + 1, line(&event.says));
    let linked = match told.ordered[at] {
        Some(row) => format!("<a href=\"#{}{}\">{says}</a>", told.prefix, row + 1),
        None => says,
    };
    let to = moved(event, &other.run.order).filter(|_| differs);
    let to = to.map(|to| format!(" <small>(there {})</small>", to + 1));
    let only = || " <small>(not in the other order)</small>".to_owned();
    linked + &to.unwrap_or_else(|| if differs { only() } else { String::new() })
}

/// Returns what was tried: how often the test failed in which order, and with which of the racing events first.
pub(super) fn tried(race: &RaceFound) -> String {
    let mut html = String::new();
    if !race.pairs.is_empty() {
        html += "<table class=pairs>\n<thead><tr><th scope=col align=left>this happens</th><th scope=col align=left>before this</th>\
            <th scope=col>failed</th></tr></thead>\n<tbody>\n";
        for pair in &race.pairs {
            let (first, second) = (line(&pair.first), line(&pair.second));
            let _ =
                writeln!(html, "<tr><td>{first}<td>{second}<td align=center>{} of {}", pair.failed, pair.executions);
        }
        html += "</tbody></table>\n";
    }
    let _ = write!(
        html,
        "<details><summary>{} orders, {}, those with which the schedule was made short included</summary>\n<table>\n",
        race.orders.len(),
        count(race)
    );
    html += "<thead><tr><th scope=col align=left>order</th><th scope=col>failed</th></tr></thead>\n<tbody>\n";
    for order in &race.orders {
        let sign = if order.failed > 0 { "✗" } else { "✓" };
        let _ = writeln!(
            html,
            "<tr><td>{}<td align=center>{sign} {} of {}",
            line(&order.says),
            order.failed,
            order.executions
        );
    }
    html + "</tbody></table></details>\n"
}

fn count(race: &RaceFound) -> String {
    let executions: usize = race.orders.iter().map(|order| order.executions).sum();
    format!("{executions} executions")
}
