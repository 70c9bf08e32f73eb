//! A command of the test that waits for a flow which the test holds: a deadlock that nobody would untie. Told, not waited for.

use super::command;
use crate::driver::EXPLAINED;
use crate::journal::{Journal, Live, LiveFlow};
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

/// Nothing happens for this long, and nobody has the flow in hand who could let it go. It began with the command.
const SILENCE: Duration = Duration::from_secs(1);
/// The same, while the test has the flow (another task of it may be about to let it go), or when it began before the command
/// (which may be slow for reasons of its own).
const PATIENCE: Duration = Duration::from_secs(5);

/// Resolves with an explanation when a command can only wait for flows that the test holds, and nothing happens any more.
pub(super) async fn detected(journal: &Journal, command: &str, method_path: (&str, &str)) -> String {
    let mut live = Live::default();
    live.follow(journal);
    let before: BTreeSet<_> = live.flows().map(|flow| flow.id).collect();
    loop {
        let mut written = pin!(journal.written());
        // From here on no entry is missed.
        written.as_mut().enable();
        live.follow(journal);
        let held: Vec<_> = live.parked().filter(|flow| may_wait_for(method_path, flow)).collect();
        let under_way = live.flows().any(|flow| flow.parked().is_none() && !flow.is_endless());
        if held.is_empty() || under_way {
            written.await;
            continue;
        }
        // What the command itself has brought about, and nobody has in hand, is waited for in vain.
        let in_vain = |flow: &&&LiveFlow| flow.taken.is_none() && !before.contains(&flow.id);
        let patience = if held.iter().any(|flow| in_vain(&flow)) { SILENCE } else { PATIENCE };
        if tokio::time::timeout(patience, written).await.is_err() {
            return explain(command, method_path, &held, patience);
        }
    }
}

/// A page is loaded when its parts are; only a script can wait for its own calls.
fn may_wait_for((method, path): (&str, &str), flow: &LiveFlow) -> bool {
    flow.destination() != "empty" || command::runs_script(method, path)
}

fn explain(command: &str, (method, path): (&str, &str), held: &[&LiveFlow], patience: Duration) -> String {
    let mut text = format!("`{command}` {EXPLAINED}, and nothing else has happened for {patience:?}");
    for flow in held {
        if let Some((rule, place)) = flow.parked() {
            text += &format!("\n  {} {}, held by {rule} of {place}", flow.id, flow.request.url());
        }
        if let Some(place) = flow.taken {
            text += &format!(", taken at {place}");
        }
    }
    text += match (command::opens_page(method, path), command::runs_script(method, path)) {
        (true, _) => "\n  help: begin the navigation with `browser.start(..)`, which does not wait",
        (_, true) => "\n  help: do not return or await the call in the script: let it run, and look at the page later",
        _ => "\n  help: release the flow first: while a page is loading, the driver does nothing else with it",
    };
    text + "\n  help: or let the flow go in a future beside the command: `tokio::join!(command, release)`"
}
