//! What keys do to the model, and when they do something. Pure.

use super::model::{Effect, Model, Pane, Prompt, Screen, Then};
use serde_json::{Value, json};

pub(super) fn always(_: &Model) -> bool {
    true
}

pub(super) fn is_held(model: &Model) -> bool {
    !model.chosen_parked().is_empty()
}

/// Parts are released or aborted as they are.
pub(super) fn can_be_edited(model: &Model) -> bool {
    let chosen = model.chosen();
    let parked = chosen.iter().filter_map(|id| model.rows.get(id)).flat_map(|row| &row.parked);
    parked.into_iter().any(|parked| matches!(&*parked.stage, "request" | "response"))
}

pub(super) fn some_are_held(model: &Model) -> bool {
    model.rows.values().any(|row| !row.parked.is_empty())
}

pub(super) fn has_row(model: &Model) -> bool {
    model.selected.is_some()
}

pub(super) fn in_list(model: &Model) -> bool {
    model.screen == Screen::List && has_row(model)
}

pub(super) fn in_flow(model: &Model) -> bool {
    model.screen == Screen::Flow
}

pub(super) fn ask(what: Value, says: &'static str) -> Vec<Effect> {
    vec![Effect::Ask(what, Then::Say(says))]
}

pub(super) fn prompt(model: &mut Model, prompt: Prompt, text: String) -> Vec<Effect> {
    model.prompt = Some((prompt, text));
    vec![]
}

pub(super) fn release_chosen(model: &mut Model) -> Vec<Effect> {
    let flows = model.chosen_parked();
    model.marked.clear();
    ask(json!({ "do": "release", "flows": flows }), "released")
}

pub(super) fn release_all(model: &mut Model) -> Vec<Effect> {
    let flows: Vec<_> = model.parked().iter().map(|(_, parked)| json!(parked.id)).collect();
    ask(json!({ "do": "release", "flows": flows }), "all released")
}

pub(super) fn abort(model: &mut Model) -> Vec<Effect> {
    let flows = model.chosen_parked();
    model.marked.clear();
    ask(json!({ "do": "abort", "flows": flows }), "aborted")
}

pub(super) fn edit(model: &mut Model) -> Vec<Effect> {
    let Some(id) = model.chosen_parked().first().cloned() else { return vec![] };
    let then = Then::Edit(id.as_str().unwrap_or_default().to_owned());
    vec![Effect::Ask(json!({ "do": "edit", "flows": [id] }), then)]
}

pub(super) fn show(model: &mut Model) -> Vec<Effect> {
    let Some(id) = model.selected else { return vec![] };
    model.open(Screen::Flow);
    model.shown = None;
    vec![Effect::Ask(json!({ "do": "show", "flows": [id] }), Then::Show(id))]
}

pub(super) fn neighbour(model: &mut Model, by: isize) -> Vec<Effect> {
    let scroll = model.scroll;
    model.screen = Screen::List;
    model.move_by(by);
    (model.screen, model.scroll, model.shown) = (Screen::Flow, scroll, None);
    let Some(id) = model.selected else { return vec![] };
    vec![Effect::Ask(json!({ "do": "show", "flows": [id] }), Then::Show(id))]
}

pub(super) fn mark(model: &mut Model) -> Vec<Effect> {
    if let Some(id) = model.selected
        && !model.marked.remove(&id)
    {
        model.marked.insert(id);
    }
    model.move_by(1);
    vec![]
}

pub(super) fn next_pane(model: &mut Model) -> Vec<Effect> {
    let at = Pane::ALL.iter().position(|pane| *pane == model.pane).unwrap_or(0);
    (model.pane, model.scroll) = (Pane::ALL[(at + 1) % Pane::ALL.len()], 0);
    vec![]
}

pub(super) fn switch(model: &mut Model) -> Vec<Effect> {
    let is_on = !model.is_on;
    ask(json!({ "do": "intercept", "on": is_on }), if is_on { "what matches is held again" } else { "nothing is held" })
}

pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if model.back() { vec![] } else { vec![Effect::Quit] }
}
