//! The details of each flow: heads, bodies, what rules have changed, times; and the difference of answers that race. Pure.

use super::Detail;
use super::verdict::initiator;
use crate::evidence::diff::{block, diff, diff_of};
use crate::evidence::flows::{BodyShown, FlowStory, What};
use crate::evidence::markup::{escape, line, ms};
use crate::evidence::record::Evidence;
use crate::evidence::told::Told;
use crate::flow::{Request, Response};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

/// How many parts of a stream are listed.
const PARTS: usize = 200;
/// In a test with fewer flows, each is shown whole.
const FEW: usize = 5;

/// Returns the flows of the execution that the page is about, and the difference of the answers that race.
pub(super) fn all(main: &Told<'_>, other: Option<&Told<'_>>, evidence: &Evidence, detail: Detail) -> String {
    let common = Common::of(&main.flows);
    let mut html = racing(main, evidence);
    for flow in &main.flows {
        html += &one(main, flow, &common, detail);
    }
    if detail <= Detail::Ruled {
        html += &common.block();
    }
    if let Some(other) = other.filter(|_| detail < Detail::Brief) {
        let _ = writeln!(html, "<h3>In the order that passes</h3>");
        other.flows.iter().for_each(|flow| html += &one(other, flow, &common, Detail::NoBodies));
    }
    html
}

/// Returns the difference between the responses of two flows that race.
fn racing(main: &Told<'_>, evidence: &Evidence) -> String {
    let Some(race) = &evidence.race else { return String::new() };
    let of = |event: &String| {
        let ordered = main.run.order.iter().find(|one| one.event == *event)?;
        let flow = main.flows.iter().find(|flow| Some(flow.id) == ordered.flow)?;
        let body = flow.page_body.as_ref().or(flow.server_body.as_ref())?;
        Some((ordered.says.clone(), body.text.clone()))
    };
    let answers: Vec<_> = race.racing.iter().filter_map(of).collect();
    let [(one, first), (another, second), ..] = answers.as_slice() else { return String::new() };
    let changes = diff(first, second);
    let changes = if changes.is_empty() { "<p>Both have the same body.</p>\n".to_owned() } else { changes };
    format!("<h3>The answers that race</h3>\n<p>- {}<br>+ {}</p>\n{changes}", line(one), line(another))
}

/// Header lines that most flows have, which are shown once.
struct Common(BTreeSet<String>);

impl Common {
    fn of(flows: &[FlowStory]) -> Self {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let heads =
            flows.iter().flat_map(|flow| [Some(head(&flow.request)), flow.response.as_ref().map(head)]).flatten();
        for text in heads {
            text.lines().skip(1).for_each(|line| *counts.entry(line.to_owned()).or_default() += 1);
        }
        let many = (flows.len() / 2).max(FEW);
        Self(counts.into_iter().filter(|(_, count)| *count > many).map(|(line, _)| line).collect())
    }

    /// Returns a head without them.
    fn without(&self, head: &str) -> String {
        let (left, out): (Vec<_>, Vec<_>) = head.lines().partition(|line| !self.0.contains(*line));
        let mut text = left.join("\n");
        if !out.is_empty() {
            text += &format!("\n  .. and {} that most flows have", out.len());
        }
        text
    }

    fn block(&self) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let lines = self.0.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
        format!("<details><summary>Headers that most flows have</summary>\n{}</details>\n", block(&lines))
    }
}

fn one(told: &Told<'_>, flow: &FlowStory, common: &Common, detail: Detail) -> String {
    let (prefix, n) = (told.prefix, flow.id.number());
    let mark = if flow.is_changed() { ", changed on its way" } else { "" };
    let mut html = format!(
        "<details id={prefix}f{n} class=flow><summary>{} {} → {}{mark}</summary>\n<p>{} <a href=\"#{prefix}{}\">event {}</a></p>\n",
        flow.id,
        line(&flow.title()),
        line(&flow.result()),
        line(&flow.request.url()),
        flow.began + 1,
        flow.began + 1,
    );
    if let Some(by) = &flow.by {
        let _ = writeln!(html, "<p>{}.</p>", initiator(flow, by));
    }
    if detail < Detail::Brief {
        html += &parked(flow);
    }
    html += &times(flow);
    html += &parts(flow);
    let has_content = match detail {
        Detail::All => true,
        Detail::Ruled => flow.is_ruled,
        Detail::NoBodies | Detail::Brief | Detail::NoPictures => false,
    };
    if has_content {
        html += &request(flow, common);
        html += &response(flow, common);
    }
    html + "</details>\n"
}

fn parked(flow: &FlowStory) -> String {
    let mut html = String::new();
    for span in &flow.spans {
        if let What::Parked { flow, stage, rule, place, until } = &span.what {
            let until = until.as_deref().unwrap_or("never released");
            let _ =
                writeln!(html, "<p>‖ {flow} parked at its {stage} by {} of {place}; {}</p>", line(rule), line(until));
        }
    }
    html
}

/// Returns the messages or events of a stream.
fn parts(flow: &FlowStory) -> String {
    let list: String =
        flow.parts.iter().take(PARTS).map(|(_, id, text)| format!("<li>{id} {}\n", escape(text))).collect();
    let more = if flow.parts.len() > PARTS { "<li>… more are in timeline.txt\n" } else { "" };
    if list.is_empty() { list } else { format!("<ul>\n{list}{more}</ul>\n") }
}

fn times(flow: &FlowStory) -> String {
    let steps: Vec<_> = flow.times.iter().map(|(step, at)| format!("{step} {} ms", ms(*at))).collect();
    format!("<p class=times>{}</p>\n", escape(&steps.join(" → ")))
}

fn head<H: std::fmt::Debug>(head: &Arc<H>) -> String {
    format!("{head:?}")
}

fn request(flow: &FlowStory, common: &Common) -> String {
    let (sent, asked): (Option<&Arc<Request>>, _) = (flow.sent.as_ref(), head(&flow.request));
    let mut html = format!("<h4>Request</h4>\n{}", block(&common.without(&asked)));
    if let Some(sent) = sent {
        html +=
            &format!("<h4>Request: as the page sent it, as the server got it</h4>\n{}", diff_of(&asked, &head(sent)));
    }
    html + &body("Request body", flow.request_body.as_ref())
}

fn response(flow: &FlowStory, common: &Common) -> String {
    let Some(response): Option<&Arc<Response>> = flow.response.as_ref() else { return String::new() };
    let said = head(response);
    let mut html = format!("<h4>Response</h4>\n{}", block(&common.without(&said)));
    if let Some(delivered) = &flow.delivered {
        html +=
            &format!("<h4>Head: as the server sent it, as the page got it</h4>\n{}", diff_of(&said, &head(delivered)));
    }
    match (&flow.server_body, &flow.page_body) {
        (Some(server), Some(page)) if server.text != page.text => {
            html += &format!(
                "<h4>Body: as the server sent it, as the page got it</h4>\n{}",
                diff(&server.text, &page.text)
            );
            html + &body("Body, as the page got it", Some(page))
        }
        (server, page) => html + &body("Body", page.as_ref().or(server.as_ref())),
    }
}

fn body(title: &str, body: Option<&BodyShown>) -> String {
    let Some(body) = body else { return String::new() };
    let rest = if body.is_cut { ", of which this is the start" } else { "" };
    format!("<h4>{title} <small>({} bytes{rest})</small></h4>\n{}", body.size, block(&body.text))
}
