//! One line for each flow. Pure.

use crate::flow::{FlowId, Outcome, Request, Response, StageName};
use crate::journal::{Entry, Event};
use crate::sanitize::sanitize_line;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How many flows a list has. Then the oldest that have ended leave it.
const ROWS: usize = 20_000;

/// What a list shows of a flow.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: FlowId,
    at: Duration,
    pub(super) request: Arc<Request>,
    pub(super) response: Option<Arc<Response>>,
    size: Option<u64>,
    ended: Option<Duration>,
    outcome: Option<String>,
    is_closed: bool,
    parts: usize,
    parked: BTreeMap<FlowId, Parked>,
    parked_for: Duration,
}

#[derive(Clone, Debug, PartialEq)]
struct Parked {
    stage: StageName,
    rule: String,
    line: String,
    since: Duration,
}

/// The rows of a journal, and which of them have changed since they were told.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: BTreeMap<FlowId, Row>,
    changed: BTreeSet<FlowId>,
}

impl Rows {
    pub(super) fn note(&mut self, entry: &Entry) {
        let Some(id) = entry.event.flow() else { return };
        let whole = id.whole();
        if let Event::Began { request, .. } = &entry.event {
            let (id, at, request, parked) = (whole, entry.at, Arc::clone(request), BTreeMap::new());
            let (response, size, ended, outcome, is_closed) = (None, None, None, None, false);
            let row = Row {
                id,
                at,
                request,
                response,
                size,
                ended,
                outcome,
                is_closed,
                parts: 0,
                parked,
                parked_for: Duration::ZERO,
            };
            self.rows.insert(whole, row);
        }
        if let Some(row) = self.rows.get_mut(&whole) {
            row.note(id, entry);
            self.changed.insert(whole);
        }
        if self.rows.len() > ROWS
            && let Some(oldest) = self.rows.values().find(|row| row.is_over()).map(|row| row.id)
        {
            self.rows.remove(&oldest);
        }
    }

    /// Tells all of them again.
    pub(super) fn all_have_changed(&mut self) {
        self.changed = self.rows.keys().copied().collect();
    }

    /// Returns what has changed, as JSON; `is_shown` says whether the list shows a flow.
    pub(super) fn take_changed(&mut self, is_shown: impl Fn(&Row) -> bool) -> Vec<Value> {
        let changed = std::mem::take(&mut self.changed);
        let rows = changed.iter().filter_map(|id| self.rows.get(id));
        rows.map(|row| row.json(is_shown(row))).collect()
    }
}

impl Row {
    fn note(&mut self, id: FlowId, Entry { at, event }: &Entry) {
        match event {
            Event::Parked { stage, rule, place, .. } => {
                let (rule, line) = (rule.to_string(), place.to_string());
                self.parked.insert(id, Parked { stage: *stage, rule, line, since: *at });
            }
            Event::Decided { .. } => self.resume(id, *at),
            Event::Answered { response, .. } | Event::ChangedResponse { response, .. } => {
                self.response = Some(Arc::clone(response));
            }
            Event::Body { stage: StageName::Response, size, .. } => self.size = Some(*size),
            Event::Part { .. } => self.parts += 1,
            Event::Closed { .. } => self.is_closed = true,
            Event::Ended { outcome, .. } => {
                self.resume(id, *at);
                if id == self.id {
                    (self.ended, self.outcome) = (Some(*at), Some(said(outcome)));
                }
            }
            _ => {}
        }
    }

    /// Whether nothing more is to come of it.
    fn is_over(&self) -> bool {
        let is_open =
            self.response.as_ref().is_some_and(|response| response.status().as_u16() == 101) && !self.is_closed;
        self.ended.is_some() && self.parked.is_empty() && !is_open
    }

    fn resume(&mut self, id: FlowId, at: Duration) {
        if let Some(parked) = self.parked.remove(&id) {
            self.parked_for += at.saturating_sub(parked.since);
        }
    }

    fn json(&self, is_shown: bool) -> Value {
        let (request, status) = (&self.request, self.response.as_ref().map(|response| response.status().as_u16()));
        let ms = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
        let parked = self.parked.iter().map(|(id, parked)| {
            json!({
                "id": id.to_string(),
                "stage": parked.stage.to_string(),
                "rule": sanitize_line(&parked.rule),
                "line": parked.line,
                "since": ms(parked.since),
            })
        });
        json!({
            "id": self.id.number(),
            "at": ms(self.at),
            "method": sanitize_line(request.method().as_str()),
            "scheme": request.target().scheme(),
            "host": sanitize_line(&request.target().authority()),
            "path": sanitize_line(&request.path_and_query),
            "kind": sanitize_line(request.header("sec-fetch-dest").unwrap_or_default()),
            "status": status,
            "shown": is_shown,
            "size": self.size,
            "ms": self.ended.map(|ended| ms(ended.saturating_sub(self.at))),
            "outcome": self.outcome,
            "parts": self.parts,
            "parked": parked.collect::<Vec<_>>(),
            "parkedMs": ms(self.parked_for),
        })
    }
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(fault) => format!("failed: {}", sanitize_line(fault.what())),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Place;

    #[test]
    fn a_row_says_what_parks_the_flow_and_for_how_long() {
        let (mut rows, flow) = (Rows::default(), FlowId::new(1));
        let mut note = |ms: u64, event| rows.note(&Entry { at: Duration::from_millis(ms), event });
        let request = Arc::new(
            Request::get("https://a.test/x\u{1b}[2J?q=1")
                .unwrap_or_else(|| Request::get("https://a.test/x?q=1").expect("a request")),
        );
        note(5, Event::Began { flow, request });
        let rule = Arc::from("console");
        note(7, Event::Parked { flow, stage: StageName::Request, rule, place: Place::here() });
        let told = rows.take_changed(|_| true);
        assert_eq!((told.len(), &told[0]["parked"][0]["stage"]), (1, &json!("request")));
        assert_eq!(rows.take_changed(|_| true).len(), 0, "told once");
        let mut note = |ms: u64, event| rows.note(&Entry { at: Duration::from_millis(ms), event });
        note(17, Event::Decided { flow, verdict: "released", place: None });
        note(20, Event::Ended { flow, outcome: Outcome::Delivered });
        let told = rows.take_changed(|_| false).remove(0);
        assert_eq!(told["shown"], false);
        assert_eq!(
            (&told["parkedMs"], &told["ms"], &told["outcome"]),
            (&json!(10.0), &json!(15.0), &json!("delivered"))
        );
        assert_eq!(told["parked"], json!([]));
    }
}
