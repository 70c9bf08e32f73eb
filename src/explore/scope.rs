//! Which flows an exploration orders. Pure.

use crate::filter::{Field, Filter, Flag, Op, Side, Term, Truth, View};
use crate::flow::{Request, StageName};

/// What the test declares about its flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Not ordered: polls, analytics.
    pub(crate) ignored: Vec<Filter>,
    /// These change something on the server, whatever their method.
    pub(crate) effects: Vec<Filter>,
    /// Their server answers these one at a time.
    pub(crate) serial: Vec<Filter>,
    /// Their server may send the parts of these streams in any order.
    pub(crate) unordered: Vec<Filter>,
}

/// Destinations of the requests with which a browser loads a page. They are part of the navigation. (For scripts see
/// [`super::script_loads`].)
const OF_PAGES: &str = "^(document|iframe|frame|style|image|font|audio|video|track|manifest|object|embed|worker|sharedworker|serviceworker)$";
/// The same on plain HTTP, where browsers send no `sec-fetch-dest`.
const LOOKS_LIKE_A_PART: &str = r"\.(m?js|css|png|jpe?g|gif|svg|ico|webp|woff2?)$";

fn term(field: Field, op: Op, wanted: &str) -> Filter {
    // Only constants are passed here, so this does not fail.
    Term::new(field, op, wanted).map_or(Filter::Any(vec![]), Filter::Term)
}

impl Scope {
    /// Returns the flows whose responses are ordered.
    pub(crate) fn answers(&self) -> Filter {
        let says_what_for = term(Field::Header(Side::Request, "sec-fetch-dest".to_owned()), Op::Matches, "");
        let looks_like_a_part = Filter::Any(vec![
            term(Field::Path, Op::Matches, LOOKS_LIKE_A_PART),
            term(Field::Header(Side::Request, "accept".to_owned()), Op::Matches, "^(text/html|image/|text/css)"),
        ]);
        let left_alone = vec![
            Filter::Flag(Flag::Navigation),
            Filter::Flag(Flag::Websocket),
            term(Field::Resource, Op::Matches, OF_PAGES),
            term(Field::Method, Op::Equals, "OPTIONS"),
            term(Field::Header(Side::Request, "accept".to_owned()), Op::Contains, "text/event-stream"),
            Filter::All(vec![Filter::Not(Box::new(says_what_for)), looks_like_a_part]),
        ];
        let left_alone = left_alone.into_iter().chain(self.ignored.iter().cloned()).collect();
        Filter::Not(Box::new(Filter::Any(left_alone)))
    }

    /// Returns the flows whose arrival at the server is ordered too.
    pub(crate) fn requests(&self) -> Filter {
        let unsafe_ones = Filter::Not(Box::new(term(Field::Method, Op::Matches, "^(GET|HEAD|OPTIONS|TRACE)$")));
        let effects = std::iter::once(unsafe_ones).chain(self.effects.iter().cloned()).collect();
        Filter::All(vec![self.answers(), Filter::Any(effects)])
    }

    /// Returns the WebSocket messages that are ordered: those sent to a page.
    pub(crate) fn messages(&self) -> Filter {
        let to_page = term(Field::Direction, Op::Equals, "to_client");
        Filter::All(std::iter::once(to_page).chain(self.not_ignored()).collect())
    }

    /// Returns the server-sent events that are ordered.
    pub(crate) fn events(&self) -> Filter {
        Filter::All(self.not_ignored().collect())
    }

    fn not_ignored(&self) -> impl Iterator<Item = Filter> {
        self.ignored.iter().cloned().map(|filter| Filter::Not(Box::new(filter)))
    }

    pub(super) fn is_serial(&self, request: &Request) -> bool {
        matches(&self.serial, request)
    }

    pub(super) fn is_unordered(&self, request: &Request) -> bool {
        matches(&self.unordered, request)
    }
}

fn matches(filters: &[Filter], request: &Request) -> bool {
    let view = View::of(request, None, StageName::Request);
    filters.iter().any(|filter| filter.evaluate(&view) == Truth::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(url: &str, headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::get(url).expect("a URL");
        for (name, value) in headers {
            request.headers.insert(*name, HeaderValue::from_static(value));
        }
        request
    }

    fn is_ordered(filter: &Filter, request: &Request) -> bool {
        filter.evaluate(&View::of(request, None, StageName::Request)) == Truth::Yes
    }

    #[test]
    fn calls_are_ordered_and_parts_of_pages_are_not() {
        let answers = Scope::default().answers();
        for (url, headers, ordered) in [
            ("https://a/x", &[("sec-fetch-dest", "empty")][..], true),
            ("https://a/x.js", &[("sec-fetch-dest", "script")], true),
            ("https://a/x.css", &[("sec-fetch-dest", "style")], false),
            ("https://a/x", &[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")], false),
            ("https://a/x", &[("sec-fetch-dest", "empty"), ("accept", "text/event-stream")], false),
            ("http://a/x.js", &[("accept", "*/*")], false),
            ("http://a/", &[("accept", "text/html,application/xhtml+xml")], false),
            ("http://a/x", &[("accept", "*/*")], true),
        ] {
            assert_eq!(is_ordered(&answers, &asked(url, headers)), ordered, "{url} {headers:?}");
        }
    }

    #[test]
    fn requests_are_ordered_where_they_change_something() {
        let scope = Scope { effects: vec![term(Field::Path, Op::Equals, "/visit")], ..Scope::default() };
        let requests = scope.requests();
        let mut post = asked("https://a/x", &[("sec-fetch-dest", "empty")]);
        assert!(!is_ordered(&requests, &post));
        post.method = http::Method::POST;
        assert!(is_ordered(&requests, &post));
        assert!(is_ordered(&requests, &asked("https://a/visit", &[("sec-fetch-dest", "empty")])));
    }
}
