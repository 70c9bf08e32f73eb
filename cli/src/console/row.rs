//! One flow, as it is told. Pure.

use serde_json::Value;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) status: Option<u64>,
    pub(crate) size: Option<u64>,
    pub(crate) ms: Option<f64>,
    pub(crate) outcome: Option<String>,
    pub(crate) parts: u64,
    pub(crate) parked: Vec<Parked>,
    /// Whether the list is to show it.
    pub(crate) is_shown: bool,
}

/// A flow, or a part of one, that is held.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Parked {
    /// `#3`, or `#3.2`
    pub(crate) id: String,
    pub(crate) stage: String,
    pub(crate) rule: String,
    pub(crate) line: String,
    pub(crate) since: f64,
}

impl Row {
    pub(crate) fn of(told: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let parked = |told: &Value| Parked {
            id: text(&told["id"]),
            stage: text(&told["stage"]),
            rule: text(&told["rule"]),
            line: text(&told["line"]),
            since: told["since"].as_f64().unwrap_or_default(),
        };
        Self {
            id: told["id"].as_u64().unwrap_or_default(),
            method: text(&told["method"]),
            host: text(&told["host"]),
            path: text(&told["path"]),
            status: told["status"].as_u64(),
            size: told["size"].as_u64(),
            ms: told["ms"].as_f64(),
            outcome: told["outcome"].as_str().map(str::to_owned),
            parts: told["parts"].as_u64().unwrap_or_default(),
            is_shown: told["shown"] != false,
            parked: told["parked"].as_array().into_iter().flatten().map(parked).collect(),
        }
    }

    /// Returns where it is held: `Q` at its request, `A` at its answer, `P` in parts of its stream.
    pub(crate) fn held(&self) -> Option<char> {
        self.parked.first().map(|parked| match &*parked.stage {
            "request" => 'Q',
            "response" => 'A',
            _ => 'P',
        })
    }
}
