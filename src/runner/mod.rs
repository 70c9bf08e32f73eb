//! Runs a test: once, repeatedly, or in every order that may break its page.

mod confirming;
mod corpus;
mod execution;
mod exploration;
mod found;
mod gather;
mod history;
mod looking;
mod outcome;
mod panic_capture;
mod progress;
mod run;
mod run_mode;
mod settings;

pub use outcome::TestOutcome;
pub use run::run;
