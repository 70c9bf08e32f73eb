//! The shortest filter that tells a recorded flow from all others. Pure.

use super::played::Played;

/// What a filter can say about a flow.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    method: String,
    host: String,
    path: String,
    query: Vec<(String, String)>,
}

impl Facts {
    fn of(flow: &Played) -> Self {
        // No `Uri`: what is masked is no part of one.
        let (before, query) = flow.url.split_once('?').unwrap_or((&flow.url, ""));
        let after_scheme = before.split_once("://").map_or(before, |(_, rest)| rest);
        let (authority, path) = after_scheme.split_at(after_scheme.find('/').unwrap_or(after_scheme.len()));
        let host = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let host = host.map_or(authority, |(host, _)| host).to_owned();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned();
        // What is masked has another value in every recording.
        let query = query.filter(|(_, value)| !value.contains("<masked ")).collect();
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Self { method: flow.method.clone(), host, path, query }
    }

    /// Returns the terms that can be left out, shortest filters first: each is a term and what it says.
    fn choices(&self) -> Vec<Vec<Term>> {
        let queries = || (0..self.query.len()).map(Term::Query);
        let mut choices = vec![vec![], vec![Term::Method]];
        choices.extend(queries().map(|query| vec![query]));
        choices.extend(queries().map(|query| vec![Term::Method, query]));
        choices.push(vec![Term::Host]);
        choices.push(queries().collect());
        choices.push([Term::Method].into_iter().chain(queries()).collect());
        choices.push([Term::Method, Term::Host].into_iter().chain(queries()).collect());
        choices
    }

    fn is(&self, other: &Self, term: Term) -> bool {
        match term {
            Term::Method => self.method == other.method,
            Term::Host => self.host == other.host,
            Term::Query(at) => other.query.contains(&self.query[at]),
        }
    }

    fn in_words(&self, term: Term) -> String {
        match term {
            // A name that is no word of the language is a text.
            Term::Method if self.method.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                format!("method == {}", self.method)
            }
            Term::Method => format!("method == {:?}", self.method),
            Term::Host => format!("host == {:?}", self.host),
            Term::Query(at) => format!("query({:?}) == {:?}", self.query[at].0, self.query[at].1),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Term {
    Method,
    Host,
    /// The pair at this position.
    Query(usize),
}

/// Returns a filter that matches the flow at a position and no other, or counts them.
pub(super) fn filter(flows: &[Played], at: usize) -> String {
    let facts: Vec<_> = flows.iter().map(Facts::of).collect();
    let Some(mine) = facts.get(at) else { return String::new() };
    let matches =
        |other: &Facts, terms: &[Term]| other.path == mine.path && terms.iter().all(|term| mine.is(other, *term));
    let choices = mine.choices();
    let alone = choices.iter().find(|terms| facts.iter().filter(|other| matches(other, terms)).count() == 1);
    let terms = alone.or(choices.last()).map_or(&[][..], Vec::as_slice);
    let mut said: Vec<_> =
        terms.iter().filter(|term| !matches!(term, Term::Query(_))).map(|term| mine.in_words(*term)).collect();
    said.push(format!("path == {:?}", mine.path));
    said.extend(terms.iter().filter(|term| matches!(term, Term::Query(_))).map(|term| mine.in_words(*term)));
    if alone.is_none() {
        said.push(format!("occurrence == {}", facts[..=at].iter().filter(|other| matches(other, terms)).count()));
    }
    said.join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_says_no_more_than_it_must() {
        let flow = |said: &str| {
            let (method, url) = said.split_once(' ').expect("two words");
            Played { method: method.to_owned(), url: url.to_owned(), ..Played::default() }
        };
        let flows: Vec<_> = [
            "GET https://a.test/",
            "GET https://a.test/search?q=a&token=<masked 1>",
            "GET https://a.test/search?q=ab&lang=en",
            "GET https://a.test/cart",
            "PUT https://a.test/cart",
            "POST https://a.test/save",
            "POST https://a.test/save",
            "GET https://b.test/",
            "M-SEARCH https://a.test/cart",
        ]
        .into_iter()
        .map(flow)
        .collect();
        let filters: Vec<_> = (0..flows.len()).map(|at| filter(&flows, at)).collect();
        assert_eq!(
            filters,
            [
                "host == \"a.test\" && path == \"/\"",
                "path == \"/search\" && query(\"q\") == \"a\"",
                "path == \"/search\" && query(\"q\") == \"ab\"",
                "method == GET && path == \"/cart\"",
                "method == PUT && path == \"/cart\"",
                "method == POST && host == \"a.test\" && path == \"/save\" && occurrence == 1",
                "method == POST && host == \"a.test\" && path == \"/save\" && occurrence == 2",
                "host == \"b.test\" && path == \"/\"",
                "method == \"M-SEARCH\" && path == \"/cart\"",
            ]
        );
    }
}
