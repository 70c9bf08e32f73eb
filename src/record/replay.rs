//! Which recorded answer a request gets. Pure but for its lock and the clock that is passed to it.

use super::matching::{Ignored, Key};
use super::read::read;
use super::tape::{Played, PlayedAnswer};
use crate::flow::{Content, Request, Response};
use crate::rules::Replayed;
use crate::sanitize::sanitize_line;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a request gets when all recorded answers of its kind were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Again {
    /// The last of them, again.
    #[default]
    Last,
    /// The first of them, as Playwright does.
    First,
    /// The flow fails, and with it the test.
    Fail,
}

/// What a request gets that is not in the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strangers {
    /// The flow fails, and with it the test; the failure has the nearest recorded request, and what differs.
    #[default]
    Fail,
    /// It goes to its server.
    Pass,
    /// A response with this status and without a body.
    Status(u16),
}

/// A recording that is replayed.
#[derive(Debug, Default)]
pub(crate) struct Tape(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    flows: Vec<Played>,
    keys: Vec<Key>,
    /// How often each was used.
    used: Vec<usize>,
    ignored: Ignored,
    again: Again,
    strangers: Strangers,
    is_strict: bool,
}

/// Headers of the connection that the recording was made on.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("alt-svc"),
];

impl Tape {
    /// Adds the flows of a file. The error is why it cannot be read, for people.
    pub(crate) fn add(&self, path: &Path) -> Result<(), String> {
        let bytes = fs::read(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        let flows = read(&bytes).map_err(|why| format!("{} cannot be replayed: {why}", path.display()))?;
        let mut state = self.lock();
        state.flows.extend(flows);
        state.used = vec![0; state.flows.len()];
        state.make_keys();
        Ok(())
    }

    /// Changes what is compared.
    pub(crate) fn ignore(&self, change: impl FnOnce(&mut Ignored)) {
        let mut state = self.lock();
        change(&mut state.ignored);
        state.make_keys();
    }

    pub(crate) fn set_again(&self, again: Again) {
        self.lock().again = again;
    }

    pub(crate) fn set_strangers(&self, strangers: Strangers) {
        self.lock().strangers = strangers;
    }

    pub(crate) fn be_strict(&self) {
        self.lock().is_strict = true;
    }

    /// Returns the recorded requests that were never made.
    pub(crate) fn unused(&self) -> Vec<String> {
        let state = self.lock();
        let unused = state.flows.iter().zip(&state.used).filter(|(_, used)| **used == 0);
        unused.map(|(flow, _)| sanitize_line(&format!("{} {}", flow.method, flow.url))).collect()
    }

    /// Returns the requests that were never made, if that is to fail the test.
    pub(crate) fn missed(&self) -> Vec<String> {
        let is_strict = self.lock().is_strict;
        if is_strict { self.unused() } else { Vec::new() }
    }

    /// Returns what the recording says to a request whose body was read.
    pub(crate) fn answer(&self, request: &Request, now: SystemTime) -> Replayed {
        let mut state = self.lock();
        let key = Key::of_request(request, &state.ignored);
        let same: Vec<_> = (0..state.flows.len()).filter(|at| key.is(&state.keys[*at])).collect();
        let Some((first, last)) = same.first().zip(same.last()) else { return state.stranger(&key) };
        let fresh = same.iter().find(|at| state.used[**at] == 0);
        let at = match (fresh, state.again) {
            (Some(at), _) => *at,
            (None, Again::Last) => *last,
            (None, Again::First) => *first,
            (None, Again::Fail) => {
                return Replayed::Stranger(format!("all {} recorded answers to this request were used", same.len()));
            }
        };
        state.used[at] += 1;
        let flow = &state.flows[at];
        match &flow.answer {
            None => Replayed::NoAnswer,
            Some(answer) => response(flow, answer, now),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_keys(&mut self) {
        self.keys = self.flows.iter().map(|flow| Key::of_played(flow, &self.ignored)).collect();
    }

    /// Answers a request that is not in the recording.
    fn stranger(&self, key: &Key) -> Replayed {
        match self.strangers {
            Strangers::Pass => Replayed::Pass,
            Strangers::Status(status) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::NOT_FOUND);
                Replayed::Answer(Box::new(Response::made(status, "")))
            }
            Strangers::Fail => {
                let differences = self.keys.iter().map(|known| key.differs_from(known)).enumerate();
                let nearest = differences.min_by_key(|(_, differences)| differences.len());
                let nearest = nearest.map_or_else(String::new, |(at, differences)| {
                    let flow = &self.flows[at];
                    format!("; the nearest is {} {}, but its {}", flow.method, flow.url, differences.join(", its "))
                });
                Replayed::Stranger(sanitize_line(&format!(
                    "the recording does not have this request{nearest}. Leave out what differs with `ignore_query(..)`, \
                     `ignore_json(..)` or `ignore_host()`, or let others pass with `strangers(Strangers::Pass)`"
                )))
            }
        }
    }
}

fn response(flow: &Played, answer: &PlayedAnswer, now: SystemTime) -> Replayed {
    let what = format!("{} {}", flow.method, flow.url);
    if answer.status == 101 {
        return Replayed::Stranger(format!(
            "{what} opens a WebSocket in the recording, and those cannot be replayed yet"
        ));
    }
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        return Replayed::Stranger(format!("{what} has the status {} in the recording", answer.status));
    };
    let has_no_body = flow.method == "HEAD" || [204, 304].contains(&answer.status);
    let Some(body) = answer.body.clone().or_else(|| has_no_body.then(Bytes::new)) else {
        return Replayed::Stranger(format!(
            "{what} has no body in the recording: it was not kept, or cannot be decoded"
        ));
    };
    let mut headers = answer.headers.clone();
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
    let passed = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() - flow.began;
    if flow.began > 0.0 && passed > 0.0 {
        refresh(&mut headers, Duration::from_secs_f64(passed));
    }
    let content = Content::Edited(body);
    Replayed::Answer(Box::new(Response { status, version: Version::HTTP_11, headers, content, elapsed: None }))
}

/// Moves dates by the time that has passed since the recording, as mitmproxy does: what was fresh then is fresh now.
fn refresh(headers: &mut HeaderMap, passed: Duration) {
    for name in [header::DATE, header::EXPIRES, header::LAST_MODIFIED] {
        let moved = headers.get(&name).and_then(|value| moved(value.to_str().ok()?, passed));
        if let Some(moved) = moved {
            headers.insert(name, moved);
        }
    }
    let cookies: Vec<_> =
        headers.get_all(header::SET_COOKIE).iter().map(|cookie| fresh_cookie(cookie, passed)).collect();
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

fn moved(date: &str, passed: Duration) -> Option<HeaderValue> {
    let at = httpdate::parse_http_date(date).ok()?;
    HeaderValue::from_str(&httpdate::fmt_http_date(at + passed)).ok()
}

fn fresh_cookie(cookie: &HeaderValue, passed: Duration) -> HeaderValue {
    let fresh = || {
        let text = cookie.to_str().ok()?;
        let at = text.to_ascii_lowercase().find("expires=")? + "expires=".len();
        let end = text[at..].find(';').map_or(text.len(), |end| at + end);
        // Some servers write it with hyphens.
        let date = moved(&text[at..end].replace('-', " "), passed)?;
        HeaderValue::from_str(&format!("{}{}{}", &text[..at], date.to_str().ok()?, &text[end..])).ok()
    };
    fresh().unwrap_or_else(|| cookie.clone())
}
