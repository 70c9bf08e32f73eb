//! Explains why a flow did not match, term by term: `path ok, query("q") was "a", wanted == "ab"`.

use super::{Filter, Truth, View};
use crate::sanitize::sanitize;
use std::fmt;

/// The results of the terms of a filter for one flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    lines: Vec<String>,
    near: usize,
    misses: usize,
}

impl Explanation {
    /// Returns a key that orders explanations by how closely the flow matched.
    ///
    /// More terms that hold compare greater, then fewer that do not.
    #[must_use]
    pub fn nearness(&self) -> (usize, std::cmp::Reverse<usize>) {
        (self.near, std::cmp::Reverse(self.misses))
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sanitize(&self.lines.join(", ")))
    }
}

impl Filter {
    /// Returns what each term says of a flow, as far as it is known.
    pub(crate) fn explain_view(&self, view: &View<'_>) -> Explanation {
        let mut explanation = Explanation { lines: Vec::new(), near: 0, misses: 0 };
        self.explain_into(view, false, &mut explanation);
        explanation
    }

    fn explain_into(&self, view: &View<'_>, denied: bool, into: &mut Explanation) {
        match self {
            Self::Not(inner) => inner.explain_into(view, !denied, into),
            // Once an alternative holds, the others are irrelevant.
            Self::Any(any) if !denied && self.evaluate(view) == Truth::Yes => {
                any.iter()
                    .filter(|each| each.evaluate(view) == Truth::Yes)
                    .for_each(|e| e.explain_into(view, denied, into));
            }
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|each| each.explain_into(view, denied, into)),
            Self::Flag(flag) => {
                let truth = if denied { flag.of(view).not() } else { flag.of(view) };
                let not = if denied { "not " } else { "" };
                if truth == Truth::Yes {
                    into.near += 1;
                    into.lines.push(format!("{not}{flag} ok"));
                } else {
                    into.misses += 1;
                    into.lines.push(format!("wanted {not}{flag}"));
                }
            }
            Self::Term(term) => {
                let truth = if denied { term.matches(view).not() } else { term.matches(view) };
                let not = if denied { "not " } else { "" };
                if truth == Truth::Yes {
                    into.near += 1;
                    into.lines.push(format!("{} ok", term.field));
                } else {
                    into.misses += 1;
                    let (seen, op) = (term.value_seen(view), term.op.as_str());
                    let (hint, wanted) = (term.literal_hint(view), term.value_wanted());
                    into.lines.push(format!("{} was {seen}, wanted {not}{op} {wanted}{hint}", term.field));
                }
            }
        }
    }
}
