//! The screens, as a person sees them.

use super::draw::{Theme, draw};
use super::keys::press;
use super::model::Model;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;
use serde_json::{Value, json};

fn row(id: u64, path: &str, more: &Value) -> Value {
    let mut row = json!({ "id": id, "at": 10.0, "method": "GET", "scheme": "https", "host": "shop.test", "path": path,
        "status": 200, "size": 1234, "ms": 12.0, "outcome": "delivered", "parts": 0, "parked": [], "parkedMs": 0.0 });
    more.as_object().into_iter().flatten().for_each(|(key, value)| row[key] = value.clone());
    row
}

fn held(id: u64, stage: &str, since: f64) -> Value {
    let parked = json!([{ "id": format!("#{id}"), "stage": stage, "rule": "hold!(~u search)", "line": "the console", "since": since }]);
    json!({ "parked": parked, "outcome": null, "ms": null, "size": null, "status": if stage == "request" { Value::Null } else { json!(200) } })
}

fn model() -> Model {
    let mut model = Model::default();
    model.take(&json!({ "hello": { "proxy": "127.0.0.1:4600", "test": null } }));
    model.take(&json!({ "rows": [
        row(1, "/", &json!({})),
        row(2, "/search?q=a", &held(2, "response", 20.0)),
        row(3, "/search?q=ab", &held(3, "request", 30.0)),
        row(4, "/gone", &json!({ "status": 404, "method": "POST" })),
        row(5, "/left", &json!({ "outcome": "client gone", "status": null, "size": null })),
        row(6, "/socket", &json!({ "status": 101, "parts": 3 })),
    ], "state": { "intercept": "~u search", "on": true, "edited": [2], "paused": false } }));
    model
}

fn screen(model: &mut Model, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| draw(frame, model, &Theme { has_color: true })).expect("a screen");
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

fn pressed(model: &mut Model, keys: &str) {
    for char in keys.chars() {
        let code = if char == '\n' { KeyCode::Enter } else { KeyCode::Char(char) };
        drop(press(model, KeyEvent::new(code, KeyModifiers::NONE)));
    }
}

#[test]
fn the_list() {
    let mut model = model();
    pressed(&mut model, "j ");
    assert_eq!(
        screen(&mut model, 80, 10),
        [
            " proxy 127.0.0.1:4600   6 flows, 2 held   holds ~u search",
            "      GET     200 shop.test/                                     1.2 kB    12 ms",
            " *▮Ae GET     200 shop.test/search?q=a",
            "> ▮Q  GET     ... shop.test/search?q=ab",
            "      POST    404 shop.test/gone                                 1.2 kB    12 ms",
            "      GET     --- shop.test/left  client gone                              12 ms",
            "      GET     101 shop.test/socket (3 parts)                     1.2 kB    12 ms",
            "",
            "",
            "i hold what matches  I holding on or off  a release  A release all  ? help",
        ]
    );
}

#[test]
fn the_order() {
    let mut model = model();
    pressed(&mut model, "O2 1");
    assert_eq!(
        screen(&mut model, 80, 7),
        [
            " proxy 127.0.0.1:4600   6 flows, 2 held   holds ~u search",
            "held, in the order in which they came; each is waited for until the page has pro",
            " 1  GET     shop.test/search?q=a  ▮ its answer 200",
            " 2  GET     shop.test/search?q=ab  ▮ its request",
            "",
            "release in this order (2 1 3): 2 1",
            "enter: do it   esc: leave it   ctrl-u: clear",
        ]
    );
}

#[test]
fn the_flow() {
    let mut model = model();
    pressed(&mut model, "\n");
    model.shown = Some(
        json!({ "request": "GET https://shop.test/\naccept: */*\n\n", "response": null, "parts": [], "events": [] }),
    );
    assert_eq!(
        screen(&mut model, 60, 8),
        [
            " proxy 127.0.0.1:4600   6 flows, 2 held   holds ~u search",
            " request   response   parts   what happened",
            "GET https://shop.test/",
            "accept: */*",
            "",
            "",
            "",
            "i hold what matches  I holding on or off  ? help",
        ]
    );
}

#[test]
fn the_help_and_the_events() {
    let mut model = model();
    pressed(&mut model, "?");
    let help = screen(&mut model, 80, 40).join("\n");
    for words in
        ["a  release\n", "T  write a test", "1 to 9  release the n-th", "~u regex  URL", "▮Q held at its request"]
    {
        assert!(help.contains(words), "{help}");
    }
    model.take(&json!({ "lines": ["     12.5 ms  #1 GET https://shop.test/"] }));
    pressed(&mut model, "E");
    assert_eq!(screen(&mut model, 60, 5)[1], "     12.5 ms  #1 GET https://shop.test/");
}

/// Nothing breaks a screen of any size, and 60 by 15 is legible.
#[test]
fn any_size() {
    for keys in ["", "O", "\n", "?", "E", "i"] {
        for (width, height) in [(1, 1), (10, 3), (19, 9), (20, 5), (33, 6), (60, 15), (300, 90)] {
            let mut model = model();
            pressed(&mut model, keys);
            model.shown = Some(json!({ "request": "界".repeat(5000), "response": "x", "parts": [], "events": [] }));
            screen(&mut model, width, height);
        }
    }
    assert_eq!(screen(&mut model(), 60, 15)[2], "  ▮Ae GET     200 shop.test/search?q=a");
}

/// The proxy escapes what pages say; whatever comes all the same reaches no terminal as a command.
#[test]
fn hostile_text_is_only_text() {
    let long = "x".repeat(1 << 20);
    let texts = [
        "\u{1b}[2J\u{7}",
        "\u{202e}evil\u{2066}",
        "e\u{301}\u{301}\u{301}".repeat(99).leak(),
        "\r\n\t\u{9b}1m",
        "👨‍👩‍👧‍👦界",
        &long,
    ];
    for text in texts {
        for keys in ["", "O", "\n", "E", "f"] {
            let mut model = model();
            let mut hostile = row(9, text, &held(9, "response", 40.0));
            hostile["host"] = json!(text);
            hostile["outcome"] = json!(text);
            model.take(&json!({ "hello": { "proxy": text, "test": text }, "rows": [hostile], "lines": [text],
                "state": { "intercept": text, "on": true, "view": text } }));
            pressed(&mut model, keys);
            model.shown = Some(json!({ "request": text, "response": text, "parts": [text], "events": [text] }));
            let lines = screen(&mut model, 80, 24);
            assert!(!lines.concat().contains(char::is_control), "{lines:?}");
        }
    }
}

#[test]
fn long_lines_are_moved_aside() {
    let mut model = model();
    pressed(&mut model, "\n");
    let long = format!("GET https://shop.test/\nx-long: {}end", "x".repeat(60));
    model.shown = Some(json!({ "request": long, "response": null, "parts": [], "events": [] }));
    assert!(!screen(&mut model, 60, 8).concat().contains("end"));
    pressed(&mut model, "l");
    assert!(screen(&mut model, 60, 8)[3].ends_with("xend"));
    pressed(&mut model, "hh");
    assert!(screen(&mut model, 60, 8)[3].starts_with("x-long: x"));
}

/// What does not fit is announced.
#[test]
fn a_long_text_says_that_it_goes_on() {
    let mut model = model();
    pressed(&mut model, "?");
    let lines = screen(&mut model, 80, 12);
    assert!(lines[9].contains("more lines: j, ctrl-f"), "{lines:?}");
    pressed(&mut model, "G");
    assert!(!screen(&mut model, 80, 12).concat().contains("more lines"));
}

#[test]
fn without_colours_the_signs_are_the_same() {
    let mut terminal = Terminal::new(TestBackend::new(80, 10)).expect("a terminal");
    terminal.draw(|frame| draw(frame, &mut model(), &Theme { has_color: false })).expect("a screen");
    let buffer = terminal.backend().buffer();
    assert!(buffer.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}

#[test]
fn of_ten_thousand_flows_the_last_is_shown() {
    let mut model = model();
    let rows: Vec<_> = (1..=10_000).map(|id| row(id, "/x", &json!({}))).collect();
    model.take(&json!({ "rows": rows }));
    pressed(&mut model, "G");
    assert_eq!(
        screen(&mut model, 80, 24)[21],
        ">     GET     200 shop.test/x                                    1.2 kB    12 ms"
    );
}
