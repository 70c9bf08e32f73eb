//! Observations of settled pages. An explored test observes only settled pages; when it runs unexplored
//! (`HOLDUP_EXPLORE=off`, `HOLDUP_REPEAT`), its observations wait for settled pages too. Nothing else waits.

use crate::filter::Filter;
use crate::flow::Place;
use crate::relay::{Kind, Turn};
use crate::verbs::RuleContext;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Timeout for the pages to settle; afterwards they are observed as they are.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes each observation of a test wait for settled pages. Dropping it ends this.
#[derive(Debug)]
pub(crate) struct SettledLooks(JoinHandle<()>);

impl SettledLooks {
    pub(crate) fn start(context: &RuleContext, ignored: Vec<Filter>, place: Place, runtime: &Handle) -> Self {
        let turns = context.pages.turns().observe();
        Self(runtime.spawn(give(context.clone(), turns, ignored, place)))
    }
}

impl Drop for SettledLooks {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn give(context: RuleContext, mut turns: mpsc::UnboundedReceiver<Turn>, ignored: Vec<Filter>, place: Place) {
    while let Some(Turn { kind, go, .. }) = turns.recv().await {
        if kind == Kind::Observation {
            for pages in context.pages.sessions() {
                drop(pages.quiet(&ignored, PATIENCE, place).await);
            }
        }
        // Fails only if the client has given up.
        let _ = go.send(true);
    }
}
