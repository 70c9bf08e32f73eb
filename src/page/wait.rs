//! Waits for a settled page: queries it again whenever something has happened, until nothing is open.

use super::document::{self, Asking, Documents};
use super::{ANSWER, NONE, SessionPages, open};
use crate::inspector::{Calls, Fault, Inspector, UnderWay};
use crate::journal::{Event, Live};
use std::pin::{Pin, pin};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::futures::Notified;
use tokio::sync::{Mutex, watch};

/// Maximum time from the delivery of a script to its entry in the timing of the document that requested it.
const LOADED: Duration = Duration::from_millis(250);

/// Within this time, the page's requests have arrived at the proxy. A page with an open dialog cannot report them.
const ARRIVED: Duration = Duration::from_millis(250);

/// What a wait has learned, for the next one.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) live: Live,
    /// Delivered scripts that no document has reported yet.
    pub(super) scripts: Vec<(String, Instant)>,
    pub(super) documents: Documents,
    /// The workers whose pending tasks have run.
    pub(super) workers: Vec<String>,
    /// Windows that the test has, or had, beside its first.
    pub(super) others: Vec<String>,
}

/// Why a page did not settle.
pub(super) enum Unsettled {
    /// Its documents do not reply while a navigation of theirs is held.
    Blocked,
    Fault(Fault),
}

impl From<Fault> for Unsettled {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Notifications that the browser sends by itself.
struct News {
    under_way: watch::Receiver<UnderWay>,
    calls: Option<watch::Receiver<Calls>>,
}

impl News {
    fn by(inspector: &Inspector) -> Self {
        Self { under_way: inspector.under_way(), calls: inspector.calls() }
    }

    fn mark_unchanged(&mut self) {
        self.under_way.mark_unchanged();
        self.calls.iter_mut().for_each(watch::Receiver::mark_unchanged);
    }

    async fn changed(&mut self) -> Result<(), Fault> {
        let changed = match &mut self.calls {
            None => self.under_way.changed().await,
            Some(calls) => tokio::select! {
                changed = self.under_way.changed() => changed,
                changed = calls.changed() => changed,
            },
        };
        changed.map_err(|_| Fault::Closed)
    }
}

impl SessionPages {
    /// Resolves once nothing is open but what the test holds. `is_open` decides what counts.
    pub(super) async fn settle(
        &self,
        known: &Mutex<Known>,
        asking: Asking,
        is_open: impl Fn(&Documents, &Live) -> bool,
    ) -> Result<(), Unsettled> {
        let mut known = known.lock().await;
        let (mut before, mut news) = (None, News::by(&self.inspector));
        loop {
            let mut written = pin!(self.journal.written());
            // From here on, nothing is missed.
            written.as_mut().enable();
            news.mark_unchanged();
            self.is_current()?;
            if self.sees_dialog().await {
                let something = something(written, &mut news, std::future::pending());
                if self.is_still(&mut known, something, &is_open).await? {
                    return Ok(());
                }
                before = None;
                continue;
            }
            let looked = tokio::select! {
                looked = self.look(&mut known, asking) => looked?,
                // The reply may never arrive, or be outdated.
                () = &mut written => false,
                moved = news.under_way.changed() => {
                    moved.map_err(|_| Fault::Closed)?;
                    false
                }
            };
            if !looked {
                before = None;
                continue;
            }
            let documents = &known.documents;
            if is_open(documents, &known.live) {
                let something = something(written, &mut news, document::moved(&self.inspector, documents));
                if known.scripts.is_empty() {
                    something.await?;
                } else {
                    tokio::time::timeout(LOADED, something).await.unwrap_or(Ok(()))?;
                }
            } else {
                let has_workers = documents.values().any(|document| document.has_workers);
                let is_alone = documents.len() == 1 && !has_workers;
                // One document is enough; several may exchange messages, so their state must be the same twice.
                if is_alone || before.as_ref() == Some(documents) {
                    return Ok(());
                }
                if has_workers && self.pass_workers(&mut known).await {
                    before = None;
                    continue;
                }
            }
            before = Some(known.documents.clone());
        }
    }

    /// Lets the pending tasks of all workers run, and returns whether one of them is new. A document sends a new worker the
    /// messages that were posted earlier only once its script has run: both must reply once more.
    async fn pass_workers(&self, known: &mut Known) -> bool {
        // Some workers never reply; if the session has ended, the next query fails.
        let passed = tokio::time::timeout(ANSWER, document::pass_workers(&self.inspector, &known.documents)).await;
        let Ok(Ok(workers)) = passed else { return false };
        let is_new = workers.iter().any(|worker| !known.workers.contains(worker));
        known.workers = workers;
        is_new
    }

    /// Fails if the test of these pages has ended: the session may be another's.
    fn is_current(&self) -> Result<(), Fault> {
        if self.has_ended.load(Ordering::Relaxed) { Err(Fault::Closed) } else { Ok(()) }
    }

    /// Returns whether pages with an open dialog wait only for what is held. If not, something has happened.
    async fn is_still(
        &self,
        known: &mut Known,
        something: impl Future<Output = Result<(), Fault>>,
        is_open: impl Fn(&Documents, &Live) -> bool,
    ) -> Result<bool, Fault> {
        known.live.follow(&self.journal);
        if is_open(&NONE, &known.live) {
            return something.await.map(|()| false);
        }
        match tokio::time::timeout(ARRIVED, something).await {
            Ok(happened) => happened.map(|()| false),
            Err(_) => Ok(true),
        }
    }

    /// Journals once what documents have refused because it failed their integrity check.
    fn note_refused(&self, documents: &Documents) {
        for (realm, url) in documents.values().flat_map(|it| it.refused.iter().map(|url| (&it.realm, url))) {
            if self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert((realm.clone(), url.clone())) {
                self.journal.write(Event::Refused { url: url.clone() });
            }
        }
    }

    /// Updates the flows and queries the documents; returns false if either has changed meanwhile.
    async fn look(&self, known: &mut Known, asking: Asking) -> Result<bool, Unsettled> {
        known.live.follow(&self.journal);
        let now = Instant::now();
        known.scripts.extend(known.live.take_scripts().into_iter().map(|script| (script, now)));
        // No document will report these: they were for a worker, another browser, or a frame that has gone.
        known.scripts.retain(|(_, delivered)| now - *delivered < LOADED);
        let scripts: Vec<_> = known.scripts.iter().map(|(script, _)| script.clone()).collect();
        let mut leaving = self.leaving(&known.live);
        leaving.append(&mut self.windows.without_test());
        let documents = document::documents(&self.inspector, &leaving, &known.documents, &scripts, asking);
        let documents = if known.live.parked().any(|flow| flow.destination() == "document") {
            tokio::time::timeout(ANSWER, documents).await.map_err(|_| Unsettled::Blocked)??
        } else {
            documents.await?
        };
        let Some(documents) = documents else { return Ok(false) };
        self.note_refused(&documents);
        let before = std::mem::replace(&mut known.documents, documents);
        if realms(&before).eq(realms(&known.documents)) {
            known.scripts.retain(|(script, _)| open::is_unseen(script, &known.documents));
        } else {
            // A document that has gone cannot report what it has loaded.
            known.scripts.clear();
        }
        Ok(!known.live.follow(&self.journal))
    }
}

/// Resolves when something has happened to a flow, a window or a document.
async fn something(
    written: Pin<&mut Notified<'_>>,
    news: &mut News,
    moved: impl Future<Output = ()>,
) -> Result<(), Fault> {
    tokio::select! {
        () = written => Ok(()),
        heard = news.changed() => heard,
        () = moved => Ok(()),
    }
}

fn realms(documents: &Documents) -> impl Iterator<Item = &str> {
    documents.values().map(|document| &*document.realm)
}
