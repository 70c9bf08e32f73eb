//! Orders of events, and which of them to try: pure, so that it can be tried on every order there is.
//!
//! An [`Event`] is something that may happen next: an answer is delivered, an unsafe request is sent, the user acts. A
//! [`Plan`] says which of the events that could happen now does. A [`Portfolio`] gives the plans that are worth an execution,
//! the cheapest guarantee first; [`Shrink`] finds the least that still fails.

mod cover;
mod event;
mod plan;
mod portfolio;
mod shrink;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use event::Event;
pub(crate) use plan::{Base, Constraint, Plan, Player, Trace};
pub(crate) use portfolio::{Mode, Portfolio};
pub(crate) use shrink::Shrink;
