//! What a failed test leaves in `target/holdup`: a page that shows what happened, the same as text, pictures of the page,
//! and the events for other viewers. Drawn from the journal when the test has ended; nothing here runs while it passes.

mod aligned;
mod bundle;
mod diff;
mod files;
mod flows;
mod folder;
mod index;
mod lanes;
mod markup;
mod page;
mod record;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod trace_events;

pub(crate) use bundle::write;
pub(crate) use folder::console_note;
pub(crate) use record::{Evidence, Ordered, PairCount, RaceFound, Reproduce, Run, TriedOrder};
