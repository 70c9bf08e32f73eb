//! Counters that name things. A counter, not a random id: the same test gives the same names.

use std::fmt;

/// Names one flow of a [`Mitm`](crate::Mitm): the first request is `#1`, the next `#2`. The second part of the third flow's
/// stream (a WebSocket message, a server-sent event, a chunk) is `#3.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlowId {
    number: u64,
    /// From 1 on; 0 is the flow itself.
    part: u64,
}

impl FlowId {
    pub(crate) const fn new(number: u64) -> Self {
        Self { number, part: 0 }
    }

    pub(crate) const fn part(self, part: u64) -> Self {
        Self { part, ..self }
    }

    /// The flow that a part belongs to; a flow's own name is its own.
    #[must_use]
    pub const fn whole(self) -> Self {
        self.part(0)
    }

    /// The bare number, without the `#`.
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

/// Names one rule, in the order of declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId(pub(crate) u64);
