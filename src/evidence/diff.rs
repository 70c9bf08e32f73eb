//! Differences between texts as HTML. Pure.

use super::markup::{escape, text};
use crate::sanitize::sanitize;
use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// How many equal lines are shown around a difference, and how many lines in all.
const AROUND: usize = 3;
const LINES: usize = 200;
/// How many lines of each text are compared: the time grows with the product of those that differ.
const COMPARED: usize = 1000;

/// Returns the difference between two texts, as lines with `-` and `+`; empty if they are equal.
pub(super) fn diff(old: &str, new: &str) -> String {
    let start = |text: &str| text.split_inclusive('\n').take(COMPARED).collect::<String>();
    let (old, new) = (start(old), start(new));
    let diff = TextDiff::from_lines(&old, &new);
    let mut lines = String::new();
    let mut count = 0;
    for group in diff.grouped_ops(AROUND) {
        if count > 0 {
            lines += "<i>…</i>\n";
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            count += 1;
            if count > LINES {
                return format!("<pre class=diff tabindex=0>{lines}<i>… more differences are not shown</i></pre>\n");
            }
            let content = escape(change.value().trim_end_matches('\n'));
            // Writing to a `String` cannot fail.
            let _ = match change.tag() {
                ChangeTag::Equal => writeln!(lines, "  {content}"),
                ChangeTag::Delete => writeln!(lines, "<del>- {content}</del>"),
                ChangeTag::Insert => writeln!(lines, "<ins>+ {content}</ins>"),
            };
        }
    }
    if lines.is_empty() { lines } else { format!("<pre class=diff tabindex=0>{lines}</pre>\n") }
}

/// Like [`diff`], for texts that were not sanitized.
pub(super) fn diff_of(old: &str, new: &str) -> String {
    diff(&sanitize(old), &sanitize(new))
}

/// Returns a text as a block.
pub(super) fn block(content: &str) -> String {
    format!("<pre tabindex=0>{}</pre>\n", text(content))
}
