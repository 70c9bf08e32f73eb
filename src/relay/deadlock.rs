//! Detects a command that waits for a flow that the test itself holds, and fails it instead of waiting.

use super::command;
use crate::driver::EXPLAINED;
use crate::journal::{Journal, Live, LiveFlow};
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

/// How long nothing else may happen, if the flow began with the command and the test has not taken it.
const SILENCE: Duration = Duration::from_secs(1);
/// The same, if the test has taken the flow (another of its tasks may be about to release it), or if the flow began
/// before the command (which may be slow for other reasons).
const PATIENCE: Duration = Duration::from_secs(5);

/// Resolves with an explanation when a command can only wait for held flows and nothing else happens.
pub(super) async fn detected(journal: &Journal, command: &str, method_path: (&str, &str)) -> String {
    let mut live = Live::default();
    live.follow(journal);
    let before: BTreeSet<_> = live.flows().map(|flow| flow.id).collect();
    loop {
        let mut written = pin!(journal.written());
        // From here on, no entry is missed.
        written.as_mut().enable();
        live.follow(journal);
        let held: Vec<_> = live.parked().filter(|flow| may_wait_for(method_path, flow)).collect();
        let under_way = live.flows().any(|flow| flow.parked().is_none() && !flow.is_endless());
        if held.is_empty() || under_way {
            written.await;
            continue;
        }
        // A flow that began with the command and that no code has taken is waited for in vain.
        let in_vain = |flow: &&&LiveFlow| flow.taken.is_none() && !before.contains(&flow.id);
        let patience = if held.iter().any(|flow| in_vain(&flow)) { SILENCE } else { PATIENCE };
        if tokio::time::timeout(patience, written).await.is_err() {
            return explain(command, method_path, &held, patience);
        }
    }
}

/// Loading a page includes its parts; only a script can wait for its own calls.
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
    text + "\n  help: or release the flow in a future beside the command: `tokio::join!(command, release)`"
}
