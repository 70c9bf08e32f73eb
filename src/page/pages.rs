//! The sessions that use one proxy: any of them that receives a response must process it.

use super::{Limit, Look, Moment, SessionPages};
use crate::flow::{FlowId, Place};
use crate::relay::Turns;
use crate::report::Failure;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Every session of one [`Mitm`](crate::Mitm).
#[derive(Debug, Default)]
pub(crate) struct Pages {
    sessions: Mutex<Vec<Weak<SessionPages>>>,
    turns: Turns,
}

impl Pages {
    pub(crate) fn join(&self, pages: &Arc<SessionPages>) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(pages));
    }

    /// Returns where their commands request turns.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Returns the sessions that are open.
    pub(crate) fn sessions(&self) -> Vec<Arc<SessionPages>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }

    /// Journals where each session is.
    pub(crate) async fn note_locations(&self) {
        for pages in self.sessions() {
            pages.note_location().await;
        }
    }

    /// Returns what the windows of all sessions look like.
    pub(crate) async fn looks(&self, moment: Moment) -> Vec<Look> {
        let mut looks = Vec::new();
        for pages in self.sessions() {
            looks.extend(pages.looks(moment).await);
        }
        looks
    }

    /// Resolves when a page waits for a call that its browser keeps back because of a limit.
    pub(crate) async fn limited(&self, is_wanted: impl Fn(&str) -> bool + Send + Sync) -> Limit {
        let pages = self.sessions();
        let asked: Vec<_> = pages.iter().map(|pages| Box::pin(pages.limited(&is_wanted))).collect();
        if asked.is_empty() {
            return std::future::pending().await;
        }
        futures_util::future::select_all(asked).await.0
    }

    /// Resolves once every page has processed the response of this flow.
    pub(crate) async fn processed(&self, flow: FlowId, patience: Duration, place: Place) -> Result<(), Failure> {
        let all = self.sessions();
        if all.is_empty() {
            return Err(Failure::bare(format!("no browser is open that could process {flow}")).at(place));
        }
        for pages in all {
            pages.processed(flow, patience, place).await?;
        }
        Ok(())
    }
}
