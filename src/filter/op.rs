//! The operators of a filter.

/// The operator of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// `~`: the regex matches somewhere in the value.
    Matches,
    /// `!~`: the regex does not match.
    MatchesNot,
    /// `==`
    Equals,
    /// `!=`
    Differs,
    /// `contains`
    Contains,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `in`: a number in a range, `200..300` or `200..=299`.
    In,
}

impl Op {
    /// Returns the operator as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Matches => "~",
            Self::MatchesNot => "!~",
            Self::Equals => "==",
            Self::Differs => "!=",
            Self::Contains => "contains",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::In => "in",
        }
    }

    /// Returns the opposite of `!=` and `!~`, which must hold for all values. The others must hold for one.
    pub(super) fn denies(self) -> Option<Self> {
        match self {
            Self::MatchesNot => Some(Self::Matches),
            Self::Differs => Some(Self::Equals),
            _ => None,
        }
    }
}
