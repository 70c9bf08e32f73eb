//! Describes and classifies WebDriver commands. Pure (no I/O).

use crate::inspector::Protocol;
use crate::sanitize::placeholder;
use bytes::Bytes;
use http::Request;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How the test found each element, by the driver's element id.
pub(super) type Elements = BTreeMap<String, Locator>;

/// How an element was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Locator {
    pub(super) using: String,
    pub(super) value: String,
    /// Not in another element, so it can be found again.
    pub(super) in_whole_page: bool,
}

/// The key of element ids in WebDriver's JSON.
pub(super) const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Describes a command in words: `click #save` rather than `POST /session/4f../element/f.3/click`.
pub(super) fn describe(method: &str, path: &str, body: &Value, elements: &Elements, is_secret: bool) -> String {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let text = |key: &str| body[key].as_str().unwrap_or_default();
    let element = |id: &str| elements.get(id).map_or("an element", |locator| &locator.value);
    match (method, parts.as_slice()) {
        ("POST", ["session"]) => "new session".to_owned(),
        ("DELETE", ["session", _]) => "end session".to_owned(),
        ("POST", ["session", _, "url"]) => format!("goto {}", text("url")),
        ("POST", ["session", _, "element"]) => format!("find {}", text("value")),
        ("POST", ["session", _, "elements"]) => format!("find all {}", text("value")),
        ("POST", ["session", _, "element", id, "click"]) => format!("click {}", element(id)),
        ("POST", ["session", _, "element", id, "value"]) if is_secret => {
            format!("type {} into {}", placeholder(text("text")), element(id))
        }
        ("POST", ["session", _, "element", id, "value"]) => typed(text("text"), element(id)),
        ("GET", ["session", _, "element", id, what @ ..]) => format!("{} of {}", what.join(" "), element(id)),
        ("POST", ["session", _, "execute", _]) => format!("execute {}", one_line(text("script"))),
        (_, ["session", _, rest @ ..]) => rest.join(" "),
        _ => format!("{method} {path}"),
    }
}

/// Describes typed text; keys without a character have their names (WebDriver, section 17.4.2).
fn typed(text: &str, into: &str) -> String {
    let mut chars = text.chars();
    match (chars.next().and_then(key), chars.next()) {
        (Some(key), None) => format!("press {key} in {into}"),
        _ => {
            let named = text.chars().map(|char| key(char).map_or_else(|| char.to_string(), |key| format!("<{key}>")));
            format!("type {:?} into {into}", named.collect::<String>())
        }
    }
}

/// Returns the name of a key that types no character.
fn key(char: char) -> Option<&'static str> {
    Some(match char {
        '\u{e001}' => "Cancel",
        '\u{e002}' => "Help",
        '\u{e003}' => "Backspace",
        '\u{e004}' => "Tab",
        '\u{e005}' => "Clear",
        '\u{e006}' => "Return",
        '\u{e007}' => "Enter",
        '\u{e008}' | '\u{e050}' => "Shift",
        '\u{e009}' | '\u{e051}' => "Control",
        '\u{e00a}' | '\u{e052}' => "Alt",
        '\u{e00b}' => "Pause",
        '\u{e00c}' => "Escape",
        '\u{e00d}' => "Space",
        '\u{e00e}' => "PageUp",
        '\u{e00f}' => "PageDown",
        '\u{e010}' => "End",
        '\u{e011}' => "Home",
        '\u{e012}' => "ArrowLeft",
        '\u{e013}' => "ArrowUp",
        '\u{e014}' => "ArrowRight",
        '\u{e015}' => "ArrowDown",
        '\u{e016}' => "Insert",
        '\u{e017}' => "Delete",
        '\u{e03d}' | '\u{e053}' => "Meta",
        _ => return None,
    })
}

/// A script that returns whether text typed into the element is a secret.
pub(super) const IS_SECRET: &str =
    "return arguments[0].type == 'password' || /password|one-time-code|^cc-/.test(arguments[0].autocomplete || '')";

/// Returns the element that a command types into.
pub(super) fn typed_into<'a>(method: &str, path: &'a str) -> Option<&'a str> {
    (method == "POST" && path.ends_with("/value")).then(|| element_of(path)).flatten()
}

/// The role of a command for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Acts like a user, and competes with what the network does.
    Action,
    /// Looks for something that may not exist yet.
    Precondition,
    /// Reads the current state.
    Observation,
    /// Concerns the session and not a page.
    Session,
    /// No command: whether anything can still happen.
    Question,
}

/// Classifies a command by the endpoints of the WebDriver recommendation.
pub(super) fn kind(method: &str, path: &str) -> Kind {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let ["session", _, rest @ ..] = parts.as_slice() else { return Kind::Session };
    match (method, rest) {
        ("POST", ["url" | "back" | "forward" | "refresh"] | ["alert", _] | ["actions"]) => Kind::Action,
        ("POST", ["element", _, "click" | "clear" | "value"]) => Kind::Action,
        ("DELETE", ["actions"]) => Kind::Action,
        ("POST", [.., "element" | "elements"] | ["frame", ..]) => Kind::Precondition,
        ("POST", ["execute", _] | ["print"]) => Kind::Observation,
        ("GET", ["url" | "title" | "source" | "screenshot"] | ["element" | "cookie" | "alert", ..]) => {
            Kind::Observation
        }
        _ => Kind::Session,
    }
}

/// Returns whether a command changes nothing but what ends with the windows of its test. Others may change the session
/// (timeouts, a window's size in Firefox, whatever is of one browser only), or are unknown.
pub(super) fn leaves_session_unchanged(method: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method, parts.as_slice()) {
        // Sessions are created by Holdup.
        ("POST", ["session"]) | ("GET", _) => true,
        ("POST", ["session", _, rest @ ..]) => matches!(
            rest,
            ["url"
                | "back"
                | "forward"
                | "refresh"
                | "actions"
                | "cookie"
                | "print"
                | "window"
                | "element"
                | "elements"]
                | ["frame" | "alert" | "execute" | "element" | "shadow", ..]
                | ["window", "new"]
        ),
        ("DELETE", ["session", _, rest @ ..]) => matches!(rest, ["actions" | "window"] | ["cookie", ..]),
        _ => false,
    }
}

/// Returns the command that runs a script in the document of a session.
pub(super) fn execute(session: &str, script: &str) -> Result<Request<Bytes>, String> {
    let body = Bytes::from(json!({ "script": script, "args": [] }).to_string());
    Request::post(format!("/session/{session}/execute/sync")).body(body).map_err(|error| error.to_string())
}

/// Returns the method, and the name of the cookie, of a command about cookies.
pub(super) fn about_cookies<'a>(method: &'a str, path: &str) -> Option<(&'a str, Option<String>)> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match parts.as_slice() {
        ["session", _, "cookie"] => Some((method, None)),
        ["session", _, "cookie", name] => {
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            Some((method, Some(name)))
        }
        _ => None,
    }
}

/// Returns whether the response of a command is a list of windows.
pub(super) fn lists_windows(method: &str, path: &str) -> bool {
    (method == "GET" && path.ends_with("/window/handles")) || (method == "DELETE" && path.ends_with("/window"))
}

/// Returns whether a command opens a page and waits until it has loaded.
pub(super) fn opens_page(method: &str, path: &str) -> bool {
    let last = path.rsplit('/').next();
    method == "POST" && matches!(last, Some("url" | "refresh" | "back" | "forward"))
}

/// Returns whether a command runs a script and waits for the promise that it returns.
pub(super) fn runs_script(method: &str, path: &str) -> bool {
    method == "POST" && path.contains("/execute/")
}

/// Records the locator of a found element, to describe later commands in the test's words.
pub(super) fn remember(path: &str, request: &Value, response: &Value, elements: &mut Elements) {
    let text = |key: &str| request[key].as_str().map(str::to_owned);
    if let (Some(using), Some(value), Some(id)) = (text("using"), text("value"), found(response)) {
        elements.insert(id.to_owned(), Locator { using, value, in_whole_page: path.matches('/').count() == 3 });
    }
}

/// Returns the id of the element that was found.
pub(super) fn found(response: &Value) -> Option<&str> {
    response["value"][ELEMENT].as_str()
}

/// Returns the element that a command concerns.
pub(super) fn element_of(path: &str) -> Option<&str> {
    let mut parts = path.trim_matches('/').split('/');
    parts.find(|part| *part == "element")?;
    parts.next()
}

/// Returns whether a command failed because the page was not ready yet or had moved on.
pub(super) fn is_early(response: &Value) -> bool {
    const EARLY: [&str; 5] = [
        "no such element",
        "stale element reference",
        "element not interactable",
        "element click intercepted",
        "no such alert",
    ];
    response["value"]["error"].as_str().is_some_and(|error| EARLY.contains(&error))
}

/// Returns the session that was created, and how it can be queried beside its commands.
pub(super) fn begun(response: &[u8]) -> Option<(String, Protocol)> {
    let said: Value = serde_json::from_slice(response).ok()?;
    let (session, capabilities) = (said["value"]["sessionId"].as_str()?, &said["value"]["capabilities"]);
    let bidi = capabilities["webSocketUrl"].as_str().map(|url| Protocol::Bidi(url.to_owned()));
    let profile = || capabilities["chrome"]["userDataDir"].as_str().map(|profile| Protocol::DevTools(profile.into()));
    Some((session.to_owned(), bidi.or_else(profile)?))
}

fn one_line(script: &str) -> String {
    const WIDTH: usize = 60;
    let line = script.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(WIDTH) {
        None => line,
        Some((cut, _)) => format!("{}..", &line[..cut]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_click_names_what_was_found() {
        let mut elements = Elements::new();
        remember(
            "/session/1/element",
            &json!({"using": "css selector", "value": "#save"}),
            &json!({"value": {ELEMENT: "f.1"}}),
            &mut elements,
        );
        assert_eq!(describe("POST", "/session/1/element/f.1/click", &json!({}), &elements, false), "click #save");
        assert_eq!(describe("GET", "/session/1/element/f.1/text", &json!({}), &elements, false), "text of #save");
        assert_eq!(
            describe("POST", "/session/1/url", &json!({"url": "https://a/"}), &elements, false),
            "goto https://a/"
        );
        assert_eq!(describe("POST", "/session/1/back", &json!({}), &elements, false), "back");
        let typed = |is_secret| {
            describe("POST", "/session/1/element/f.1/value", &json!({"text": "Passw0rd"}), &elements, is_secret)
        };
        assert_eq!(typed(false), "type \"Passw0rd\" into #save");
        assert!(!typed(true).contains("Passw0rd"), "{}", typed(true));
    }

    #[test]
    fn commands_are_told_apart() {
        for (method, path, expected) in [
            ("POST", "/session/1/url", Kind::Action),
            ("POST", "/session/1/element/f.1/click", Kind::Action),
            ("POST", "/session/1/element", Kind::Precondition),
            ("POST", "/session/1/element/f.1/elements", Kind::Precondition),
            ("GET", "/session/1/element/f.1/text", Kind::Observation),
            ("POST", "/session/1/execute/sync", Kind::Observation),
            ("GET", "/session/1/title", Kind::Observation),
            ("POST", "/session", Kind::Session),
            ("DELETE", "/session/1", Kind::Session),
            ("GET", "/session/1/window", Kind::Session),
        ] {
            assert_eq!(kind(method, path), expected, "{method} {path}");
        }
    }
}
