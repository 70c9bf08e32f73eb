//! Prints a filter in the syntax of the macros.

use super::{Field, Filter, Side, Term};
use std::fmt::{self, Display};

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(all) => join(all, " && ", "true", f),
            Self::Any(any) => join(any, " || ", "false", f),
            Self::Not(inner) => write!(f, "!{}", Tight(inner)),
            Self::Term(term) => term.fmt(f),
            Self::Flag(flag) => flag.fmt(f),
        }
    }
}

fn join(filters: &[Filter], with: &str, none: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if filters.is_empty() {
        return f.write_str(none);
    }
    for (i, each) in filters.iter().enumerate() {
        if i > 0 {
            f.write_str(with)?;
        }
        match each {
            Filter::All(_) | Filter::Any(_) if filters.len() > 1 => Tight(each).fmt(f)?,
            _ => each.fmt(f)?,
        }
    }
    Ok(())
}

/// Prints a filter in parentheses, so that its operator stays together.
struct Tight<'a>(&'a Filter);

impl Display for Tight<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.0)
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.field, self.op.as_str(), self.value())
    }
}

impl Term {
    /// Returns the wanted value as a literal of the language.
    pub(super) fn value(&self) -> String {
        if self.op == super::Op::In || self.has_size() { self.wanted.clone() } else { format!("{:?}", self.wanted) }
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => f.write_str("url"),
            Self::Scheme => f.write_str("scheme"),
            Self::Host => f.write_str("host"),
            Self::Port => f.write_str("port"),
            Self::Path => f.write_str("path"),
            Self::Query(key) => write!(f, "query({key:?})"),
            Self::Method => f.write_str("method"),
            Self::Header(side, name) => write!(f, "{side}header({name:?})"),
            Self::Cookie(name) => write!(f, "cookie({name:?})"),
            Self::Body(side) => write!(f, "{side}body"),
            Self::ContentType(side) => write!(f, "{side}content_type"),
            Self::Status => f.write_str("status"),
            Self::Size(side) => write!(f, "{side}size"),
            Self::Json(side, pointer) => write!(f, "{side}json({pointer:?})"),
            Self::Form(key) => write!(f, "form({key:?})"),
            Self::Operation => f.write_str("operation"),
            Self::Headers(side) => write!(f, "{side}headers"),
            Self::Client => f.write_str("client"),
            Self::Server => f.write_str("server"),
            Self::Resource => f.write_str("resource"),
            Self::Elapsed => f.write_str("elapsed"),
            Self::Occurrence => f.write_str("occurrence"),
            Self::Message => f.write_str("message"),
            Self::Direction => f.write_str("direction"),
            Self::Opcode => f.write_str("opcode"),
            Self::Event => f.write_str("event"),
            Self::Data => f.write_str("data"),
            Self::Id => f.write_str("id"),
            Self::Chunk => f.write_str("chunk"),
            Self::Offset => f.write_str("offset"),
            Self::Marker => f.write_str("marker"),
            Self::Comment => f.write_str("comment"),
        }
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Either => "",
            Self::Request => "request.",
            Self::Response => "response.",
        })
    }
}
