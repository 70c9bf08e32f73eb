//! What pages log, the errors that they do not catch, and which scripts make requests, as DevTools and BiDi report it:
//! into the journal of the test that has the session.

use super::{initiator, text};
use crate::journal::{ConsoleLevel, ConsoleMessage, Event, Journal, PageAction};
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many messages of a test, and how many uncaught errors, are journaled: a page that logs without end must not fill
/// the journal.
const MOST: usize = 2000;

/// Where messages go.
#[derive(Clone, Debug, Default)]
pub(super) struct Console {
    recipient: Arc<Mutex<Option<Recipient>>>,
    /// Whether pages report what a person does.
    reads_actions: Arc<AtomicBool>,
}

/// The journal of the current test, and how many messages, uncaught errors and requests of scripts it has.
#[derive(Debug)]
struct Recipient {
    journal: Arc<Journal>,
    messages: usize,
    errors: usize,
    requests: usize,
}

impl Console {
    pub(super) fn report_to(&self, journal: Option<Arc<Journal>>) {
        let recipient = journal.map(|journal| Recipient { journal, messages: 0, errors: 0, requests: 0 });
        *self.lock() = recipient;
    }

    /// Reads what a person does from now on.
    pub(super) fn read_actions(&self) {
        self.reads_actions.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recipient>> {
        self.recipient.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Journals an event, if it is a message or a request of a script.
    pub(super) fn note(&self, event: &Value) {
        let (message, requested) = (message(event), initiator::requested(event));
        if message.is_none() && requested.is_none() {
            return;
        }
        let reported = message.as_ref().filter(|_| self.reads_actions.load(Ordering::Relaxed));
        let action = reported.and_then(|message| PageAction::read(message.text()));
        if let Some(recipient) = &mut *self.lock() {
            match action {
                Some(action) => recipient.journal.write(Event::Acted { action }),
                None => message.into_iter().for_each(|message| recipient.take(message)),
            }
            requested.into_iter().for_each(|requested| recipient.take_request(requested));
        }
    }
}

impl Recipient {
    fn take_request(&mut self, requested: Event) {
        self.requests += 1;
        if self.requests <= MOST {
            self.journal.write(requested);
        }
    }

    fn take(&mut self, message: ConsoleMessage) {
        let level = message.level();
        let count = if level == ConsoleLevel::Uncaught { &mut self.errors } else { &mut self.messages };
        *count += 1;
        let message = match *count {
            ..MOST => message,
            MOST => {
                let text = format!("{MOST} such messages have been logged; later ones are not recorded");
                ConsoleMessage::new(level.max(ConsoleLevel::Warning), &text, None)
            }
            _ => return,
        };
        self.journal.write(Event::Console { message });
    }
}

fn message(event: &Value) -> Option<ConsoleMessage> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.consoleAPICalled" => {
            let words: Vec<_> = params["args"].as_array().into_iter().flatten().map(argument).collect();
            let source = place(&params["stackTrace"]["callFrames"][0]);
            Some(ConsoleMessage::new(level(&text(&params["type"])), &words.join(" "), source.as_deref()))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let said = details["exception"]["description"].as_str().or(details["exception"]["value"].as_str());
            let said = without_stack(said.or(details["text"].as_str()).unwrap_or_default());
            let said = said.strip_prefix("Uncaught ").unwrap_or(&said);
            Some(ConsoleMessage::new(ConsoleLevel::Uncaught, said, place(details).as_deref()))
        }
        "Log.entryAdded" if !is_own_request(&params["entry"]) => {
            let entry = &params["entry"];
            Some(ConsoleMessage::new(level(&text(&entry["level"])), &text(&entry["text"]), place(entry).as_deref()))
        }
        "log.entryAdded" => {
            let is_error = params["type"] == "javascript" && params["level"] == "error";
            let is_thrown = is_error && is_thrown(params);
            let level = if is_thrown { ConsoleLevel::Uncaught } else { level(&text(&params["level"])) };
            Some(ConsoleMessage::new(
                level,
                &text(&params["text"]),
                place(&params["stackTrace"]["callFrames"][0]).as_deref(),
            ))
        }
        _ => None,
    }
}

/// Whether a script has thrown it: what Firefox itself reports about a page has the same type, but neither a stack nor the
/// name of an error.
fn is_thrown(entry: &Value) -> bool {
    let text = entry["text"].as_str().unwrap_or_default();
    let name = text.split(':').next().unwrap_or_default();
    let names_error = ["Error", "Exception"].iter().any(|end| name.ends_with(end)) && !name.contains(' ');
    let has_stack = entry["stackTrace"]["callFrames"].as_array().is_some_and(|frames| !frames.is_empty());
    has_stack || names_error || text.starts_with("uncaught exception")
}

/// Whether the browser complains about its own request for an icon, which the proxy answers with 404.
fn is_own_request(entry: &Value) -> bool {
    entry["source"] == "network" && entry["url"].as_str().is_some_and(|url| url.ends_with("/favicon.ico"))
}

fn level(name: &str) -> ConsoleLevel {
    match name {
        "error" | "assert" => ConsoleLevel::Error,
        "warning" | "warn" => ConsoleLevel::Warning,
        "debug" | "verbose" | "trace" => ConsoleLevel::Debug,
        _ => ConsoleLevel::Info,
    }
}

/// An argument of `console.log`, as DevTools shows it.
fn argument(value: &Value) -> String {
    let said = &value["value"];
    match said.as_str().or(value["unserializableValue"].as_str()) {
        Some(text) => text.to_owned(),
        None if value["description"].is_string() => without_stack(&text(&value["description"])),
        None if said.is_null() => text(&value["type"]),
        None => said.to_string(),
    }
}

/// Removes the stack that Chromium writes after the message of an error.
fn without_stack(said: &str) -> String {
    let lines = said.lines().take_while(|line| !line.starts_with("    at "));
    lines.collect::<Vec<_>>().join("\n")
}

/// The script and its line, counted from 1.
fn place(at: &Value) -> Option<String> {
    let url = at["url"].as_str().filter(|url| !url.is_empty())?;
    let line = at["lineNumber"].as_u64().map(|line| format!(":{}", line + 1));
    Some(url.to_owned() + line.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_of_both_protocols_are_read() {
        let said = |event: Value| message(&event).map(|message| message.to_string());
        let thrown = json!({ "method": "Runtime.exceptionThrown", "params": { "exceptionDetails": {
            "text": "Uncaught", "url": "https://a/app.js", "lineNumber": 11,
            "exception": { "description": "TypeError: x is undefined\n    at https://a/app.js:12:3" } } } });
        assert_eq!(said(thrown).as_deref(), Some("uncaught: TypeError: x is undefined (at https://a/app.js:12)"));
        let logged = json!({ "method": "Runtime.consoleAPICalled", "params": { "type": "warning",
            "args": [{ "type": "string", "value": "late" }, { "type": "number", "value": 3 }, { "type": "undefined" }] } });
        assert_eq!(said(logged).as_deref(), Some("warning: late 3 undefined"));
        let refused = json!({ "method": "Log.entryAdded", "params": { "entry": {
            "source": "security", "level": "error", "text": "Refused to load" } } });
        assert_eq!(said(refused).as_deref(), Some("error: Refused to load"));
        let icon = json!({ "method": "Log.entryAdded", "params": { "entry": {
            "source": "network", "level": "error", "text": "404", "url": "https://a/favicon.ico" } } });
        assert_eq!(said(icon), None);
        let bidi = json!({ "method": "log.entryAdded", "params": { "type": "javascript", "level": "error", "text": "Error: no" } });
        assert_eq!(said(bidi).as_deref(), Some("uncaught: Error: no"));
        let blocked = json!({ "method": "log.entryAdded", "params": {
            "type": "javascript", "level": "error", "text": "Content-Security-Policy: blocked an Error: no" } });
        assert_eq!(said(blocked).as_deref(), Some("error: Content-Security-Policy: blocked an Error: no"));
        assert_eq!(said(json!({ "method": "Page.loadEventFired", "params": {} })), None);
    }
}
