//! Explains why a page did not settle. Pure (no I/O).

use super::open::Open;
use crate::journal::{Live, LiveFlow};
use crate::report::Failure;

/// Returns the failure of a page in which something is still open.
pub(super) fn still_open(headline: &str, open: &[Open]) -> Failure {
    let failure = Failure::bare(headline);
    if open.is_empty() {
        return failure.section("it moved on and on, and stands still only now", vec![]);
    }
    let failure = failure.section("still open:", open.iter().map(Open::to_string).collect());
    failure.help(
        "what never ends can be left out: `.ignore(filter!(url ~ \"/poll\"))`, `.ignore_animation()`, \
         `.ignore_timers()`; what only takes long: `.within(..)`",
    )
}

/// Returns the failure of a page whose documents do not reply.
pub(super) fn mute(headline: &str) -> Failure {
    Failure::bare(headline)
        .section("the page does not answer: a script of it runs on and on, or a dialog is open", vec![])
        .help("look at what it does: `HOLDUP_HEADED=1` shows the browser")
}

/// Returns the failure of a held navigation: Chromium does not reply for a page whose successor is held.
pub(super) fn blocked(live: &Live) -> Failure {
    let held: Vec<_> = live.parked().filter(|flow| flow.destination() == "document").collect();
    Failure::bare("the browser says nothing about a page while the navigation away from it is held")
        .section("held:", lines(&held))
        .help("let the navigation go first, or hold a call of the page instead")
}

pub(super) fn lines(held: &[&LiveFlow]) -> Vec<String> {
    let line = |flow: &&LiveFlow| {
        let by = flow.parked().map(|(rule, place)| format!(", by {rule} of {place}"));
        format!("{} {}{}", flow.id, flow.request.url(), by.unwrap_or_default())
    };
    held.iter().map(line).collect()
}
