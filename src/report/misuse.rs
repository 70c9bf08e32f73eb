//! Mistakes in the test's own text that no type can catch.

use crate::sanitize::sanitize;

/// Panics at the user's line. Only for what the test's author must mend in the test itself.
#[track_caller]
#[expect(clippy::panic, reason = "like an index out of bounds: the test itself is wrong, at this line")]
pub(crate) fn misuse(what: &str) -> ! {
    panic!("{}", sanitize(what))
}
