//! Runs one execution of a test in a given order: every answer is held, every command asks for its turn, and a
//! [`Plan`](crate::schedule::Plan) says what happens next.
//!
//! Which orders to try is [`schedule`](crate::schedule)'s, and running the test's body [`fixture`](crate::fixture)'s.

mod conductor;
mod label;
mod looks;
mod pool;
mod scope;
mod script_loads;

pub(crate) use conductor::{Conductor, ExecutionRecord};
pub(crate) use looks::SettledLooks;
pub(crate) use scope::Scope;
