//! The rows of an execution as a table, and what its page has logged. Pure.

use crate::evidence::markup::{escape, line, ms};
use crate::evidence::story::{Kind, Lane, Row};
use crate::evidence::told::Told;
use crate::journal::{ConsoleLevel, Event};
use std::fmt::Write;

/// With more rows than this, the table is folded.
const OPEN: usize = 400;
/// In a page that is too large, the table has so many rows of the beginning and of the end.
const FIRST: usize = 200;
const LAST: usize = 1600;

/// Returns all rows of an execution. Each has an anchor.
pub(super) fn table(told: &Told<'_>, marks: &[(usize, &str)], is_brief: bool) -> String {
    let rows = &told.story.rows;
    let open = if rows.len() <= OPEN && told.prefix == 'e' { " open" } else { "" };
    let mut html = format!(
        "<details{open}><summary>{} events of {}, as a table</summary>\n<table class=events>\n<thead><tr><th scope=col>#</th>\
         <th scope=col>ms</th><th scope=col>where</th><th scope=col align=left>what</th></tr></thead>\n<tbody>\n",
        rows.len(),
        told.title
    );
    let is_left_out =
        |at: usize| is_brief && at >= FIRST && at + LAST < rows.len() && !marks.iter().any(|(row, _)| *row == at);
    for (at, row) in rows.iter().enumerate() {
        if !is_left_out(at) {
            html += &one(told, at, row, marks);
        } else if !is_left_out(at - 1) {
            html += "<tr><td><td><td><td>… more events are in timeline.txt\n";
        }
    }
    html + "</tbody></table></details>\n"
}

fn one(told: &Told<'_>, at: usize, row: &Row, marks: &[(usize, &str)]) -> String {
    let (prefix, n) = (told.prefix, at + 1);
    let of = match row.lane {
        Lane::Test => "test".to_owned(),
        Lane::Page => "page".to_owned(),
        Lane::Proxy => "proxy".to_owned(),
        Lane::Flow(flow) => format!("<a href=#{prefix}f{0}>#{0}</a>", flow.number()),
    };
    let times = if row.times > 1 {
        format!(" <small>({} times, until {} ms)</small>", row.times, ms(row.until))
    } else {
        String::new()
    };
    let marks = marks.iter().filter(|(marked, _)| *marked == at);
    let mark: String = marks.map(|(_, says)| format!("◆ <strong>{says}:</strong> ")).collect();
    let class = match (!mark.is_empty(), row.kind) {
        (true, _) => " class=parts",
        (_, Kind::Trouble) => " class=trouble",
        _ => "",
    };
    let kind = match row.kind {
        Kind::Other => String::new(),
        kind => format!("<span title={}>{}</span> ", kind.word(), kind.sign()),
    };
    format!(
        "<tr id={prefix}{n}{class}><td><a href=#{prefix}{n}>{n}</a><td>{}<td>{of}<td>{mark}{kind}{}{times}\n",
        ms(row.at),
        escape(&row.says)
    )
}

/// Returns what pages have logged and where they were, in order; what was repeated is counted.
pub(super) fn console(told: &Told<'_>) -> String {
    let mut rows: Vec<(std::time::Duration, bool, String, usize)> = Vec::new();
    for entry in &told.run.entries {
        let (is_error, says) = match &entry.event {
            Event::Console { message } => (message.level() >= ConsoleLevel::Error, message.to_string()),
            Event::Page { .. } | Event::Refused { .. } => (false, entry.event.to_string()),
            Event::Trouble { .. } => (true, entry.event.to_string()),
            _ => continue,
        };
        match rows.iter_mut().find(|(_, _, known, _)| *known == says) {
            Some((.., times)) => *times += 1,
            None => rows.push((entry.at, is_error, says, 1)),
        }
    }
    if rows.is_empty() {
        return "<p>The page has logged nothing.</p>\n".to_owned();
    }
    let mut html = "<table class=console>\n<thead><tr><th scope=col>ms</th><th scope=col align=left>message</th></tr></thead>\n<tbody>\n".to_owned();
    for (at, is_error, says, times) in rows {
        let class = if is_error { " class=trouble" } else { "" };
        let (sign, times) = (
            if is_error { "✗ " } else { "" },
            if times > 1 { format!(" <small>({times} times)</small>") } else { String::new() },
        );
        let _ = writeln!(html, "<tr{class}><td align=right>{}<td>{sign}{}{times}", ms(at), line(&says));
    }
    html + "</tbody></table>\n"
}
