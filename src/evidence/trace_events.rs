//! The executions as Chrome Trace Events, which Perfetto and `chrome://tracing` open. Pure.

use super::flows::What;
use super::story::{Lane, Story};
use super::told::{Both, Told};
use crate::sanitize::sanitize_line;
use serde_json::{Value, json};
use std::time::Duration;

/// Returns the file: a process for each execution, a thread for each lane, slices for flows and what parks them.
pub(super) fn trace_events(both: &Both<'_>) -> String {
    let mut events = Vec::new();
    both.all().enumerate().for_each(|(at, told)| execution(&mut events, at + 1, told));
    json!({ "displayTimeUnit": "ms", "traceEvents": events }).to_string()
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The thread of a lane.
fn tid(lane: Lane) -> u64 {
    match lane {
        Lane::Test => 1,
        Lane::Page => 2,
        Lane::Proxy => 3,
        Lane::Flow(flow) => 10 + flow.number(),
    }
}

fn execution(events: &mut Vec<Value>, pid: usize, told: &Told<'_>) {
    let Told { run, story, flows, .. } = told;
    let mut name = |kind: &str, tid: u64, name: &str| {
        events.push(json!({ "ph": "M", "name": kind, "pid": pid, "tid": tid, "args": { "name": name } }));
    };
    name("process_name", 0, if run.failed { "the execution that failed" } else { "an execution that passed" });
    [(1, "test"), (2, "page"), (3, "proxy")].into_iter().for_each(|(tid, lane)| name("thread_name", tid, lane));
    for flow in flows {
        name("thread_name", tid(Lane::Flow(flow.id)), &format!("{} {}", flow.id, flow.title()));
    }
    let end = run.entries.last().map_or(Duration::ZERO, |entry| entry.at);
    let at = |row: Option<usize>| row.and_then(|row| story.rows.get(row)).map_or(end, |row| row.at);
    let mut slice = |lane: Lane, name: String, from: Duration, to: Duration, args: Value| {
        let duration = us(to.saturating_sub(from)).max(1);
        let event = json!({ "ph": "X", "pid": pid, "tid": tid(lane), "ts": us(from), "dur": duration, "name": name, "args": args });
        events.push(event);
    };
    for flow in flows {
        let lane = Lane::Flow(flow.id);
        let args =
            json!({ "url": sanitize_line(&flow.request.url()), "result": flow.result(), "requested by": flow.by });
        slice(lane, flow.title(), at(Some(flow.began)), at(flow.ended), args);
        for span in &flow.spans {
            let (name, args) = match &span.what {
                What::Server => ("server".to_owned(), Value::Null),
                What::Parked { stage, rule, place, until, .. } => (
                    format!("parked at its {stage}"),
                    json!({ "rule": rule, "line": place.to_string(), "until": until }),
                ),
            };
            slice(lane, name, at(Some(span.from)), at(span.to), args);
        }
    }
    for row in story.rows.iter().filter(|row| !matches!(row.lane, Lane::Flow(_))) {
        slice(row.lane, row.says.clone(), row.at, row.until.max(row.at), Value::Null);
    }
    arrows(events, pid, story, flows);
}

/// An arrow from the test to each flow that it releases.
fn arrows(events: &mut Vec<Value>, pid: usize, story: &Story, flows: &[super::flows::FlowStory]) {
    let spans = flows.iter().flat_map(|flow| flow.spans.iter().map(move |span| (flow.id, span)));
    let decided = spans.filter_map(|(flow, span)| match &span.what {
        What::Parked { .. } => Some((flow, story.rows.get(span.to?)?)),
        What::Server => None,
    });
    for (id, (flow, row)) in decided.enumerate() {
        let common = |ph: &str, tid: u64| json!({ "ph": ph, "cat": "verdict", "name": "verdict", "id": id, "pid": pid, "tid": tid, "ts": us(row.at), "bp": "e" });
        events.push(common("s", 1));
        events.push(common("f", tid(Lane::Flow(flow))));
    }
}
