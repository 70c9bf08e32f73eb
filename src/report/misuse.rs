//! Mistakes in the test's code that no type can catch.

use crate::sanitize::sanitize;

/// Panics at the caller's line. Only for mistakes that must be fixed in the test itself.
#[track_caller]
#[expect(clippy::panic, reason = "like an index out of bounds: the test itself is wrong, at this line")]
pub(crate) fn misuse(what: &str) -> ! {
    panic!("{}", sanitize(what))
}
