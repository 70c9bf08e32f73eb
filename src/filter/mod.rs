//! Filters: pure predicates over what is known of a flow. They print themselves as they are written, and explain a
//! miss.
//!
//! A filter is three-valued: what it tests may not be known yet (a status before the response, a body that was not
//! read). [`Truth::Unknown`] reports what is missing, so that the proxy reads a body only if a filter needs it.

mod explain;
mod field;
mod find;
mod flag;
mod found;
mod impossible;
mod mitmproxy;
mod number;
mod op;
mod parts;
mod print;
mod reading;
mod term;

pub use explain::Explanation;
pub use field::{Field, Side};
pub use flag::Flag;
pub use mitmproxy::FilterError;
pub(crate) use number::time;
pub use op::Op;
pub(crate) use reading::operation_of;
pub(crate) use term::Term;

use crate::flow::{Part, Request, Response, StageName};

/// A predicate over flows, written with [`filter!`](crate::filter) or inside a verb.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// Matches if all of these match.
    #[doc(hidden)]
    All(Vec<Self>),
    /// Matches if at least one of these matches.
    #[doc(hidden)]
    Any(Vec<Self>),
    /// Matches if this does not match.
    #[doc(hidden)]
    Not(Box<Self>),
    /// Compares a field with a value.
    #[doc(hidden)]
    Term(Term),
    /// Tests a flag.
    #[doc(hidden)]
    Flag(Flag),
}

/// What a filter sees of a flow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// The request.
    pub(crate) request: &'a Request,
    /// The response, once it has arrived.
    pub(crate) response: Option<&'a Response>,
    /// The part of its stream, if the rule matches parts.
    pub(crate) part: Option<&'a Part>,
    /// The last stage that the rule can see. Before it, the values of the response are unknown, not absent.
    pub(crate) horizon: StageName,
    /// The number of this flow among those that match the rest of the filter, once it was counted.
    pub(crate) occurrence: Option<u64>,
    /// What is known of a recorded flow besides.
    pub(crate) marks: Marks<'a>,
}

/// What is known of a recorded flow besides its request and response.
///
/// It is empty for a flow in progress.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks<'a> {
    /// Whether the flow ended in an error.
    pub(crate) failed: bool,
    /// Whether the request was sent again.
    pub(crate) replayed_request: bool,
    /// Whether the response came from a recording.
    pub(crate) replayed_response: bool,
    /// The marker that a user has set.
    pub(crate) marker: &'a str,
    /// The comment that a user has written.
    pub(crate) comment: &'a str,
}

impl<'a> View<'a> {
    /// Creates the view of a flow that nothing more is to come of.
    pub(crate) fn recorded(request: &'a Request, response: Option<&'a Response>) -> Self {
        let horizon = if response.is_some() { StageName::Response } else { StageName::Request };
        Self::of(request, response, horizon)
    }

    /// Creates the view of a flow in progress.
    pub(crate) fn of(request: &'a Request, response: Option<&'a Response>, horizon: StageName) -> Self {
        Self { request, response, part: None, horizon, occurrence: None, marks: Marks::default() }
    }
}

/// The result of evaluating a filter on a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It matches.
    Yes,
    /// It does not match, whatever is still to come.
    No,
    /// It depends on something that is not known.
    Unknown(Need),
}

/// What a filter needs to know for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The request's body, which was not read.
    pub(crate) request_body: bool,
    /// The response's body, which was not read.
    pub(crate) response_body: bool,
    /// The response, which has not arrived.
    pub(crate) response: bool,
    /// A part of the stream.
    pub(crate) part: bool,
    /// The occurrence number. It is determined last, since it counts flows that match otherwise.
    pub(crate) occurrence: bool,
}

impl Need {
    /// Returns whether only the occurrence number is missing.
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
    /// Returns whether a flow with this request, and this response if there is one, matches.
    ///
    /// For a team that tests its own filters without a proxy. Bodies count as read, and as empty where none was set; an
    /// `occurrence` and parts of streams never match.
    ///
    /// ```
    /// use holdup::{Request, Response, filter};
    /// let request = Request::new("GET", "https://shop.test/search?q=ab")?;
    /// let found = Response::new(200)?.with_header("content-type", "application/json")?.with_body("{\"total\": 3}");
    /// let filter = filter!(path == "/search" && response.json("/total") == 3);
    /// assert!(filter.matches(&request, Some(&found)));
    /// assert!(!filter.matches(&request, None));
    /// assert!(filter.explain(&request, None).to_string().contains("was absent"));
    /// # Ok::<(), holdup::Fault>(())
    /// ```
    #[must_use]
    pub fn matches(&self, request: &Request, response: Option<&Response>) -> bool {
        let (request, response) = (request.as_read(), response.map(Response::as_read));
        self.evaluate(&View::recorded(&request, response.as_ref())) == Truth::Yes
    }

    /// Returns what each term says of a flow: `path ok, response.json("/total") was "3", wanted == "4"`.
    #[must_use]
    pub fn explain(&self, request: &Request, response: Option<&Response>) -> Explanation {
        let (request, response) = (request.as_read(), response.map(Response::as_read));
        self.explain_view(&View::recorded(&request, response.as_ref()))
    }

    /// Returns whether a flow matches, as far as it is known.
    pub(crate) fn evaluate(&self, view: &View<'_>) -> Truth {
        match self {
            Self::All(all) => all.iter().fold(Truth::Yes, |truth, each| match truth {
                Truth::No => Truth::No,
                so_far => so_far.and(each.evaluate(view)),
            }),
            Self::Any(any) => any.iter().fold(Truth::No, |truth, each| match truth {
                Truth::Yes => Truth::Yes,
                so_far => so_far.not().and(each.evaluate(view).not()).not(),
            }),
            Self::Not(inner) => inner.evaluate(view).not(),
            Self::Term(term) => term.matches(view),
            Self::Flag(flag) => flag.of(view),
        }
    }

    /// Returns whether it tests the whole body of the response.
    pub(crate) fn wants_whole_answer(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::wants_whole_answer),
            Self::Not(inner) => inner.wants_whole_answer(),
            Self::Term(term) => term.field.is_of_whole_answer(),
            Self::Flag(_) => false,
        }
    }

    /// Returns a term that is known of recorded flows only: a rule sees a flow before its end.
    pub(crate) fn of_recordings(&self) -> Option<String> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().find_map(Self::of_recordings),
            Self::Not(inner) => inner.of_recordings(),
            Self::Term(term) => matches!(term.field, Field::Marker | Field::Comment).then(|| term.field.to_string()),
            Self::Flag(
                flag @ (Flag::Failed | Flag::Replayed | Flag::ReplayedRequest | Flag::ReplayedResponse | Flag::Marked),
            ) => Some(flag.to_string()),
            Self::Flag(_) => None,
        }
    }

    /// Returns whether it tests the occurrence number.
    pub(crate) fn counts(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::counts),
            Self::Not(inner) => inner.counts(),
            Self::Term(term) => term.field == Field::Occurrence,
            Self::Flag(_) => false,
        }
    }

    /// Collects the offsets at which a rule at the stage `chunk` splits a body: the numbers that `offset` is compared
    /// with.
    pub(crate) fn cuts(&self, into: &mut Vec<u64>) {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().for_each(|each| each.cuts(into)),
            Self::Not(inner) => inner.cuts(into),
            Self::Term(term) => into.extend(term.cuts()),
            Self::Flag(_) => {}
        }
    }

    /// Returns the earliest stage at which this filter can decide.
    ///
    /// That is `response` if it tests the response.
    pub(crate) fn stage(&self) -> StageName {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().map(Self::stage).max().unwrap_or(StageName::Request),
            Self::Not(inner) => inner.stage(),
            Self::Term(term) => term.field.stage(),
            Self::Flag(flag) => flag.stage(),
        }
    }

    /// Returns what the first capture group matches, in the first term on `path` or `url` that has one.
    pub(crate) fn capture(&self, view: &View<'_>) -> Option<String> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().find_map(|each| each.capture(view)),
            Self::Term(term) => term.capture(view),
            Self::Not(_) | Self::Flag(_) => None,
        }
    }

    /// Returns whether a term has such a group.
    pub(crate) fn has_capture(&self) -> bool {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().any(Self::has_capture),
            Self::Term(term) => term.has_capture(),
            Self::Not(_) | Self::Flag(_) => false,
        }
    }

    /// Returns something that every matching flow must have, if the filter requires it. An index can use this.
    pub(crate) fn required(&self) -> Option<Required<'_>> {
        match self {
            Self::All(all) => all.iter().filter_map(Self::required).min(),
            Self::Term(term) => term.required(),
            Self::Any(_) | Self::Not(_) | Self::Flag(_) => None,
        }
    }
}

/// What a flow must have to match, the most selective first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Required<'a> {
    Path(&'a str),
    Host(&'a str),
    /// A regex that matches in the path.
    PathPattern(&'a str),
    UrlPattern(&'a str),
}

#[cfg(test)]
mod tests;
