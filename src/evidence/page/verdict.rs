//! The head of the page: what happened, how to reproduce it, the assertion; and its foot, the environment. Pure.

use crate::evidence::markup::{code, line, text};
use crate::evidence::record::Evidence;
use crate::evidence::told::{Both, Told};
use std::fmt::Write;

/// Returns the verdict, the event in which the orders part, and who requests what races.
pub(super) fn header(evidence: &Evidence, both: &Both<'_>) -> String {
    let (module, name) = evidence.test.rsplit_once("::").unwrap_or(("", &evidence.test));
    let mut html = format!("<header>\n<p class=module>{}</p>\n<h1>{}</h1>\n", line(module), line(name));
    let sign = if evidence.failure.is_some() { "✗ Failed" } else { "✓ Passed" };
    let _ = writeln!(html, "<p class=verdict><strong>{sign}.</strong> {}</p>", text(&evidence.verdict()));
    if let Some(race) = &evidence.race {
        let _ = writeln!(html, "<p>It {}.</p>", line(&race.tried));
    }
    if let (Some(main), Some(other)) = (&both.main, &both.other) {
        html += &deciding(main, other);
        html += &racing(main);
    }
    html += "</header>\n";
    html
}

/// Returns the ways to reproduce a race.
pub(super) fn reproduce(evidence: &Evidence) -> String {
    let Some(ways) = evidence.race.as_ref().and_then(|race| race.ways.as_ref()) else { return String::new() };
    code("Replay it", &ways.command)
        + &code("Pin it", &ways.attribute)
        + &code("As code, in a test without <code>explore</code>", &ways.code)
}

/// Names the event in which the orders part.
fn deciding(main: &Told<'_>, other: &Told<'_>) -> String {
    let Some(row) = main.parting(Some(other)) else { return String::new() };
    let says = |told: &Told<'_>, row: usize| {
        let at = told.ordered.iter().position(|ordered| *ordered == Some(row));
        at.map(|at| line(&told.run.order[at].says))
    };
    let instead = other.parting(Some(main)).and_then(|row| says(other, row));
    let instead = instead.map(|instead| format!(" Where the test passes, it is {instead}.")).unwrap_or_default();
    format!(
        "<p>The orders part at <a href=\"#e{0}\" id=deciding>event {0}</a>: {1}.{instead}</p>\n",
        row + 1,
        says(main, row).unwrap_or_default()
    )
}

/// Names the flows that race, and the scripts that request them: the remedy is there.
fn racing(main: &Told<'_>) -> String {
    let mut html = String::new();
    for flow in main.flows.iter().filter(|flow| main.racing.contains(&flow.id)) {
        let by = flow.by.as_ref().map(|by| format!(", requested by {}", line(by))).unwrap_or_default();
        let _ = writeln!(html, "<li><a href=\"#ef{}\">{} {}</a>{by}", flow.id.number(), flow.id, line(&flow.title()));
    }
    if html.is_empty() { html } else { format!("<ul>\n{html}</ul>\n") }
}

/// Returns the text of the failure, and the line of the test that it names.
pub(super) fn assertion(evidence: &Evidence) -> String {
    let Some(failure) = evidence.what_failed() else { return String::new() };
    let mut html = format!("<pre class=failure tabindex=0>{}</pre>\n", text(failure.trim()));
    if let Some(source) = &evidence.source {
        let _ = writeln!(html, "<h3>The line</h3>\n<pre class=source tabindex=0>{}</pre>", text(source));
    }
    html
}

/// Returns versions and settings.
pub(super) fn environment(evidence: &Evidence) -> String {
    let mut html = "<table class=environment>\n".to_owned();
    for (name, value) in &evidence.environment {
        let _ = writeln!(html, "<tr><th scope=row align=left>{}</th><td>{}</td></tr>", line(name), line(value));
    }
    html + "</table>\n"
}
