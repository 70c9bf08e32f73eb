//! The names that the macros expand to. Not part of the public interface: they may change with any version.

pub use crate::console::{Console, serve as serve_console};
pub use crate::crypto::BACKEND as CRYPTO;
pub use crate::driver::BrowserKind;
pub use crate::filter::{Field, Filter, Flag, Op, Side};
pub use crate::fixture::{Exploring, TestSpec, set_up};
pub use crate::flow::{Place, speak_in_options};
pub use crate::mitm::runtime::tasks;
pub use crate::rules::AnyEdit;
pub use crate::runner::{TestOutcome, run};
pub use crate::sanitize::{sanitize, sanitize_line};
pub use crate::verbs::Verbs;

use crate::filter::Term;
use crate::report::misuse;

/// Returns one comparison, whose value is known only at run time.
#[track_caller]
#[must_use]
pub fn term(field: Field, op: Op, wanted: &(impl ToString + ?Sized)) -> Filter {
    match Term::written(field, op, wanted.to_string()) {
        Ok(term) => Filter::Term(term),
        Err(why) => misuse(&why),
    }
}

/// Returns a time as a filter compares it.
#[must_use]
pub fn time(time: std::time::Duration) -> String {
    crate::filter::time(time)
}

/// Parses a filter in mitmproxy's syntax.
#[track_caller]
#[must_use]
pub fn read_filter(text: &str) -> Filter {
    match text.parse() {
        Ok(filter) => filter,
        Err(why) => misuse(&format!("{why}")),
    }
}
