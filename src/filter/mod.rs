//! Filters: pure predicates over what is known of a flow. They print themselves back and explain a miss.
//!
//! A filter is three-valued: what it asks may not be there yet (a status before the answer, a body that nobody read).
//! [`Truth::Unknown`] says what is missing, so that the proxy reads a body only where a filter hangs on it.

mod explain;
mod field;
mod find;
mod flag;
mod found;
mod mitmproxy;
mod number;
mod parts;
mod print;
mod reading;
mod term;

pub use field::{Field, Side};
pub use flag::Flag;
pub use mitmproxy::FilterError;
pub(crate) use number::time;
pub(crate) use reading::operation_of;
pub use term::Op;
pub(crate) use term::Term;

use crate::flow::{Part, Request, Response, StageName};

/// A predicate over flows. Written with [`filter!`](crate::filter) or inside a verb.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// Every one of these.
    All(Vec<Self>),
    /// At least one of these.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// One comparison.
    Term(Term),
    /// One question with yes or no.
    Flag(Flag),
}

/// What a filter sees of a flow.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The request.
    pub request: &'a Request,
    /// The answer, once it is there.
    pub response: Option<&'a Response>,
    /// The part of its stream, where the rule looks at those.
    pub part: Option<&'a Part>,
    /// The last stage that the asking rule can see: before it, what the answer says is unknown, not absent.
    pub horizon: StageName,
    /// The how-manieth flow this is to meet the rest of the filter, once that was counted.
    pub occurrence: Option<u64>,
    /// What is known besides.
    pub marks: Marks<'a>,
}

/// What is known of a recorded flow besides its request and answer. A flow under way has none of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// It ended in an error.
    pub failed: bool,
    /// Its request was sent again.
    pub replayed_request: bool,
    /// Its answer came from a recording.
    pub replayed_response: bool,
    /// What somebody marked it with.
    pub marker: &'a str,
    /// What somebody wrote about it.
    pub comment: &'a str,
}

impl<'a> View<'a> {
    /// A flow that is under way.
    #[must_use]
    pub fn of(request: &'a Request, response: Option<&'a Response>, horizon: StageName) -> Self {
        Self { request, response, part: None, horizon, occurrence: None, marks: Marks::default() }
    }
}

/// What a filter says of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It matches.
    Yes,
    /// It does not, whatever is still to come.
    No,
    /// It depends on something that is not there.
    Unknown(Need),
}

/// What a filter would have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// The request's body, which nobody has read.
    pub request_body: bool,
    /// The response's body, which nobody has read.
    pub response_body: bool,
    /// The response, which is not there yet.
    pub response: bool,
    /// A part of the stream.
    pub part: bool,
    /// Which occurrence it is: to be asked last, since it counts flows that match otherwise.
    pub occurrence: bool,
}

impl Need {
    /// Whether only the count is missing.
    pub(crate) fn is_count(self) -> bool {
        self == Self { occurrence: true, ..found::NOTHING }
    }

    const fn and(self, other: Self) -> Self {
        Self {
            request_body: self.request_body || other.request_body,
            response_body: self.response_body || other.response_body,
            response: self.response || other.response,
            part: self.part || other.part,
            occurrence: self.occurrence || other.occurrence,
        }
    }
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unknown @ Self::Unknown(_) => unknown,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (unknown, Self::Yes) => unknown,
            (Self::Unknown(a), Self::Unknown(b)) => Self::Unknown(a.and(b)),
        }
    }
}

impl Filter {
    /// Whether a flow matches.
    #[must_use]
    pub fn matches(&self, view: &View<'_>) -> Truth {
        match self {
            Self::All(all) => all.iter().fold(Truth::Yes, |truth, each| match truth {
                Truth::No => Truth::No,
                so_far => so_far.and(each.matches(view)),
            }),
            Self::Any(any) => any.iter().fold(Truth::No, |truth, each| match truth {
                Truth::Yes => Truth::Yes,
                so_far => so_far.not().and(each.matches(view).not()).not(),
            }),
            Self::Not(inner) => inner.matches(view).not(),
            Self::Term(term) => term.matches(view),
            Self::Flag(flag) => flag.of(view),
        }
    }

    /// Whether it asks for the whole body of the answer.
    pub(crate) fn wants_whole_answer(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::wants_whole_answer),
            Self::Not(inner) => inner.wants_whole_answer(),
            Self::Term(term) => term.field.is_of_whole_answer(),
            Self::Flag(_) => false,
        }
    }

    /// Whether it asks which occurrence a flow is.
    pub(crate) fn counts(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::counts),
            Self::Not(inner) => inner.counts(),
            Self::Term(term) => term.field == Field::Occurrence,
            Self::Flag(_) => false,
        }
    }

    /// Where a body is to be cut, for a rule at the stage `chunk`: the numbers that `offset` is compared with.
    pub(crate) fn cuts(&self, into: &mut Vec<u64>) {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|each| each.cuts(into)),
            Self::Not(inner) => inner.cuts(into),
            Self::Term(term) => into.extend(term.cuts()),
            Self::Flag(_) => {}
        }
    }

    /// The earliest stage at which this filter can say anything: `response` when it asks for the answer.
    #[must_use]
    pub fn stage(&self) -> StageName {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::stage).max().unwrap_or(StageName::Request),
            Self::Not(inner) => inner.stage(),
            Self::Term(term) => term.field.stage(),
            Self::Flag(flag) => flag.stage(),
        }
    }

    /// What the first capture group found, of the first term on `path` or `url` that has one.
    pub(crate) fn capture(&self, view: &View<'_>) -> Option<String> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().find_map(|each| each.capture(view)),
            Self::Term(term) => term.capture(view),
            Self::Not(_) | Self::Flag(_) => None,
        }
    }

    /// Whether there is such a group.
    pub(crate) fn has_capture(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::has_capture),
            Self::Term(term) => term.has_capture(),
            Self::Not(_) | Self::Flag(_) => false,
        }
    }

    /// Something that every matching flow must have, if the filter says so: what an index can use.
    pub(crate) fn required(&self) -> Option<Required<'_>> {
        match self {
            Self::All(all) => all.iter().filter_map(Self::required).min(),
            Self::Term(term) => term.required(),
            Self::Any(_) | Self::Not(_) | Self::Flag(_) => None,
        }
    }
}

/// What a flow must have to match, the most telling first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Required<'a> {
    Path(&'a str),
    Host(&'a str),
    /// A regex that is found in the path.
    PathPattern(&'a str),
    UrlPattern(&'a str),
}

#[cfg(test)]
mod tests;
