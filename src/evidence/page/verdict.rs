//! The head of the page: what happened, how to reproduce it, the assertion; and its foot, the environment. Pure.

use crate::evidence::flows::FlowStory;
use crate::evidence::markup::{code, line, text};
use crate::evidence::record::Evidence;
use crate::evidence::told::{Both, Told};
use crate::flow::FlowId;
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
        html += &deciding(main, both.racing);
        html += &racing(main);
        html += &parting(main, other);
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

/// Returns an ordered event in words, by its row.
fn says(told: &Told<'_>, row: usize) -> String {
    let at = told.ordered.iter().position(|ordered| *ordered == Some(row));
    at.map_or_else(String::new, |at| line(&told.run.order[at].says))
}

/// Names the event that decides, and the one that it comes after.
fn deciding(main: &Told<'_>, racing: &[String]) -> String {
    let Some(row) = main.deciding(racing) else { return String::new() };
    let rows = main.run.order.iter().zip(&main.ordered).filter(|(event, _)| racing.contains(&event.event));
    let before = rows.filter_map(|(_, row)| *row).filter(|other| *other != row).max();
    let before =
        before.map(|before| format!(", after <a href=\"#e{0}\">event {0}</a>: {1}", before + 1, says(main, before)));
    let (n, what, before) = (row + 1, says(main, row), before.unwrap_or_default());
    format!("<p>◆ <a href=\"#e{n}\" id=deciding>Event {n}</a> decides: {what}{before}.</p>\n")
}

/// Names the event in which the orders part.
fn parting(main: &Told<'_>, other: &Told<'_>) -> String {
    let Some(row) = main.parting(Some(other)) else { return String::new() };
    let instead = other.parting(Some(main)).map(|row| says(other, row));
    let instead = instead.map(|instead| format!("; where the test passes, {instead} comes there")).unwrap_or_default();
    format!("<p>The orders part at <a href=\"#e{0}\">event {0}</a>: {1}{instead}.</p>\n", row + 1, says(main, row))
}

/// Names the flows that race, and the scripts that request them: the remedy is there.
fn racing(main: &Told<'_>) -> String {
    let mut html = String::new();
    for event in
        main.run.order.iter().filter(|event| event.flow.is_some_and(|flow| main.racing.contains(&flow.whole())))
    {
        let flow = main.flows.iter().find(|flow| Some(flow.id) == event.flow.map(FlowId::whole));
        let (Some(flow), Some(id)) = (flow, event.flow) else { continue };
        let races = main.racing_events.contains(&event.event);
        if !races {
            continue;
        }
        let by = flow.by.as_deref().map(|by| format!(". {}", initiator(flow, by))).unwrap_or_default();
        let part = flow.part(id).map(|part| format!(": {}", line(part))).unwrap_or_default();
        let _ = writeln!(html, "<li>{} is <a href=\"#ef{}\">{id}</a>{part}{by}", line(&event.says), flow.id.number());
    }
    if html.is_empty() { html } else { format!("<ul>\n{html}</ul>\n") }
}

/// Returns the lines of scripts that have requested a flow, without the host of its own page.
pub(super) fn initiator(flow: &FlowStory, by: &str) -> String {
    let host = flow.request.target().to_string();
    let lines: Vec<_> = by.split(" < ").map(|one| line(&one.replace(&host, ""))).collect();
    format!("Requested by {}", lines.join(", called by "))
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
