//! Clicks and keys as the actions by which the WebDriver recommendation defines them: chromedriver's own commands take
//! three times as long, and an exploration has hundreds. Pure (no I/O).
//!
//! Only simple cases are handled: elements in the page itself, not in a frame, and not part of a list. The driver
//! handles all others, including elements that turn out to be unreachable, because its errors say what is wrong.

use super::command::ELEMENT;
use serde_json::{Value, json};

/// Shared by the scripts: scrolls the element into view, and tests whether the middle of its first box is its own.
const BOX: &str = "\
    const [it] = arguments, root = it.getRootNode(), { activeElement: had } = root;
    const inView = () => it.scrollIntoViewIfNeeded
        ? it.scrollIntoViewIfNeeded(true) : it.scrollIntoView({ behavior: 'instant', block: 'nearest', inline: 'nearest' });
    const middle = (from, to, end) => (Math.max(0, from) + Math.min(end, to)) / 2;
    const isReached = () => {
      const [box] = it.getClientRects();
      const at = box.width && box.height && root.elementFromPoint(
        middle(box.left, box.right, innerWidth), middle(box.top, box.bottom, innerHeight));
      return it.contains(at || null);
    };";

/// Whether a click reaches the element; null leaves it to the driver, which handles slots, maps, and moving elements.
const CAN_CLICK: &str = "\
    if (window != top || /^(option|optgroup|select|area)$/.test(it.localName) || it.type == 'file') return null;
    if (!it.getClientRects().length) return false;
    inView();
    return isReached() || null;";

/// Focuses a field, with the caret at its end. Whether it takes keys; null leaves it to the driver.
const TAKES_KEYS: &str = "\
    const has_text = it.localName == 'textarea' || (it.localName == 'input' && /^(text|search|url|tel|password)$/.test(it.type));
    if (window != top || !has_text || it.readOnly || it.disabled) return null;
    if (!it.getClientRects().length) return false;
    inView();
    if (it != had) {
      if (!isReached()) return null;
      had?.blur();
      it.focus();
      it.setSelectionRange(it.value.length, it.value.length);
    }
    return (root.activeElement == it && document.hasFocus()) || null;";

/// Keys that do not depend on modifiers: Backspace, Tab, Enter, Escape and the arrows.
const PLAIN_KEYS: [char; 8] =
    ['\u{E003}', '\u{E004}', '\u{E007}', '\u{E00C}', '\u{E012}', '\u{E013}', '\u{E014}', '\u{E015}'];

/// The actions for a command on an element.
#[derive(Debug, PartialEq)]
pub(super) struct Input {
    /// Path of the session.
    pub(super) session: String,
    /// Prepares the element and returns whether the actions apply: false means not yet, null means never.
    pub(super) look: Value,
    pub(super) actions: Value,
}

impl Input {
    /// Converts a command, if it is a click or plain keys.
    pub(super) fn of(method: &str, path: &str, body: &Value) -> Option<Self> {
        let (session, element) = path.split_once("/element/")?;
        let (element, what) = element.split_once('/')?;
        let (script, source) = match (method, what) {
            ("POST", "click") => (CAN_CLICK, click(element)),
            ("POST", "value") => (TAKES_KEYS, keys(body["text"].as_str()?)?),
            _ => return None,
        };
        let look = json!({ "script": format!("{BOX}{script}"), "args": [{ ELEMENT: element }] });
        Some(Self { session: session.to_owned(), look, actions: json!({ "actions": [source] }) })
    }
}

fn click(element: &str) -> Value {
    let there = json!({ "type": "pointerMove", "duration": 0, "x": 0, "y": 0, "origin": { ELEMENT: element } });
    let (down, up) = (json!({ "type": "pointerDown", "button": 0 }), json!({ "type": "pointerUp", "button": 0 }));
    json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": [there, down, up] })
}

fn keys(text: &str) -> Option<Value> {
    let is_plain =
        |key: char| key.is_ascii_lowercase() || key.is_ascii_digit() || key == ' ' || PLAIN_KEYS.contains(&key);
    let strokes = text.chars().flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key })));
    text.chars().all(is_plain).then(|| json!({ "type": "key", "id": "keys", "actions": strokes.collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clicks_and_plain_keys_are_gestures() {
        let of = |what: &str, body: Value| Input::of("POST", &format!("/session/1/element/f.1/{what}"), &body);
        assert_eq!(of("click", json!({})).expect("a click").session, "/session/1");
        let keys = of("value", json!({ "text": "ab 1\u{E007}" })).expect("keys");
        assert_eq!(keys.actions["actions"][0]["actions"].as_array().map(Vec::len), Some(10));
        // A driver types it with shift.
        assert_eq!(of("value", json!({ "text": "Ab" })), None);
        assert_eq!(of("clear", json!({})), None);
        assert_eq!(Input::of("POST", "/session/1/element", &json!({})), None);
    }
}
