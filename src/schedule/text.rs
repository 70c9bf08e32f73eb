//! The text form of schedules: `h1;af;r:GET /search?q=a#1 > r:GET /search?q=ab#1`.
//!
//! ```text
//! SCHEDULE   := "h1" ";" BASE [";" CONSTRAINT {", " CONSTRAINT}]     BASE := ff | af | lf | la
//! CONSTRAINT := EVENT " > " EVENT        the left not before the right
//! EVENT      := "r:" LABEL | "q:" LABEL | "a" NUMBER
//! ```
//!
//! URLs contain no spaces, so labels need no quotes.

use super::{Base, Constraint, Plan};
use std::fmt;
use std::str::FromStr;

impl Base {
    fn as_str(self) -> &'static str {
        match self {
            Self::FlowsFirst => "ff",
            Self::ActionsFirst => "af",
            Self::LateFlows => "lf",
            Self::LateActions => "la",
        }
    }
}

/// Writes the base and the constraints; nothing else in a plan has a text form.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "h1;{}", self.base.as_str())?;
        for (i, constraint) in self.constraints.iter().enumerate() {
            f.write_str(if i == 0 { ";" } else { ", " })?;
            constraint.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.late, self.early)
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some(rest) = text.strip_prefix("h1;") else {
            return Err(format!("a schedule begins with `h1;`, as a report prints it; this is `{text}`"));
        };
        let (base, constraints) = rest.split_once(';').unwrap_or((rest, ""));
        let known = Base::ALL.into_iter().find(|known| known.as_str() == base.trim());
        let base = known.ok_or_else(|| {
            format!("`{base}` is not a base of a schedule; use ff or af (responses or actions first), lf or la")
        })?;
        let constraints = constraints.split(", ").map(str::trim).filter(|text| !text.is_empty());
        Ok(Self::constrained(base, constraints.map(str::parse).collect::<Result<_, _>>()?))
    }
}

impl FromStr for Constraint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (late, early) = text.split_once(" > ").ok_or_else(|| {
            format!("`{text}` is not a constraint: `r:GET /a#1 > a2` means the first not before the second")
        })?;
        Ok(Self { late: late.parse()?, early: early.parse()? })
    }
}
