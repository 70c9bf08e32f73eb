//! Ids. They are counters, not random, so that the same test gets the same ids.

use std::fmt;

/// The id of one flow of a [`Mitm`](crate::Mitm).
///
/// The first request is `#1`, the next `#2`. The second part of the third flow's stream (a WebSocket message, a
/// server-sent event, a chunk) is `#3.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    number: u64,
    /// Counted from 1; 0 is the flow itself.
    part: u64,
}

impl FlowId {
    pub(crate) const fn new(number: u64) -> Self {
        Self { number, part: 0 }
    }

    pub(crate) const fn part(self, part: u64) -> Self {
        Self { part, ..self }
    }

    /// Returns the flow that a part belongs to; for a flow, the flow itself.
    #[must_use]
    pub const fn whole(self) -> Self {
        self.part(0)
    }

    /// Returns the number of the flow, without the `#`.
    #[must_use]
    pub fn number(self) -> u64 {
        self.number
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            0 => write!(f, "#{}", self.number),
            part => write!(f, "#{}.{part}", self.number),
        }
    }
}

/// The id of one rule, in order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId(pub(crate) u64);
