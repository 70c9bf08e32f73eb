//! What a person does in a page, as the page's script `actions.js` reports it.

use crate::sanitize::sanitize_line;
use serde_json::Value;
use std::fmt;

/// What a message of the console begins with that is such a report.
pub(crate) const MARK: &str = "holdup:action";

/// One thing that a person has done in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageAction {
    pub(crate) kind: ActionKind,
    /// A CSS selector that is of this element alone.
    pub(crate) at: String,
    /// Whether the element is in a frame, or in a shadow tree: `at` leads to its host.
    pub(crate) is_inner: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActionKind {
    Click,
    /// Text was typed at the end.
    Type(String),
    /// The text was replaced as a whole.
    Fill(String),
    /// The same, of a field whose text is not shown.
    Secret,
    Press(Key),
    /// The option with this text was chosen.
    Choose(String),
}

/// A key that is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// As DOM events have it: `Enter`.
    pub(crate) name: &'static str,
    /// The character that WebDriver takes for it.
    pub(crate) code: char,
}

/// The keys that are reported.
const KEYS: [(&str, char); 6] = [
    ("Enter", '\u{e007}'),
    ("Escape", '\u{e00c}'),
    ("Tab", '\u{e004}'),
    ("ArrowUp", '\u{e013}'),
    ("ArrowDown", '\u{e015}'),
    (" ", ' '),
];

impl Key {
    pub(crate) fn named(name: &str) -> Option<Self> {
        KEYS.into_iter().find(|(known, _)| *known == name).map(|(name, code)| Self { name, code })
    }
}

impl PageAction {
    /// Reads a message of the console.
    pub(crate) fn read(message: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(message.strip_prefix(MARK)?.trim_start()).ok()?;
        let text = || told["text"].as_str().unwrap_or_default().to_owned();
        let kind = match told["kind"].as_str()? {
            "click" => ActionKind::Click,
            "type" => ActionKind::Type(text()),
            "fill" => ActionKind::Fill(text()),
            "secret" => ActionKind::Secret,
            // A page can say the same: what it says becomes code.
            "press" => ActionKind::Press(Key::named(&text())?),
            "choose" => ActionKind::Choose(text()),
            _ => return None,
        };
        Some(Self { kind, at: told["at"].as_str()?.to_owned(), is_inner: told["inner"] == true })
    }

    /// Returns how many bytes the texts have.
    pub(super) fn size(&self) -> usize {
        self.at.len()
            + match &self.kind {
                ActionKind::Type(text) | ActionKind::Fill(text) | ActionKind::Choose(text) => text.len(),
                ActionKind::Click | ActionKind::Secret | ActionKind::Press(_) => 0,
            }
    }
}

/// `clicks #save`
impl fmt::Display for PageAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = sanitize_line(&self.at);
        match &self.kind {
            ActionKind::Click => write!(f, "clicks {at}"),
            ActionKind::Type(text) => write!(f, "types {:?} into {at}", sanitize_line(text)),
            ActionKind::Fill(text) => write!(f, "fills {at} with {:?}", sanitize_line(text)),
            ActionKind::Secret => write!(f, "fills {at}"),
            ActionKind::Press(key) => write!(f, "presses {:?} in {at}", key.name),
            ActionKind::Choose(value) => write!(f, "chooses {:?} in {at}", sanitize_line(value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reports_are_read() {
        let said = |text: &str| PageAction::read(text).map(|action| action.to_string());
        let typed = r##"holdup:action {"kind":"type","at":"#q","text":"ab"}"##;
        assert_eq!(said(typed).as_deref(), Some("types \"ab\" into #q"));
        let hostile = r#"holdup:action {"kind":"press","at":"a","text":"x\nstd::process::exit(1)"}"#;
        for other in ["holdup:action", "holdup:action {", "hello", r#"holdup:action {"kind":"x","at":"a"}"#, hostile] {
            assert_eq!(said(other), None, "{other}");
        }
    }
}
