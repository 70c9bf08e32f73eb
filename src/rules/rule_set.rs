//! The open rules at one moment, indexed by what their filters require: ten thousand rules that do not apply to a flow
//! cost next to nothing.

use super::Rule;
use crate::filter::Required;
use crate::flow::{Request, StageName};
use regex::{RegexSet, RegexSetBuilder};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct RuleSet(BTreeMap<StageName, Index>);

/// The rules of one stage, in order of declaration; the other fields are positions in `rules`.
#[derive(Debug, Default)]
struct Index {
    rules: Vec<Arc<Rule>>,
    any: Vec<usize>,
    by_host: HashMap<String, Vec<usize>>,
    by_path: HashMap<String, Vec<usize>>,
    by_path_pattern: Patterns,
    by_url_pattern: Patterns,
}

/// Rules that require a regex to match, with all of these combined in one set.
#[derive(Debug, Default)]
struct Patterns {
    set: RegexSet,
    rules: Vec<usize>,
}

/// Fewer are faster one by one, and need no compilation.
const WORTH_A_SET: usize = 16;
/// Enough for about ten thousand patterns; a larger set is not built, and its rules are checked one by one.
const SET_SIZE: usize = 256 * 1024 * 1024;

impl RuleSet {
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Arc<Rule>>) -> Self {
        let mut by_stage: BTreeMap<_, Vec<_>> = BTreeMap::new();
        rules.for_each(|rule| by_stage.entry(rule.stage).or_default().push(Arc::clone(rule)));
        Self(by_stage.into_iter().map(|(stage, rules)| (stage, Index::new(rules))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the rules that change response bodies.
    pub(crate) fn changing(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let of_answers = self.0.get(&StageName::Response).into_iter().flat_map(|index| &index.rules);
        of_answers.filter(|rule| rule.action.changes_body())
    }

    /// Returns the rules of a stage that can match a request there, in order of declaration.
    pub(crate) fn at<'a>(
        &'a self,
        stage: StageName,
        request: &Request,
    ) -> impl Iterator<Item = &'a Arc<Rule>> + use<'a> {
        self.0.get(&stage).map(|index| index.find(request)).into_iter().flatten()
    }
}

impl Index {
    fn new(rules: Vec<Arc<Rule>>) -> Self {
        let mut index = Self::default();
        let (mut of_path, mut of_url) = (Vec::new(), Vec::new());
        for (at, rule) in rules.iter().enumerate() {
            match rule.filter.required() {
                Some(Required::Host(host)) => index.by_host.entry(host.to_ascii_lowercase()).or_default().push(at),
                Some(Required::Path(path)) => index.by_path.entry(path.to_owned()).or_default().push(at),
                Some(Required::PathPattern(pattern)) => of_path.push((at, pattern)),
                Some(Required::UrlPattern(pattern)) => of_url.push((at, pattern)),
                None => index.any.push(at),
            }
        }
        index.by_path_pattern = Patterns::new(&of_path, &mut index.any);
        index.by_url_pattern = Patterns::new(&of_url, &mut index.any);
        index.rules = rules;
        index
    }

    fn find<'a>(&'a self, request: &Request) -> impl Iterator<Item = &'a Arc<Rule>> + use<'a> {
        let of_host = self.by_host.get(&request.target.host).into_iter().flatten();
        let of_path = self.by_path.get(request.path()).into_iter().flatten();
        let mut found: Vec<usize> = self.any.iter().chain(of_host).chain(of_path).copied().collect();
        self.by_path_pattern.find(|| request.path().to_owned(), &mut found);
        self.by_url_pattern.find(|| request.url(), &mut found);
        found.sort_unstable();
        found.into_iter().map(move |at| &self.rules[at])
    }
}

impl Patterns {
    /// Builds the set. If there is none, its rules go to `always`.
    fn new(patterns: &[(usize, &str)], always: &mut Vec<usize>) -> Self {
        let rules: Vec<_> = patterns.iter().map(|(at, _)| *at).collect();
        let build = || {
            let patterns = patterns.iter().map(|(_, pattern)| *pattern);
            RegexSetBuilder::new(patterns).size_limit(SET_SIZE).dfa_size_limit(SET_SIZE).build().ok()
        };
        match (rules.len() >= WORTH_A_SET).then(build).flatten() {
            Some(set) => Self { set, rules },
            None => {
                always.extend(rules);
                Self::default()
            }
        }
    }

    fn find(&self, text: impl FnOnce() -> String, found: &mut Vec<usize>) {
        if self.rules.is_empty() {
            return;
        }
        let text = text();
        // Finding out which patterns match examines each of them.
        if self.set.is_match(&text) {
            found.extend(self.set.matches(&text).iter().map(|at| self.rules[at]));
        }
    }
}
