//! What a proxy without a console prints. Pure.

use serde_json::Value;
use std::collections::BTreeMap;

/// How many flows are remembered: of older ones, nothing more is printed if a view hides them.
const REMEMBERED: usize = 20_000;

/// How it tells what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A line for each event.
    Lines,
    /// An object for each change of a flow.
    Json,
}

/// What was told, as far as the view shows it.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
    flows: BTreeMap<u64, Flow>,
}

#[derive(Debug, Default)]
struct Flow {
    is_shown: bool,
    /// The lines until it is shown: a filter may match only its response.
    waiting: Vec<String>,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, flows: BTreeMap::new() }
    }

    /// Takes what the proxy tells, and returns the lines to print.
    pub(crate) fn take(&mut self, told: &Value) -> Vec<String> {
        let of = |name: &str| told[name].as_array().into_iter().flatten();
        let mut lines = Vec::new();
        for row in of("rows") {
            let flow = self.flow(row["id"].as_u64().unwrap_or_default());
            flow.is_shown = row["shown"] == true;
            if flow.is_shown {
                let waiting = std::mem::take(&mut flow.waiting);
                match self.format {
                    Format::Json => lines.push(row.to_string()),
                    Format::Lines => lines.extend(waiting),
                }
            }
        }
        if self.format == Format::Lines {
            of("lines").zip(of("flows")).for_each(|(line, id)| lines.extend(self.line(line, id)));
        }
        lines
    }

    /// Returns a line if it is about a flow that is shown, or about none.
    fn line(&mut self, line: &Value, id: &Value) -> Option<String> {
        let line = line.as_str()?.to_owned();
        let Some(id) = id.as_u64() else { return Some(line) };
        let flow = self.flow(id);
        if flow.is_shown {
            return Some(line);
        }
        flow.waiting.push(line);
        None
    }

    fn flow(&mut self, id: u64) -> &mut Flow {
        if self.flows.len() > REMEMBERED {
            self.flows.pop_first();
        }
        self.flows.entry(id).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(id: u64, shown: bool) -> Value {
        json!({ "rows": [{ "id": id, "shown": shown }] })
    }

    #[test]
    fn lines_are_of_flows_that_the_view_shows() {
        let mut output = Output::new(Format::Lines);
        assert!(output.take(&row(1, false)).is_empty());
        assert!(output.take(&json!({ "lines": ["#1 GET"], "flows": [1] })).is_empty());
        assert_eq!(output.take(&json!({ "lines": ["trouble"], "flows": [null] })), ["trouble"]);
        assert_eq!(output.take(&row(1, true)), ["#1 GET"], "its response matches");
        assert_eq!(output.take(&json!({ "lines": ["#1 500"], "flows": [1] })), ["#1 500"]);
    }

    #[test]
    fn objects_are_of_flows_that_the_view_shows() {
        let mut output = Output::new(Format::Json);
        assert!(output.take(&row(1, false)).is_empty());
        assert_eq!(output.take(&row(1, true)), ["{\"id\":1,\"shown\":true}"]);
        assert!(output.take(&json!({ "lines": ["#1 500"], "flows": [1] })).is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut output = Output::new(Format::Lines);
        (0..30_000).for_each(|id| drop(output.take(&row(id, false))));
        assert!(output.flows.len() <= REMEMBERED + 1);
    }
}
