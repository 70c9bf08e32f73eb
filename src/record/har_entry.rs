//! What an entry of a HAR says about its time, its end, and the parts of its stream. Pure.

use super::played::{Parked, PlayedPart};
use crate::flow::Direction;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

/// When a flow began, was answered, and ended, in seconds since 1970.
pub(super) struct Times {
    pub(super) began: Option<f64>,
    pub(super) answered: Option<f64>,
    pub(super) ended: Option<f64>,
}

impl Times {
    pub(super) fn of(entry: &Value) -> Self {
        let own = &entry["_holdup"]["times"];
        let began = own["request"].as_f64().or_else(|| began(entry));
        let timing = |name: &str| entry["timings"][name].as_f64().filter(|ms| *ms > 0.0).unwrap_or(0.0);
        // `connect` contains `ssl`.
        let to_head: f64 = ["blocked", "dns", "connect", "send", "wait"].into_iter().map(timing).sum();
        let after = |ms: f64| began.map(|began| began + ms / 1e3);
        let time = entry["time"].as_f64().filter(|ms| *ms >= 0.0).unwrap_or(to_head);
        Self {
            began,
            answered: own["answer"].as_f64().or_else(|| after(to_head)),
            ended: own["end"].as_f64().or_else(|| after(time)),
        }
    }
}

/// Returns whether the client gave the request up, in the words of Chrome, Playwright and this crate.
pub(super) fn was_left(entry: &Value) -> bool {
    let response = &entry["response"];
    let said = [&response["_error"], &response["_failureText"], &entry["_failureText"]];
    let own = &entry["_holdup"];
    // What was under way when the recording ended has no outcome.
    let is_unfinished = own.is_object() && !own["outcome"].is_string();
    is_unfinished || own["outcome"] == "client gone" || said.into_iter().any(|said| said == "net::ERR_ABORTED")
}

/// Returns whether a browser answered this by itself: from its cache, or `data:`.
pub(super) fn never_left_the_browser(entry: &Value) -> bool {
    let is_sent = |url: &str| ["http:", "https:", "ws:", "wss:"].iter().any(|scheme| url.starts_with(scheme));
    entry["_fromCache"].is_string() || entry["request"]["url"].as_str().is_some_and(|url| !is_sent(url))
}

/// The first number of seconds that must be milliseconds instead, as Playwright writes them.
const MILLISECONDS: f64 = 1e11;

/// Returns the messages of a WebSocket.
pub(super) fn messages(messages: &Value) -> Vec<PlayedPart> {
    let message = |message: &Value| {
        // Chrome lists errors and pings, too.
        let (data, opcode) = (message["data"].as_str()?, message["opcode"].as_i64().unwrap_or(1));
        if !matches!(opcode, 1 | 2) || !matches!(message["type"].as_str(), Some("send" | "receive")) {
            return None;
        }
        let is_text = opcode != 2;
        let content =
            if is_text { Bytes::from(data.to_owned()) } else { BASE64_STANDARD.decode(data).ok().map(Bytes::from)? };
        let at = message["time"].as_f64().map(|time| if time > MILLISECONDS { time / 1e3 } else { time });
        let direction = if message["type"] == "send" { Direction::ToServer } else { Direction::ToClient };
        let is_there = message["_dropped"] != true || direction == Direction::ToServer;
        is_there.then_some(PlayedPart { at, direction, is_text, content })
    };
    messages.as_array().into_iter().flatten().filter_map(message).collect()
}

/// Returns the rules that have parked a flow, with their lines.
pub(super) fn parked(own: &Value) -> Vec<Parked> {
    let text = |parked: &Value, key: &str| parked[key].as_str().unwrap_or_default().to_owned();
    let parked = |it: &Value| Parked { stage: text(it, "stage"), rule: text(it, "rule"), line: text(it, "line") };
    own["parked"].as_array().into_iter().flatten().map(parked).collect()
}

fn began(entry: &Value) -> Option<f64> {
    let date = time::OffsetDateTime::parse(entry["startedDateTime"].as_str()?, &Rfc3339).ok()?;
    Some(date.unix_timestamp_nanos() as f64 / 1e9)
}

/// Returns server-sent events as they were sent.
pub(super) fn stream(events: &Value) -> Option<Bytes> {
    let mut text = String::new();
    for event in events.as_array().filter(|events| !events.is_empty())? {
        for (field, key) in [("event", "eventName"), ("id", "eventId")] {
            if let Some(value) = event[key].as_str().filter(|value| !value.is_empty()) {
                text.push_str(&format!("{field}: {value}\n"));
            }
        }
        for line in event["data"].as_str().unwrap_or_default().split('\n') {
            text.push_str(&format!("data: {line}\n"));
        }
        text.push('\n');
    }
    Some(text.into())
}
