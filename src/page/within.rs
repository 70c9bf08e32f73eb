//! How a wait for the pages ends if they do not get there: after its time, or at a limit of the browser.

use super::document::{self, Asking};
use super::open::{self, Ignored};
use super::wait::{Known, Unsettled};
use super::{ANSWER, Limit, NONE, SessionPages, explain, limit};
use crate::flow::Place;
use crate::journal::Live;
use crate::report::Failure;
use std::time::Duration;
use tokio::sync::Mutex;

impl SessionPages {
    /// Ends a wait after `patience`, or when a limit of the browser keeps a wanted call back, with what is open then.
    pub(super) async fn within(
        &self,
        known: &Mutex<Known>,
        (patience, place): (Duration, Place),
        what: &str,
        ignored: &Ignored,
        is_wanted: impl Fn(&str) -> bool + Send,
        settling: impl Future<Output = Result<(), Unsettled>>,
    ) -> Result<(), Failure> {
        let settling = tokio::time::timeout(patience, settling);
        let ended = tokio::select! {
            ended = settling => ended,
            limit = self.limited(is_wanted) => return Err(limit.tell(Failure::bare(what)).at(place)),
        };
        let failure = match ended {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Unsettled::Blocked)) => explain::blocked(&known.lock().await.live),
            Ok(Err(Unsettled::Fault(error))) => Failure::bare(format!("{what}: {error}")),
            Err(_) => self.expired(known, what, patience, ignored).await,
        };
        Err(failure.at(place))
    }

    /// Resolves when the page waits for a call that its browser keeps back because of a limit: that is clear a moment
    /// after the request.
    pub(crate) async fn limited(&self, is_wanted: impl Fn(&str) -> bool + Send) -> Limit {
        let mut before = None;
        loop {
            // A call may be on its way to the proxy, or its response on the way to the page, so one observation is not
            // enough.
            let wait = if before.is_none() { limit::FIRST } else { limit::AGAIN };
            drop(tokio::time::timeout(wait, std::future::pending::<()>()).await);
            let others = self.windows.without_test();
            let asking = document::documents(&self.inspector, &others, &NONE, &[], Asking::Now);
            let Ok(Ok(Some(documents))) = tokio::time::timeout(ANSWER, asking).await else { continue };
            let mut live = Live::default();
            live.follow(&self.journal);
            let limit = limit::limit(&documents, &live, &is_wanted);
            match limit {
                Some(limit) if before.as_ref() == Some(&limit) => return limit,
                limit => before = limit,
            }
        }
    }

    async fn expired(&self, known: &Mutex<Known>, what: &str, patience: Duration, ignored: &Ignored) -> Failure {
        let mut known = known.lock().await;
        known.live.follow(&self.journal);
        let Known { live, scripts, .. } = &*known;
        let scripts: Vec<_> = scripts.iter().map(|(script, _)| script.clone()).collect();
        let mut leaving = self.leaving(live);
        leaving.append(&mut self.windows.without_test());
        let asking = document::documents(&self.inspector, &leaving, &NONE, &scripts, Asking::Now);
        let headline = format!("{what} within {patience:?}");
        match tokio::time::timeout(ANSWER, asking).await {
            Ok(Ok(Some(documents))) => {
                explain::still_open(&headline, &open::open(&documents, &self.beside(&documents), live, ignored))
            }
            _ => explain::mute(&headline),
        }
    }
}
