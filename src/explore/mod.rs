//! Runs one execution of a test in a given order: every response is held, every command waits for its turn, and a
//! [`Plan`](crate::schedule::Plan) selects what happens next.
//!
//! [`schedule`](crate::schedule) selects the orders to try; [`runner`](crate::runner) runs the test's body.

mod conductor;
mod label;
mod looks;
mod pool;
mod scope;
mod script_loads;
mod talk;

pub(crate) use conductor::{Conductor, ExecutionRecord};
pub(crate) use label::label;
pub(crate) use looks::SettledLooks;
pub(crate) use scope::Scope;
