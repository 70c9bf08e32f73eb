//! What one person has said so far to one proxy.

use crate::filter::Filter;
use crate::flow::{FlowId, RuleId, StageName};
use crate::mitm::Mitm;
use crate::proxy::Heads;
use crate::record::Edits;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The session of a person. What is asked is done at the same time: a wait for one flow does not keep others.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) mitm: Mitm,
    state: Mutex<State>,
    /// Notified when the list is to show other flows.
    pub(super) viewing: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What is intercepted, as it was written, and the rules that do it.
    pub(super) filter: Option<String>,
    pub(super) intercepting: Vec<RuleId>,
    pub(super) is_off: bool,
    /// The rules that hold the parts of a flow.
    pub(super) parts: BTreeMap<FlowId, Vec<RuleId>>,
    /// Changes that are sent when the flow is released.
    pub(super) edits: BTreeMap<FlowId, Heads>,
    /// The same as code.
    pub(super) code: Edits,
    /// What the list shows, as it was written and as it is read, and how often that was said.
    pub(super) view: Option<(String, Filter)>,
    pub(super) views: u64,
}

/// What is replied, or why it was not done, for people.
pub(super) type Answer = Result<Value, String>;

impl Session {
    pub(super) fn new(mitm: Mitm) -> Self {
        Self { mitm, state: Mutex::default(), viewing: Notify::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Each change leaves it valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what a console shows of it.
    pub(super) fn told(&self) -> Value {
        let mut state = self.state();
        if !state.edits.is_empty() {
            // Some may have ended otherwise.
            let parked = self.mitm.context().parked();
            state.edits.retain(|id, _| parked.iter().any(|(parked, _)| parked.flow == *id));
        }
        let edited: Vec<_> = state.edits.keys().map(|id| id.number()).collect();
        let parts: Vec<_> = state.parts.keys().map(|id| id.number()).collect();
        let view = state.view.as_ref().map(|(text, _)| text);
        json!({ "intercept": state.filter, "on": !state.is_off, "edited": edited, "parts": parts, "view": view })
    }

    pub(super) fn parked_stage(&self, id: FlowId) -> Option<StageName> {
        let parked = self.mitm.context().parked();
        parked.into_iter().find(|(parked, _)| parked.flow == id).map(|(parked, _)| parked.stage)
    }
}

/// Returns the flows and parts that are asked for: 3, or "#3.2".
pub(super) fn flows(asked: &Value) -> Result<Vec<FlowId>, String> {
    let ids = asked["flows"].as_array().ok_or("which flows?")?;
    ids.iter().map(|id| flow_id(id).ok_or_else(|| format!("{id} is no flow"))).collect()
}

/// Returns the only flow that is asked for.
pub(super) fn flow(asked: &Value) -> Result<FlowId, String> {
    Ok(*flows(asked)?.first().ok_or("which flow?")?)
}

fn flow_id(told: &Value) -> Option<FlowId> {
    if let Some(number) = told.as_u64() {
        return Some(FlowId::new(number));
    }
    let text = told.as_str()?.strip_prefix('#')?;
    let (flow, part) = text.split_once('.').unwrap_or((text, "0"));
    Some(FlowId::new(flow.parse().ok()?).part(part.parse().ok()?))
}
