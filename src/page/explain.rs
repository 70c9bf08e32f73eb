//! Explains why a page did not settle. Pure (no I/O).

use super::open::Open;
use crate::journal::{Live, LiveFlow};
use crate::report::Failure;

/// Returns the failure of a page in which something is still open.
pub(super) fn still_open(headline: &str, open: &[Open]) -> Failure {
    let failure = Failure::bare(headline);
    if open.is_empty() {
        return failure.section("it was busy until the wait ended, and is settled only now", vec![]);
    }
    let failure = failure.section("still open:", open.iter().map(Open::to_string).collect());
    failure.help(
        "leave out what never ends: `.ignore(filter!(url ~ \"/poll\"))`, `.ignore_animation()`, \
         `.ignore_timers()`; give more time to what is slow: `.within(..)`",
    )
}

/// Returns the failure of a page whose documents do not reply.
pub(super) fn mute(headline: &str) -> Failure {
    Failure::bare(headline)
        .section("the page does not reply: one of its scripts keeps running, or a dialog is open", vec![])
        .help("look at what it does: `HOLDUP_HEADED=1` shows the browser")
}

/// Returns the failure of a held navigation: Chromium does not reply for a page whose successor is held.
pub(super) fn blocked(live: &Live) -> Failure {
    let held: Vec<_> = live.parked().filter(|flow| flow.destination() == "document").collect();
    Failure::bare("the browser does not report on a page while the navigation away from it is held")
        .section("held:", lines(&held))
        .help("release the navigation first, or hold a call of the page instead")
}

pub(super) fn lines(held: &[&LiveFlow]) -> Vec<String> {
    let line = |flow: &&LiveFlow| {
        let by = flow.parked().map(|(rule, place)| format!(", by {rule} of {place}"));
        format!("{} {}{}", flow.id, flow.request.url(), by.unwrap_or_default())
    };
    held.iter().map(line).collect()
}
