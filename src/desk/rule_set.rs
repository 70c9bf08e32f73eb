//! The open rules of one moment, found by host: ten thousand rules for other hosts cost a flow nothing.

use super::Rule;
use crate::flow::StageName;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    any_host: Vec<Arc<Rule>>,
    by_host: BTreeMap<String, Vec<Arc<Rule>>>,
}

impl RuleSet {
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a Arc<Rule>>) -> Self {
        let mut set = Self::default();
        for rule in rules {
            let list = match rule.filter.required_host() {
                Some(host) => set.by_host.entry(host.to_ascii_lowercase()).or_default(),
                None => &mut set.any_host,
            };
            list.push(Arc::clone(rule));
        }
        set
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.any_host.is_empty() && self.by_host.is_empty()
    }

    /// Those that change the bodies of answers, in any order.
    pub(crate) fn changing(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let all = self.any_host.iter().chain(self.by_host.values().flatten());
        all.filter(|rule| rule.stage == StageName::Response && rule.action.changes_body())
    }

    /// The rules that a flow to this host can match, in the order of declaration.
    pub(crate) fn for_host<'a>(&'a self, host: &str) -> impl Iterator<Item = &'a Arc<Rule>> {
        let named = self.by_host.get(host).map_or(&[][..], Vec::as_slice);
        let (mut any, mut named) = (self.any_host.iter().peekable(), named.iter().peekable());
        std::iter::from_fn(move || match (any.peek(), named.peek()) {
            (Some(a), Some(b)) if a.id > b.id => named.next(),
            (Some(_), _) => any.next(),
            (None, _) => named.next(),
        })
    }
}
