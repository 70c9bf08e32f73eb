//! Which recorded answer a request gets. Pure but for its lock and the clock that is passed to it.

use super::matching::{Ignored, Key};
use super::played::{Played, PlayedAnswer};
use crate::flow::{Content, Request, Response};
use crate::rules::Replayed;
use crate::sanitize::sanitize_line;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{StatusCode, Version};
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
pub(crate) struct Playback(Mutex<State>);

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

/// The first second that is no date of HTTP.
const YEAR_10000: u64 = 253_402_300_800;

/// Headers of the connection that the recording was made on.
const OF_CONNECTION: [HeaderName; 6] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("alt-svc"),
];

impl Playback {
    /// Adds recorded flows.
    pub(crate) fn add(&self, flows: Vec<Played>) {
        let mut state = self.lock();
        state.flows.extend(flows);
        let flows = state.flows.len();
        state.used.resize(flows, 0);
        state.make_keys();
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
        let same = state.not_only_cached(request, same);
        let Some((first, last)) = same.first().zip(same.last()) else { return state.stranger(&key) };
        let fresh = same.iter().find(|at| state.used[**at] == 0);
        let at = match (fresh, state.again) {
            (Some(at), _) => *at,
            (None, Again::Last) => *last,
            (None, Again::First) => *first,
            (None, Again::Fail) => {
                return Replayed::Stranger(format!(
                    "all {} recorded answers to this request were used; `again(Again::Last)` gives the last again",
                    same.len()
                ));
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
    /// Leaves out answers that say that the browser has it already, if it does not say so now.
    fn not_only_cached(&self, request: &Request, same: Vec<usize>) -> Vec<usize> {
        let status = |at: &usize| self.flows[*at].answer.as_ref().map(|answer| answer.status);
        let is_conditional =
            [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE].iter().any(|name| request.headers().contains_key(name));
        let full: Vec<_> = same.iter().copied().filter(|at| status(at) != Some(304)).collect();
        if is_conditional || full.is_empty() { same } else { full }
    }

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
                let nearest = (0..self.keys.len()).min_by_key(|at| key.distance_to(&self.keys[*at]));
                let nearest = nearest.map_or_else(String::new, |at| {
                    let (flow, differences) = (&self.flows[at], key.differs_from(&self.keys[at]));
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
            "{what} opens a WebSocket in the recording, and those cannot be replayed yet: respond to it by a rule that stands \
             before `mitm.replay`"
        ));
    }
    let Ok(status) = StatusCode::from_u16(answer.status) else {
        return Replayed::Stranger(format!("{what} has the status {} in the recording", answer.status));
    };
    let has_no_body = flow.method == "HEAD" || status == StatusCode::NO_CONTENT || status.is_redirection();
    let Some(body) = answer.body.clone().or_else(|| has_no_body.then(Bytes::new)) else {
        return Replayed::Stranger(format!(
            "{what} has no whole body in the recording. Record it again, with `mitm.keep_bodies(each, all)` if it is large"
        ));
    };
    let mut headers = answer.headers.clone();
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
    remove_masked_cookies(&mut headers);
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    if let Some(began) = flow.began.filter(|began| *began > 0.0 && *began < now) {
        refresh(&mut headers, Duration::from_secs_f64(now - began));
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
    set_cookies(headers, cookies);
}

fn set_cookies(headers: &mut HeaderMap, cookies: Vec<HeaderValue>) {
    headers.remove(header::SET_COOKIE);
    for cookie in cookies {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Of a masked cookie, neither the name nor the value is known.
fn remove_masked_cookies(headers: &mut HeaderMap) {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let known: Vec<_> = cookies.filter(|cookie| !cookie.as_bytes().starts_with(b"<masked ")).cloned().collect();
    set_cookies(headers, known);
}

fn moved(date: &str, passed: Duration) -> Option<HeaderValue> {
    let at = httpdate::parse_http_date(date).ok()? + passed;
    // Never: "Fri, 31 Dec 9999", as many cookies have it, stays what it is.
    let is_date = at.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() < YEAR_10000);
    is_date.then(|| HeaderValue::from_str(&httpdate::fmt_http_date(at)).ok())?
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

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(status: u16) -> Played {
        let answer = PlayedAnswer { status, headers: HeaderMap::new(), body: None };
        Played { method: "GET".to_owned(), url: "https://a/".to_owned(), answer: Some(answer), ..Played::default() }
    }

    #[test]
    fn a_browser_without_a_cache_gets_no_304() {
        let mut state = State { flows: vec![flow(304), flow(302), flow(304)], used: vec![0; 3], ..State::default() };
        state.make_keys();
        let playback = Playback(Mutex::new(state));
        let status = |request: &Request| match playback.answer(request, SystemTime::now()) {
            Replayed::Answer(response) => response.status().as_u16(),
            _ => 0,
        };
        let plain = Request::new("GET", "https://a/").expect("a request");
        let cached = plain.clone().with_header("if-none-match", "x").expect("a header");
        assert_eq!([status(&plain), status(&plain), status(&cached), status(&cached)], [302, 302, 304, 304]);
    }

    #[test]
    fn dates_are_moved_unless_they_mean_never() {
        let hour = Duration::from_secs(3600);
        let moved = |date: &str| moved(date, hour).map(|date| date.to_str().unwrap_or_default().to_owned());
        assert_eq!(moved("Sat, 28 Nov 2026 09:00:00 GMT").as_deref(), Some("Sat, 28 Nov 2026 10:00:00 GMT"));
        assert_eq!((moved("Fri, 31 Dec 9999 23:59:59 GMT"), moved("0")), (None, None));
        let cookie = |text: &'static str| fresh_cookie(&HeaderValue::from_static(text), hour);
        assert_eq!(
            cookie("a=1; Expires=Sat, 28-Nov-2026 09:00:00 GMT; Path=/"),
            "a=1; Expires=Sat, 28 Nov 2026 10:00:00 GMT; Path=/"
        );
        for same in ["a=1; expires=Fri, 31-Dec-9999 23:59:59 GMT", "a=1", "a=1; expires="] {
            assert_eq!(cookie(same), same);
        }
    }
}
