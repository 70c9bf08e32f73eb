//! Why a page did not settle, in words. Pure.

use super::open::Open;
use crate::journal::{Live, LiveFlow};
use crate::report::Failure;
use url::Url;

/// As many as a browser opens to one host, where each carries one call at a time.
const CONNECTIONS: usize = 6;

/// Something of the page, or of its calls, has not come to its end.
pub(super) fn still_open(headline: &str, open: &[Open], live: &Live) -> Failure {
    let failure = Failure::bare(headline);
    if open.is_empty() {
        return failure.section("it moved on and on, and stands still only now", vec![]);
    }
    let failure = failure.section("still open:", open.iter().map(Open::to_string).collect());
    let exhausted = open.iter().find_map(|open| exhausted(open, live));
    let failure = match exhausted {
        Some((host, held)) => failure
            .section(format!("a browser opens {CONNECTIONS} connections to {host}, and all are held by:"), lines(&held))
            .help("let one of them go, or open the page by https://, where one connection carries all"),
        None => failure,
    };
    failure.help(
        "what never ends can be left out: `.ignore(filter!(url ~ \"/poll\"))`, `.ignore_animation()`, \
         `.ignore_timers()`; what only takes long: `.within(..)`",
    )
}

/// No document answers at all.
pub(super) fn mute(headline: &str) -> Failure {
    Failure::bare(headline)
        .section("the page does not answer: a script of it runs on and on, or a dialog is open", vec![])
        .help("look at what it does: `HOLDUP_HEADED=1` shows the browser")
}

/// Chromium answers nothing about a page whose successor is held.
pub(super) fn blocked(live: &Live) -> Failure {
    let held: Vec<_> = live.parked().filter(|flow| flow.destination() == "document").collect();
    Failure::bare("the browser says nothing about a page while the navigation away from it is held")
        .section("held:", lines(&held))
        .help("let the navigation go first, or hold a call of the page instead")
}

/// The host whose connections are used up, so that the proxy has not even seen what the page waits for.
fn exhausted<'a>(open: &Open, live: &'a Live) -> Option<(String, Vec<&'a LiveFlow>)> {
    let Open::Waits(wait, flow) = open else { return None };
    let url = Url::parse(&wait.url).ok().filter(|url| url.scheme() == "http" && flow.is_empty())?;
    let host = url.host_str()?.to_owned();
    let is_of_host = |flow: &&LiveFlow| !flow.request.target().tls && flow.request.target().host == host;
    let held: Vec<_> = live.parked().filter(is_of_host).collect();
    (held.len() >= CONNECTIONS).then_some((host, held))
}

fn lines(held: &[&LiveFlow]) -> Vec<String> {
    let line = |flow: &&LiveFlow| {
        let by = flow.parked().map(|(rule, place)| format!(", by {rule} of {place}"));
        format!("{} {}{}", flow.id, flow.request.url(), by.unwrap_or_default())
    };
    held.iter().map(line).collect()
}
