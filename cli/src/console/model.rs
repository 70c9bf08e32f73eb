//! What the console knows and shows. Pure.

use super::row::Row;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How many lines of the journal are kept.
const LINES: usize = 5_000;
/// How many flows are listed. Then the oldest that have ended leave the list, unless they are selected.
const ROWS: usize = 20_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Screen {
    #[default]
    List,
    Flow,
    Order,
    Help,
    Events,
}

/// What is typed at the bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// What is held.
    Intercept,
    /// What the list shows.
    View,
    /// The numbers of held flows, in the order in which they are released.
    Order,
    /// The file that is recorded into.
    Save,
    /// The file that the test is written into.
    Test,
}

impl Prompt {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Intercept => "hold (~u ~m ~q ~s ..; empty: nothing)",
            Self::View => "show only (~u ~c ..; empty: all)",
            Self::Order => "release in this order (2 1 3)",
            Self::Save => "record into (.har, or a flow file)",
            Self::Test => "write the test into",
        }
    }
}

/// The panes of the flow screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pane {
    #[default]
    Request,
    Response,
    Parts,
    Events,
}

impl Pane {
    pub(crate) const ALL: [Self; 4] = [Self::Request, Self::Response, Self::Parts, Self::Events];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Parts => "parts",
            Self::Events => "what happened",
        }
    }
}

/// What is to be done outside of the model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    Ask(Value, Then),
    Quit,
    Suspend,
}

/// What is done with the reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Tell the person, in these words.
    Say(&'static str),
    /// The same, of what was typed: it is offered again if it is refused.
    Typed(Prompt, String, &'static str),
    Show(u64),
    /// Copy it to the clipboard.
    Copy,
    /// Open it in the editor.
    Edit(String),
    /// It was edited: the flow, and the text, which is offered again if it cannot be sent.
    Edited(String, String),
    /// Write it into this file.
    Write(String),
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) proxy: String,
    pub(crate) test: Option<String>,
    pub(crate) rows: BTreeMap<u64, Row>,
    /// The rows that the list shows, in their order.
    pub(crate) visible: Vec<u64>,
    pub(crate) selected: Option<u64>,
    pub(crate) marked: BTreeSet<u64>,
    pub(crate) view: String,
    pub(crate) screen: Screen,
    /// Where `q` leads back to.
    pub(crate) before: Screen,
    pub(crate) prompt: Option<(Prompt, String)>,
    pub(crate) intercept: Option<String>,
    pub(crate) is_on: bool,
    /// Whether the test waits for the person.
    pub(crate) is_paused: bool,
    pub(crate) edited: BTreeSet<u64>,
    /// The flows whose messages and events are held one by one.
    pub(crate) by_parts: BTreeSet<u64>,
    pub(crate) lines: VecDeque<String>,
    pub(crate) shown: Option<Value>,
    pub(crate) pane: Pane,
    pub(crate) scroll: usize,
    /// How many columns of long lines are left out at the left.
    pub(crate) pan: usize,
    pub(crate) notice: Option<String>,
    pub(crate) follows: bool,
    /// The first row on the screen.
    pub(crate) top: usize,
    pub(crate) is_over: bool,
}

impl Model {
    /// Takes what is told. Returns whether the screen changes.
    pub(crate) fn take(&mut self, told: &Value) -> bool {
        if let Some(hello) = told.get("hello") {
            self.proxy = hello["proxy"].as_str().unwrap_or_default().to_owned();
            self.test = hello["test"].as_str().map(str::to_owned);
            self.is_on = true;
        }
        for row in told["rows"].as_array().into_iter().flatten().map(Row::of) {
            // Two may be told in the other order.
            match self.visible.binary_search(&row.id) {
                Err(at) if row.is_shown => self.visible.insert(at, row.id),
                Ok(at) if !row.is_shown => drop(self.visible.remove(at)),
                _ => {}
            }
            self.rows.insert(row.id, row);
        }
        self.forget();
        // The selection never moves by itself, but it begins somewhere.
        let is_visible = |id: u64| self.visible.binary_search(&id).is_ok();
        if self.follows || !self.selected.is_some_and(is_visible) {
            self.selected = if self.follows { self.visible.last() } else { self.visible.first() }.copied();
        }
        for line in told["lines"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.lines.push_back(line.to_owned());
            if self.lines.len() > LINES {
                self.lines.pop_front();
            }
        }
        if let Some(state) = told.get("state") {
            self.intercept = state["intercept"].as_str().map(str::to_owned);
            self.is_on = state["on"] == true;
            state["view"].as_str().unwrap_or_default().clone_into(&mut self.view);
            let ids = |name: &str| state[name].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
            (self.edited, self.by_parts) = (ids("edited"), ids("parts"));
        }
        if let Some(is_paused) = told["paused"].as_bool() {
            self.is_paused = is_paused;
        }
        told.is_object()
    }

    /// Lets go of the oldest rows.
    fn forget(&mut self) {
        while self.rows.len() > ROWS {
            let goes = |row: &&Row| row.outcome.is_some() && row.parked.is_empty() && self.selected != Some(row.id);
            let Some(oldest) = self.rows.values().find(goes).map(|row| row.id) else { return };
            self.rows.remove(&oldest);
            self.visible.retain(|id| *id != oldest);
            self.marked.remove(&oldest);
        }
    }

    /// Returns what is held, in the order of parking: the queue of the order screen.
    pub(crate) fn parked(&self) -> Vec<(&Row, &super::row::Parked)> {
        let mut parked: Vec<_> =
            self.rows.values().flat_map(|row| row.parked.iter().map(move |it| (row, it))).collect();
        parked.sort_by(|(_, one), (_, other)| one.since.total_cmp(&other.since));
        parked
    }

    /// Returns what a key acts on: the marked flows, or else the selected one.
    pub(crate) fn chosen(&self) -> Vec<u64> {
        if self.screen == Screen::Order {
            return vec![];
        }
        if self.marked.is_empty() || self.screen == Screen::Flow {
            self.selected.into_iter().collect()
        } else {
            self.marked.iter().copied().collect()
        }
    }

    /// Returns the ids of what is held of the chosen flows.
    pub(crate) fn chosen_parked(&self) -> Vec<Value> {
        let chosen = self.chosen();
        let rows = chosen.iter().filter_map(|id| self.rows.get(id));
        rows.flat_map(|row| row.parked.iter().map(|parked| json!(parked.id))).collect()
    }

    pub(crate) fn move_by(&mut self, by: isize) {
        if matches!(self.screen, Screen::Flow | Screen::Help | Screen::Events) {
            self.scroll = self.scroll.saturating_add_signed(by);
            return;
        }
        self.follows = false;
        let at = self.selected.and_then(|selected| self.visible.binary_search(&selected).ok()).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(self.visible.len().saturating_sub(1));
        self.selected = self.visible.get(to).copied();
    }

    /// Moves long lines aside. Returns whether the screen has such lines.
    pub(crate) fn pan_by(&mut self, by: isize) -> bool {
        let has_lines = matches!(self.screen, Screen::Flow | Screen::Help | Screen::Events);
        if has_lines {
            self.pan = self.pan.saturating_add_signed(by);
        }
        has_lines
    }

    pub(crate) fn open(&mut self, screen: Screen) {
        if self.screen != screen {
            self.before = if self.screen == Screen::Help { self.before } else { self.screen };
            (self.screen, self.scroll, self.pan) = (screen, 0, 0);
        }
    }

    /// Goes back. Returns false from the list, where that means to leave.
    pub(crate) fn back(&mut self) -> bool {
        if self.screen == Screen::List {
            return false;
        }
        let to = if self.before == self.screen { Screen::List } else { self.before };
        (self.screen, self.before, self.scroll) = (to, Screen::List, 0);
        true
    }

    /// Takes what was typed. Returns what is to be asked.
    pub(crate) fn entered(&mut self, prompt: Prompt, text: &str) -> Vec<Effect> {
        let text = text.trim();
        match prompt {
            Prompt::Intercept => {
                let says = if text.is_empty() { "nothing is held" } else { "what matches is held" };
                let ask = json!({ "do": "intercept", "filter": text, "on": true });
                return vec![Effect::Ask(ask, Then::Typed(prompt, text.to_owned(), says))];
            }
            Prompt::View => {
                let says = if text.is_empty() { "every flow is shown" } else { "only what matches is shown" };
                let ask = json!({ "do": "view", "filter": text });
                return vec![Effect::Ask(ask, Then::Typed(prompt, text.to_owned(), says))];
            }
            Prompt::Order => match self.in_order(text) {
                Ok(flows) => {
                    let ask = json!({ "do": "release", "flows": flows, "wait": true });
                    return vec![Effect::Ask(ask, Then::Say("released, one after another"))];
                }
                Err(why) => {
                    // Typed again, digits would be keys.
                    self.prompt = Some((prompt, text.to_owned()));
                    self.notice = Some(why);
                }
            },
            Prompt::Save => {
                return vec![Effect::Ask(json!({ "do": "save", "path": text }), Then::Say("every flow is recorded"))];
            }
            Prompt::Test if text.is_empty() => self.notice = Some("no file was named".to_owned()),
            Prompt::Test => return vec![Effect::Ask(json!({ "do": "test" }), Then::Write(text.to_owned()))],
        }
        vec![]
    }

    /// Returns the ids for numbers of the order screen.
    fn in_order(&self, text: &str) -> Result<Vec<Value>, String> {
        let parked = self.parked();
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let flows: Vec<_> = words
            .map(|word| {
                let number: usize = word.parse().map_err(|_| format!("{word:?} is no number"))?;
                let parked = number.checked_sub(1).and_then(|at| parked.get(at));
                parked
                    .map(|(_, parked)| json!(parked.id))
                    .ok_or_else(|| format!("there is no number {number}: {} are held", self.parked().len()))
            })
            .collect::<Result<_, _>>()?;
        if flows.is_empty() { Err("no number was typed".to_owned()) } else { Ok(flows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn row(id: u64, path: &str, stage: Option<(&str, f64)>) -> Value {
        let parked = stage.map(|(stage, since)| json!({ "id": format!("#{id}"), "stage": stage, "since": since, "rule": "the console", "line": "" }));
        json!({ "id": id, "at": id as f64, "method": "GET", "scheme": "https", "host": "a.test", "path": path,
            "parked": parked.into_iter().collect::<Vec<_>>() })
    }

    #[test]
    fn the_selection_never_moves_by_itself() {
        let mut model = Model::default();
        model.take(&json!({ "rows": [row(1, "/a", None), row(2, "/b", None)] }));
        assert_eq!(model.selected, Some(1));
        model.move_by(1);
        model.take(&json!({ "rows": [row(3, "/c", None)] }));
        assert_eq!((model.selected, model.visible.len()), (Some(2), 3));
        let hidden = |id: u64, path: &str, is_shown: bool| {
            let mut row = row(id, path, None);
            row["shown"] = json!(is_shown);
            row
        };
        model.take(&json!({ "rows": [hidden(2, "/b", false), hidden(3, "/c", false)] }));
        assert_eq!((model.selected, model.visible.len()), (Some(1), 1), "what is not shown is not selected");
        model.take(&json!({ "rows": [hidden(2, "/b", true), hidden(3, "/c", true)] }));
        model.move_by(99);
        assert_eq!(model.selected, Some(3));
    }

    #[test]
    fn held_flows_are_numbered_in_the_order_of_parking() {
        let mut model = Model::default();
        model.take(&json!({ "rows": [row(1, "/a", Some(("response", 9.0))), row(2, "/b", Some(("request", 5.0)))] }));
        let ask = |model: &mut Model, text: &str| match model.entered(Prompt::Order, text).pop() {
            Some(Effect::Ask(ask, _)) => ask["flows"].to_string(),
            _ => model.notice.take().unwrap_or_default(),
        };
        assert_eq!(ask(&mut model, "2 1"), "[\"#1\",\"#2\"]");
        assert_eq!(ask(&mut model, "3"), "there is no number 3: 2 are held");
        assert_eq!(ask(&mut model, "x"), "\"x\" is no number");
        assert_eq!(ask(&mut model, ""), "no number was typed");
    }
}
