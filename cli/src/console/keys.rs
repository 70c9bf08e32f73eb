//! The keys: one table for what they do, the bar and the help. Pure.
//!
//! The keys of mitmproxy do what they do there. A key has one meaning on every screen.

use super::actions::{
    abort, always, ask, can_be_edited, edit, has_row, in_flow, in_list, is_held, mark, neighbour, next_pane, prompt,
    quit, release_all, release_chosen, show, some_are_held, switch,
};
use super::model::{Effect, Model, Prompt, Screen, Then};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::json;

pub(crate) struct Key {
    pub(crate) code: KeyCode,
    /// What it is called where it is listed.
    pub(crate) name: &'static str,
    pub(crate) words: &'static str,
    /// Whether it does something now.
    pub(crate) works: fn(&Model) -> bool,
    act: fn(&mut Model) -> Vec<Effect>,
}

const fn key(
    code: KeyCode,
    name: &'static str,
    words: &'static str,
    works: fn(&Model) -> bool,
    act: fn(&mut Model) -> Vec<Effect>,
) -> Key {
    Key { code, name, words, works, act }
}

/// Every key, in the order of the help.
pub(crate) const KEYS: &[Key] = &[
    key(
        KeyCode::Char('c'),
        "c",
        "let the test go on",
        |model| model.is_paused,
        |_| ask(json!({ "do": "go_on" }), "the test goes on"),
    ),
    key(KeyCode::Char('i'), "i", "hold what matches", always, |model| {
        let before = model.intercept.clone().unwrap_or_default();
        prompt(model, Prompt::Intercept, before)
    }),
    key(KeyCode::Char('I'), "I", "holding on or off", |model| model.intercept.is_some(), switch),
    key(KeyCode::Char('a'), "a", "release", is_held, release_chosen),
    key(KeyCode::Char('A'), "A", "release all", some_are_held, release_all),
    key(KeyCode::Char('O'), "O", "order", some_are_held, |model| {
        model.open(Screen::Order);
        prompt(model, Prompt::Order, String::new())
    }),
    key(KeyCode::Char('X'), "X", "abort", is_held, abort),
    key(KeyCode::Char('e'), "e", "edit", can_be_edited, edit),
    key(KeyCode::Char('r'), "r", "send again", has_row, |model| {
        let flows = model.chosen();
        model.marked.clear();
        ask(json!({ "do": "resend", "flows": flows }), "sent again")
    }),
    key(KeyCode::Char('T'), "T", "write a test", always, |model| {
        prompt(model, Prompt::Test, "tests/session.rs".to_owned())
    }),
    key(KeyCode::Char('w'), "w", "record", always, |model| prompt(model, Prompt::Save, "flows.har".to_owned())),
    key(KeyCode::Enter, "enter", "open", in_list, show),
    key(KeyCode::Tab, "tab", "next pane", in_flow, next_pane),
    key(KeyCode::Char(' '), "space", "select", in_list, mark),
    key(KeyCode::Char('f'), "f", "show only", always, |model| {
        let before = model.view.clone();
        prompt(model, Prompt::View, before)
    }),
    key(KeyCode::Char('F'), "F", "follow", in_list, |model| {
        model.follows = !model.follows;
        model.selected = if model.follows { model.visible.last().copied() } else { model.selected };
        vec![]
    }),
    key(KeyCode::Char('n'), "n", "next flow", in_flow, |model| neighbour(model, 1)),
    key(KeyCode::Char('p'), "p", "previous flow", in_flow, |model| neighbour(model, -1)),
    key(KeyCode::Char('P'), "P", "part by part", has_row, |model| {
        let Some(id) = model.selected else { return vec![] };
        let says = match model.by_parts.contains(&id) {
            true => "its messages and events are no longer held",
            false => "its messages and events are held one by one",
        };
        ask(json!({ "do": "parts", "flows": [id] }), says)
    }),
    key(KeyCode::Char('s'), "s", "settled?", always, |_| {
        ask(json!({ "do": "settled" }), "the page has settled: it waits for nothing but what is held")
    }),
    key(KeyCode::Char('y'), "y", "copy as filter", has_row, |model| {
        let Some(id) = model.selected else { return vec![] };
        vec![Effect::Ask(json!({ "do": "filter", "flows": [id] }), Then::Copy)]
    }),
    key(
        KeyCode::Char('E'),
        "E",
        "events",
        |model| model.screen != Screen::Events,
        |model| {
            model.open(Screen::Events);
            vec![]
        },
    ),
    key(
        KeyCode::Char('?'),
        "?",
        "help",
        |model| model.screen != Screen::Help,
        |model| {
            model.open(Screen::Help);
            vec![]
        },
    ),
    key(KeyCode::Char('q'), "q", "back, quit", always, quit),
    key(KeyCode::Char('Q'), "Q", "quit", always, |_| vec![Effect::Quit]),
];

/// Keys of mitmproxy that do something else here, or nothing: what instead.
const INSTEAD: &[(char, &str)] = &[
    ('d', "a flow stays in the list: `f` shows only some"),
    ('D', "`r` sends a request again; `e` edits it while it is held"),
    ('V', "an edit is dropped when the flow is aborted (`X`); `e` shows what was edited"),
    ('W', "`w` records every flow from now on, those so far included"),
    ('L', "open a recording with `holdup open FILE`, or `holdup proxy -r FILE`"),
    ('S', "replay a recording with `holdup proxy -S FILE`"),
    ('m', "`space` selects a flow"),
    ('M', "`space` selects a flow; `f` shows only some"),
    ('U', "`space` on a selected flow takes it out"),
    ('o', "flows are in the order of their requests"),
    ('v', "`enter` opens the flow; `e` opens what is held in your editor"),
    ('x', "`T` writes a test; `w` records a HAR"),
    ('b', "`w` records bodies, too"),
    ('z', "bodies are shown without their content-encoding; flows are kept"),
    ('Z', "flows are kept: `f` shows only some"),
    ('|', "scripts are tests here: `T` writes one"),
    (';', "comments are in the test that `T` writes"),
    (':', "there are no commands: `?` lists the keys"),
    ('H', "the bar at the bottom shows the keys that work now"),
    ('K', "`?` lists the keys"),
    ('C', "`?` lists the keys"),
    ('B', "start another browser with `holdup proxy`"),
    ('-', "there is one layout"),
];

/// Does what a key does. Returns what is to be done outside of the model.
pub(crate) fn press(model: &mut Model, pressed: KeyEvent) -> Vec<Effect> {
    model.notice = None;
    let with_control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    match pressed.code {
        KeyCode::Char('c') if with_control && model.prompt.is_none() => return vec![Effect::Quit],
        KeyCode::Char('z') if with_control => return vec![Effect::Suspend],
        _ => {}
    }
    if model.prompt.is_some() {
        return typed(model, pressed);
    }
    if moved(model, pressed.code, with_control) {
        return vec![];
    }
    if pressed.code == KeyCode::Esc {
        model.marked.clear();
        model.back();
        return vec![];
    }
    if let Some(key) = KEYS.iter().find(|key| key.code == pressed.code && !with_control) {
        if (key.works)(model) {
            return (key.act)(model);
        }
        model.notice = Some(format!("{} ({}) has nothing to do here", key.name, key.words));
    } else if let KeyCode::Char(char) = pressed.code {
        model.notice = INSTEAD.iter().find(|(key, _)| *key == char).map(|(_, instead)| (*instead).to_owned());
    }
    // `1` to `9` release the n-th of what is held.
    if let KeyCode::Char(digit @ '1'..='9') = pressed.code
        && some_are_held(model)
    {
        return model.entered(Prompt::Order, &digit.to_string());
    }
    vec![]
}

fn moved(model: &mut Model, code: KeyCode, with_control: bool) -> bool {
    const PAGE: isize = 20;
    match code {
        KeyCode::Char('h') | KeyCode::Left => return model.pan_by(-PAGE),
        KeyCode::Char('l') | KeyCode::Right => return model.pan_by(PAGE),
        _ => {}
    }
    let by = match code {
        KeyCode::Char('j') | KeyCode::Down => 1,
        KeyCode::Char('k') | KeyCode::Up => -1,
        KeyCode::Char('f') if with_control => PAGE,
        KeyCode::Char('b') if with_control => -PAGE,
        KeyCode::PageDown => PAGE,
        KeyCode::PageUp => -PAGE,
        KeyCode::Char('g') | KeyCode::Home => isize::MIN,
        KeyCode::Char('G') | KeyCode::End => isize::MAX,
        _ => return false,
    };
    model.move_by(by);
    true
}

/// Leaves what is typed. On the screen of the order, digits would be keys: it is left, too.
fn left(model: &mut Model, prompt: Prompt) -> Vec<Effect> {
    if prompt == Prompt::Order {
        model.back();
    }
    vec![]
}

/// Edits the line that is typed.
fn typed(model: &mut Model, pressed: KeyEvent) -> Vec<Effect> {
    let Some((prompt, mut text)) = model.prompt.take() else { return vec![] };
    let with_control = pressed.modifiers.contains(KeyModifiers::CONTROL);
    match pressed.code {
        KeyCode::Esc => return left(model, prompt),
        KeyCode::Char('c') if with_control => return left(model, prompt),
        KeyCode::Enter => return model.entered(prompt, &text),
        KeyCode::Backspace => drop(text.pop()),
        KeyCode::Char('u') if with_control => text.clear(),
        KeyCode::Char(char) if !pressed.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => {
            text.push(char);
        }
        _ => {}
    }
    model.prompt = Some((prompt, text));
    vec![]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(model: &mut Model, keys: &str) -> Vec<Effect> {
        keys.chars()
            .flat_map(|char| {
                let code = match char {
                    '\n' => KeyCode::Enter,
                    '\t' => KeyCode::Tab,
                    '\u{1b}' => KeyCode::Esc,
                    char => KeyCode::Char(char),
                };
                press(model, KeyEvent::new(code, KeyModifiers::NONE))
            })
            .collect()
    }

    fn held() -> Model {
        let mut model = Model { is_on: true, ..Model::default() };
        let row = |id: u64, since: f64| {
            json!({ "id": id, "method": "GET", "scheme": "https", "host": "a.test", "path": format!("/{id}"),
                "parked": [{ "id": format!("#{id}"), "stage": "response", "since": since }] })
        };
        model.take(&json!({ "rows": [row(1, 1.0), row(2, 2.0)], "state": { "intercept": "~u x", "on": true } }));
        model
    }

    #[test]
    fn the_hands_of_a_mitmproxy_user_work() {
        let mut model = Model::default();
        let asked = pressed(&mut model, "i~u /ajax/something\n");
        assert_eq!(
            asked,
            vec![Effect::Ask(
                json!({ "do": "intercept", "filter": "~u /ajax/something", "on": true }),
                Then::Typed(Prompt::Intercept, "~u /ajax/something".to_owned(), "what matches is held")
            )]
        );
        let mut model = held();
        assert_eq!(pressed(&mut model, "ja"), ask(json!({ "do": "release", "flows": ["#2"] }), "released"));
        assert_eq!(pressed(&mut model, "A"), ask(json!({ "do": "release", "flows": ["#1", "#2"] }), "all released"));
        assert_eq!(pressed(&mut model, "g  X"), ask(json!({ "do": "abort", "flows": ["#1", "#2"] }), "aborted"));
    }

    /// Digits are keys on the screen of the order: what is refused there is typed again, and what is left leaves it.
    #[test]
    fn a_refused_order_is_still_typed() {
        let mut model = held();
        assert_eq!(pressed(&mut model, "O3 1\n"), vec![]);
        assert_eq!(model.prompt, Some((Prompt::Order, "3 1".to_owned())));
        assert!(model.notice.as_ref().is_some_and(|why| why.contains("no number 3")));
        assert_eq!(pressed(&mut model, "\u{1b}"), vec![]);
        assert_eq!((model.screen, model.prompt), (Screen::List, None));
    }

    #[test]
    fn an_order_is_typed() {
        let mut model = held();
        let ask = pressed(&mut model, "O2 1\n");
        assert_eq!(ask.len(), 1);
        assert!(matches!(&ask[0], Effect::Ask(ask, _) if ask["flows"] == json!(["#2", "#1"]) && ask["wait"] == true));
        assert!(matches!(&pressed(&mut model, "2")[0], Effect::Ask(ask, _) if ask["flows"] == json!(["#2"])));
    }

    /// Every key of mitmproxy's list and flow screens does something, or says what does.
    #[test]
    fn every_key_of_mitmproxy_has_an_answer() {
        for char in "iIaAXdDerVfwWLSmMUnovFxbzZ|;:qQjkgGpT?HOEKCBP-".chars() {
            for screen in [Screen::List, Screen::Flow] {
                let mut model = held();
                model.screen = screen;
                let before = format!("{model:?}");
                let did = pressed(&mut model, &char.to_string());
                assert!(
                    !did.is_empty() || format!("{model:?}") != before || "gkp".contains(char),
                    "{char} does nothing"
                );
            }
        }
    }

    #[test]
    fn what_is_typed_is_no_key() {
        let mut model = held();
        assert_eq!(pressed(&mut model, "iqQX"), vec![]);
        assert_eq!(model.prompt.as_ref().map(|(_, text)| text.as_str()), Some("~u xqQX"));
        assert_eq!(pressed(&mut model, "\u{1b}"), vec![]);
        assert!(model.prompt.is_none());
        assert_eq!(pressed(&mut model, "q"), vec![Effect::Quit]);
    }
}
