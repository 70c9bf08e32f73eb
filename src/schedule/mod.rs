//! Orders of events, and which of them to try. Pure, so that tests can run every possible order.
//!
//! An [`Event`] is something that can happen next: a response is delivered, an unsafe request is sent, the user acts. A
//! [`Plan`] selects one of the events that are possible now. A [`Portfolio`] returns the plans that are worth an
//! execution, the cheapest guarantee first; [`Shrink`] finds the smallest plan that still fails.

mod cover;
mod event;
mod known;
mod plan;
mod portfolio;
mod shrink;
mod stages;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use event::Event;
use plan::Step;
pub(crate) use plan::{Base, Constraint, Plan, Player, Trace};
pub(crate) use portfolio::Portfolio;
pub(crate) use shrink::Shrink;
pub(crate) use stages::Mode;
