//! The lanes of one execution as SVG: who did what, in the order of events. Everything is drawn by attributes, so that it
//! is there where styles and scripts are not allowed. Pure.

use super::flows::{FlowStory, Span, What};
use super::markup::{cut, escape, line};
use super::story::{Kind, Lane, Row, Story};
use super::told::Told;
use crate::flow::{FlowId, Place, StageName};
use crate::sanitize::sanitize_line;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Pixels. A character of the font is `GLYPH` wide.
const LEFT: f64 = 10.0;
const GLYPH: f64 = 6.7;
const LINE: f64 = 15.0;
const BAR: f64 = 9.0;
/// How many characters a label has, and how many lines the labels of the test's lane may take.
const LABEL: usize = 130;
/// The rule whose parking is not labelled: an exploration parks everything.
const EXPLORER: &str = "the explorer";
const LABEL_LINES: usize = 4;
/// How many parts of a stream have a tick.
const TICKS: usize = 2000;
/// How many parked parts of a stream have a bar of their own.
const PARKED_PARTS: usize = 100;
/// Flows that no rule has touched are drawn thin beyond this many.
const MANY: usize = 24;

/// What is drawn.
pub(super) struct Drawn<'a> {
    pub(super) told: &'a Told<'a>,
    /// Rows with a line through all lanes, and the words at its end.
    pub(super) marks: &'a [(usize, &'a str)],
    /// Whether flows that do not race are drawn thin, with nothing but their bar; those of the order that passes not at all.
    pub(super) is_brief: bool,
    /// The name of the picture.
    pub(super) title: &'a str,
}

/// A picture under construction.
struct Canvas {
    body: String,
    width: f64,
    y: f64,
    step: f64,
}

impl Canvas {
    fn x(&self, row: usize) -> f64 {
        LEFT + row as f64 * self.step
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// Writes a text, which is sanitized, at a position. Returns where it ends.
    fn label(&mut self, x: f64, y: f64, text: &str, weight: &str) -> f64 {
        let text = cut(text, LABEL);
        let end = x + text.chars().count() as f64 * GLYPH;
        self.width = self.width.max(end + LEFT);
        self.push(format_args!("<text x={x:.0} y={y:.0}{weight}>{}</text>", escape(&text)));
        end
    }

    fn heading(&mut self, text: &str) {
        self.y += LINE + 4.0;
        let (y, above) = (self.y, self.y - LINE);
        self.push(format_args!(
            "<line x1=0 y1={above:.0} x2=\"100%\" y2={above:.0} stroke=currentColor stroke-opacity=.25 />"
        ));
        self.label(0.0, y, text, " font-weight=bold");
        self.y += 4.0;
    }
}

/// Draws the lanes of an execution.
pub(super) fn lanes(drawn: &Drawn<'_>) -> String {
    let rows = drawn.told.story.rows.len();
    let step = match rows {
        0..=60 => 22.0,
        61..=300 => 12.0,
        _ => 6.0,
    };
    let mut canvas = Canvas { body: String::new(), width: LEFT * 2.0 + rows as f64 * step, y: 0.0, step };
    let mut verdicts = BTreeMap::new();
    own_lane(&mut canvas, drawn, Lane::Test, "test");
    let from = canvas.y;
    own_lane(&mut canvas, drawn, Lane::Page, "page");
    own_lane(&mut canvas, drawn, Lane::Proxy, "proxy");
    let races = |flow: &FlowStory| drawn.told.racing.contains(&flow.id);
    let is_left_out = |flow: &&FlowStory| drawn.is_brief && drawn.told.prefix == 'p' && !races(flow);
    let flows: Vec<_> = drawn.told.flows.iter().filter(|flow| !is_left_out(flow)).collect();
    let (many, marks) = (flows.len() > MANY, marks(&drawn.told.story));
    for (host, of_host) in by_host(&flows) {
        canvas.heading(&sanitize_line(&host));
        for flow in of_host {
            let is_thin = !races(flow) && (drawn.is_brief || (many && !flow.is_ruled));
            let marks = marks.get(&flow.id).filter(|_| !is_thin).map_or(&[][..], Vec::as_slice);
            flow_lane(&mut canvas, drawn, flow, (is_thin, marks), &mut verdicts);
        }
    }
    canvas.y += 8.0;
    let lines: String = verdicts.iter().map(|(row, to)| format!("M{:.0} {from:.0}V{to:.0}", canvas.x(*row))).collect();
    if !lines.is_empty() {
        canvas.push(format_args!(
            "<path d=\"{lines}\" stroke=currentColor stroke-opacity=.45 stroke-dasharray=\"2 3\"/>"
        ));
    }
    for (row, says) in drawn.marks {
        let (x, y) = (canvas.x(*row), canvas.y);
        canvas.push(format_args!(
            "<path d=\"M{x:.0} 0V{y:.0}\" stroke=\"#d6336c\" stroke-width=1.5 stroke-opacity=.8 />"
        ));
        canvas.label(x + 4.0, y + 10.0, &format!("◆ {says}"), " font-weight=bold");
        canvas.y += LINE;
    }
    wrap(&canvas, drawn)
}

fn wrap(canvas: &Canvas, drawn: &Drawn<'_>) -> String {
    let (width, height) = (canvas.width.ceil(), canvas.y + 16.0);
    format!(
        "<div class=lanes tabindex=0 role=region aria-label=\"{title}\">\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" role=group aria-label=\"{title}\" width={width:.0} height={height:.0} \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"ui-monospace,monospace\" font-size=11 fill=currentColor>\n\
         <pattern id=hatch-{prefix} width=6 height=6 patternUnits=userSpaceOnUse patternTransform=\"rotate(45)\">\
         <path d=\"M0 0V6\" stroke=\"#d9480f\" stroke-width=4 />\
         </pattern>\n{body}</svg></div>\n",
        title = line(drawn.title),
        prefix = drawn.told.prefix,
        body = canvas.body,
    )
}

/// Returns the flows by their hosts, in the order of each host's first flow.
fn by_host<'a>(flows: &[&'a FlowStory]) -> Vec<(String, Vec<&'a FlowStory>)> {
    let mut hosts: Vec<(String, Vec<_>)> = Vec::new();
    for flow in flows {
        let host = flow.request.target().to_string();
        match hosts.iter_mut().find(|(known, _)| *known == host) {
            Some((_, known)) => known.push(*flow),
            None => hosts.push((host, vec![*flow])),
        }
    }
    hosts
}

/// Returns the rows of each flow that have a mark in its lane.
fn marks(story: &Story) -> BTreeMap<FlowId, Vec<usize>> {
    let mut marks: BTreeMap<FlowId, Vec<usize>> = BTreeMap::new();
    for (at, row) in story.rows.iter().enumerate() {
        if let (Lane::Flow(flow), true) = (row.lane, row.kind != Kind::Other) {
            marks.entry(flow).or_default().push(at);
        }
    }
    marks
}

/// Draws the lane of the test or of the page: a mark for each row, and its text where there is room.
fn own_lane(canvas: &mut Canvas, drawn: &Drawn<'_>, lane: Lane, name: &str) {
    let rows = || drawn.told.story.rows.iter().enumerate().filter(|(_, row)| row.lane == lane);
    if rows().next().is_none() {
        return;
    }
    canvas.heading(name);
    canvas.y += LINE - 4.0;
    let top = canvas.y;
    let mut ends = [f64::MIN; LABEL_LINES];
    for (at, row) in rows() {
        marker(canvas, drawn, at, row, top);
        let x = canvas.x(at) - 3.0;
        if matches!((lane, row.kind), (Lane::Test, Kind::Look | Kind::Other)) {
            continue;
        }
        // On the first line with room, so that no two overlap.
        if let Some(free) = ends.iter().position(|end| *end < x) {
            let text = cut(&row.says, 40);
            ends[free] = canvas.label(x, top + 14.0 + free as f64 * (LINE - 2.0), &text, "") + GLYPH;
        }
    }
    let used = ends.iter().filter(|end| **end > f64::MIN).count();
    canvas.y += 8.0 + used as f64 * (LINE - 2.0);
}

/// Draws a mark that leads to the row of the table.
fn marker(canvas: &mut Canvas, drawn: &Drawn<'_>, at: usize, row: &Row, y: f64) {
    let (x, prefix) = (canvas.x(at), drawn.told.prefix);
    let color = match row.kind {
        Kind::Trouble => "#d6336c",
        Kind::Verdict => "#2b8a3e",
        Kind::Parked => "#c2570c",
        Kind::Action => "#1971c2",
        Kind::Look | Kind::Other => "#868e96",
    };
    let says = escape(&cut(&row.says, 60));
    let shape = match row.kind {
        Kind::Action => format!("<path d=\"M{:.0} {:.0}l8 4l-8 4z\" fill=\"{color}\"/>", x - 3.0, y - 4.0),
        Kind::Trouble => {
            format!("<path d=\"M{:.0} {:.0}l7 7m0 -7l-7 7\" stroke=\"{color}\" stroke-width=2.5 />", x - 3.5, y - 3.5)
        }
        Kind::Verdict => format!("<rect x={:.0} y={:.0} width=7 height=7 fill=\"{color}\"/>", x - 3.5, y - 3.5),
        _ => format!("<circle cx={x:.0} cy={y:.0} r=3 fill=\"{color}\"/>"),
    };
    canvas.push(format_args!(
        "<a href=\"#{prefix}{n}\" tabindex=-1><title>{n}: {says}, at {ms:.1} ms</title>{shape}</a>",
        n = at + 1,
        ms = row.at.as_secs_f64() * 1e3
    ));
}

/// Draws a flow: its bar from the request to the end, with the intervals in it.
fn flow_lane(
    canvas: &mut Canvas,
    drawn: &Drawn<'_>,
    flow: &FlowStory,
    (is_thin, marks): (bool, &[usize]),
    verdicts: &mut BTreeMap<usize, f64>,
) {
    let last = drawn.told.story.rows.len().saturating_sub(1);
    let (from, to) = (canvas.x(flow.began), canvas.x(flow.ended.unwrap_or(last)));
    let height = if is_thin { BAR / 2.0 } else { BAR };
    canvas.y += LINE;
    let races = drawn.told.racing.contains(&flow.id);
    let (mark, weight) = if races { ("◆ races: ", " font-weight=bold") } else { ("", "") };
    let title = format!("{mark}{} {} → {}", flow.id, flow.title(), flow.result());
    canvas.label(from, canvas.y - 3.0, &title, weight);
    let top = canvas.y;
    canvas.push(format_args!(
        "<rect x={from:.0} y={top:.0} width={:.0} height={height:.1} fill=\"#4c8dd6\" fill-opacity=.55 />",
        (to - from).max(3.0)
    ));
    canvas.y += height + 3.0;
    // The parked intervals of parts are below the flow, each with its text.
    let of_parts = |span: &&Span| matches!(&span.what, What::Parked { flow: id, .. } if *id != flow.id);
    for span in flow.spans.iter().filter(|span| !of_parts(span) && (!is_thin || span.what != What::Server)) {
        interval(canvas, drawn, span, (top, height), last, verdicts);
    }
    if is_thin {
        return;
    }
    for at in marks {
        marker(canvas, drawn, *at, &drawn.told.story.rows[*at], top + height / 2.0);
    }
    let tick = |row: &usize| format!("M{:.0} {:.0}v{:.0}", canvas.x(*row), top - 2.0, height + 4.0);
    let ticks: String = flow.parts.iter().take(TICKS).map(|(row, ..)| tick(row)).collect();
    if !ticks.is_empty() {
        canvas.push(format_args!("<path d=\"{ticks}\" stroke=currentColor />"));
    }
    for span in flow.spans.iter().filter(of_parts).take(PARKED_PARTS) {
        let What::Parked { flow: id, .. } = &span.what else { continue };
        canvas.y += LINE;
        let text = format!("{id} {}", flow.part(*id).unwrap_or_default());
        canvas.label(canvas.x(span.from), canvas.y - 3.0, &text, "");
        let top = canvas.y;
        canvas.y += BAR + 3.0;
        interval(canvas, drawn, span, (top, BAR), last, verdicts);
    }
}

/// Draws an interval of a flow: a filled part of its bar, or a hatched one with the rule below it.
fn interval(
    canvas: &mut Canvas,
    drawn: &Drawn<'_>,
    span: &Span,
    (top, height): (f64, f64),
    last: usize,
    verdicts: &mut BTreeMap<usize, f64>,
) {
    let (from, to) = (canvas.x(span.from), canvas.x(span.to.unwrap_or(last)));
    let width = (to - from).max(3.0);
    match &span.what {
        What::Server => canvas.push(format_args!(
            "<rect x={from:.0} y={top:.0} width={width:.0} height={height:.1} fill=\"#2f9e44\" fill-opacity=.7 />"
        )),
        What::Parked { flow, stage, rule, place, until } => {
            canvas.push(format_args!(
                "<rect x={from:.0} y={top:.0} width={width:.0} height={height:.1} fill=\"url(#hatch-{})\" stroke=\"#d9480f\"/>",
                drawn.told.prefix
            ));
            if rule != EXPLORER && height >= BAR {
                label_parked(canvas, from, *flow, *stage, (rule, *place), until.as_deref());
            }
            if let Some(row) = span.to {
                verdicts.insert(row, top);
            }
        }
    }
}

/// Writes below a bar who parked the flow, and what ended that.
fn label_parked(
    canvas: &mut Canvas,
    x: f64,
    flow: FlowId,
    stage: StageName,
    (rule, place): (&str, Place),
    until: Option<&str>,
) {
    let part = if flow == flow.whole() { String::new() } else { format!("{flow} ") };
    let until = until.unwrap_or("never released");
    canvas.y += LINE - 4.0;
    canvas.label(
        x,
        canvas.y,
        &format!("{part}parked at its {stage} by {rule} ({place}), {until}"),
        " fill-opacity=.85",
    );
    canvas.y += 4.0;
}
