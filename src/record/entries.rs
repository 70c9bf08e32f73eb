//! The entries of a recording, and which of them a request gets. Pure.

use super::matching::{Ignored, Key};
use super::played::Played;
use crate::flow::{Request, Response};
use crate::rules::{Replayed, ReplayedAnswer};
use crate::sanitize::sanitize_line;
use http::{HeaderValue, Method, StatusCode, header};
use std::time::Duration;

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

/// Recorded flows, and which of them were used.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) flows: Vec<Played>,
    keys: Vec<Key>,
    /// How often each was used.
    used: Vec<usize>,
    ignored: Ignored,
    pub(super) again: Again,
    pub(super) strangers: Strangers,
}

impl Entries {
    pub(super) fn add(&mut self, flows: Vec<Played>) {
        self.flows.extend(flows);
        self.used.resize(self.flows.len(), 0);
        self.make_keys();
    }

    /// Changes what is compared.
    pub(super) fn ignore(&mut self, change: impl FnOnce(&mut Ignored)) {
        change(&mut self.ignored);
        self.make_keys();
    }

    /// Returns the requests that were never made.
    pub(super) fn unused(&self) -> Vec<String> {
        let unused = self.flows.iter().zip(&self.used).filter(|(_, used)| **used == 0);
        unused.map(|(flow, _)| sanitize_line(&flow.name())).collect()
    }

    /// Returns the positions of the entries that were used.
    pub(super) fn used(&self) -> impl Iterator<Item = usize> {
        self.used.iter().enumerate().filter(|(_, used)| **used > 0).map(|(at, _)| at)
    }

    /// Counts that an entry is used, and returns how often it was.
    pub(super) fn take(&mut self, at: usize) -> usize {
        self.used[at] += 1;
        self.used[at]
    }

    /// Returns whether an entry has the method and the path of a request.
    pub(super) fn reads(&self, request: &Request) -> bool {
        let path = request.path();
        let is_like = |flow: &Played| flow.method == request.method().as_str() && flow.url.contains(path);
        // What was masked can be anything.
        self.flows.iter().any(|flow| is_like(flow) || flow.url.contains("<masked "))
    }

    /// Answers the question of a browser that its recorder did not write down, as Playwright does not: may another origin
    /// ask this?
    fn preflight(&self, request: &Request) -> Option<Replayed> {
        let method = request.header("access-control-request-method").filter(|_| request.method() == Method::OPTIONS)?;
        let is_asked = |flow: &Played| flow.method == method && flow.url.contains(request.path());
        self.flows.iter().find(|flow| is_asked(flow))?;
        let mut response = Response::made(StatusCode::NO_CONTENT, "");
        let origin = request.header("origin").unwrap_or("*");
        let headers = request.header("access-control-request-headers").unwrap_or_default();
        let allowed = [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, origin),
            (header::ACCESS_CONTROL_ALLOW_METHODS, method),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, headers),
            (header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true"),
        ];
        for (name, value) in allowed {
            response.set_header(name, HeaderValue::from_str(value).ok()?);
        }
        Some(answer(response))
    }

    /// Returns the position of the entry that a request gets, or what it gets instead.
    pub(super) fn find(&self, request: &Request) -> Result<usize, Replayed> {
        let key = Key::of_request(request, &self.ignored);
        let same: Vec<_> = (0..self.flows.len()).filter(|at| key.is(&self.keys[*at])).collect();
        let same = self.not_only_cached(request, same);
        let Some((first, last)) = same.first().zip(same.last()) else {
            return Err(self.preflight(request).unwrap_or_else(|| self.stranger(&key)));
        };
        let fresh = same.iter().find(|at| self.used[**at] == 0);
        match (fresh, self.again) {
            (Some(at), _) => Ok(*at),
            (None, Again::Last) => Ok(*last),
            (None, Again::First) => Ok(*first),
            (None, Again::Fail) => Err(Replayed::Stranger(format!(
                "all {} recorded answers to this request were used; `again(Again::Last)` gives the last again",
                same.len()
            ))),
        }
    }

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
                answer(Response::made(status, ""))
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

fn answer(response: Response) -> Replayed {
    let response = Ok(response);
    Replayed::Answer(Box::new(ReplayedAnswer { response, script: None, after: Duration::ZERO, turn: None }))
}

#[cfg(test)]
mod tests {
    use super::super::played::PlayedAnswer;
    use super::*;

    fn flow(status: u16) -> Played {
        let answer = PlayedAnswer { status, ..PlayedAnswer::default() };
        Played { method: "GET".to_owned(), url: "https://a/".to_owned(), answer: Some(answer), ..Played::default() }
    }

    #[test]
    fn a_browser_without_a_cache_gets_no_304() {
        let mut entries = Entries::default();
        entries.add(vec![flow(304), flow(302), flow(304)]);
        let mut status = |request: &Request| {
            let at = entries.find(request).unwrap_or(usize::MAX);
            entries.take(at);
            entries.flows[at].answer.as_ref().map(|answer| answer.status)
        };
        let plain = Request::new("GET", "https://a/").expect("a request");
        let cached = plain.clone().with_header("if-none-match", "x").expect("a header");
        let statuses = [status(&plain), status(&plain), status(&cached), status(&cached)];
        assert_eq!(statuses, [302, 302, 304, 304].map(Some));
    }
}
