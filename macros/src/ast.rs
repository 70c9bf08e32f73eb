//! The syntax tree of a verb. Every node keeps its span, so that an error points at the user's own tokens.

use proc_macro2::Span;
use syn::{Expr, LitStr};

/// `[stage:] FILTER`
pub(crate) struct Staged {
    pub(crate) stage: Option<(Stage, Span)>,
    pub(crate) filter: Filter,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Request,
    Response,
    Message,
    Event,
    Chunk,
}

impl Stage {
    pub(crate) const ALL: [Self; 5] = [Self::Request, Self::Response, Self::Message, Self::Event, Self::Chunk];

    /// Returns the word before the colon.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
            Self::Message => "message",
            Self::Event => "event",
            Self::Chunk => "chunk",
        }
    }

    /// Returns whether rules at this stage match parts of a stream.
    pub(crate) fn is_part(self) -> bool {
        self > Self::Response
    }
}

pub(crate) enum Filter {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Term(Box<Term>),
    /// A yes-or-no property.
    Flag(String, Span),
    /// A filter in mitmproxy's syntax, parsed when the test runs.
    Text(LitStr),
}

pub(crate) struct Term {
    pub(crate) side: Option<(Stage, Span)>,
    pub(crate) field: String,
    pub(crate) field_span: Span,
    /// The name in the parentheses of `header("..")`, `query("..")`, `cookie("..")`.
    pub(crate) key: Option<LitStr>,
    pub(crate) op: Op,
    pub(crate) op_span: Span,
    pub(crate) value: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Matches,
    MatchesNot,
    Equals,
    Differs,
    Contains,
    Less,
    AtMost,
    Greater,
    AtLeast,
    In,
}

pub(crate) enum Value {
    Text(LitStr),
    Number(i64, Span),
    /// `300ms`, as it is written.
    Time(String, Span),
    /// `200..300`, as it is written without spaces.
    Range(String, Span),
    /// `{expression}`, a path, or any other literal.
    Expr(Expr),
}

impl Filter {
    pub(crate) fn each_term<'a>(&'a self, visit: &mut impl FnMut(&'a Term) -> syn::Result<()>) -> syn::Result<()> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(|each| each.each_term(visit)),
            Self::Not(inner) => inner.each_term(visit),
            Self::Term(term) => visit(term),
            Self::Flag(..) | Self::Text(_) => Ok(()),
        }
    }

    pub(crate) fn each_flag(&self, visit: &mut impl FnMut(&str, Span) -> syn::Result<()>) -> syn::Result<()> {
        match self {
            Self::All(inner) | Self::Any(inner) => inner.iter().try_for_each(|each| each.each_flag(visit)),
            Self::Not(inner) => inner.each_flag(visit),
            Self::Flag(name, span) => visit(name, *span),
            Self::Term(_) | Self::Text(_) => Ok(()),
        }
    }
}
