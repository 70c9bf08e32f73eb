//! A test that is explored looks at settled pages only. When it runs as it is (`HOLDUP_EXPLORE=off`, `HOLDUP_REPEAT`), its
//! looks mean the same; nothing else waits.

use crate::filter::Filter;
use crate::flow::Place;
use crate::relay::{Kind, Turn};
use crate::verbs::RuleContext;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A page that does not settle in this time is looked at as it is.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has every look of a test wait for settled pages, until it is dropped.
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
        // A client that has given up hears nothing.
        let _ = go.send(true);
    }
}
