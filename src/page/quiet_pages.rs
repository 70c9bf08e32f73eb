//! What an execution asks pages that are quiet: what a reader sees, and whether anything can still come.

use super::document::Appearance;
use super::{SessionPages, document};

impl SessionPages {
    /// Returns what a reader sees of the pages. `None` while a dialog is open.
    pub(crate) async fn appearance(&self) -> Option<Appearance> {
        if self.has_dialog() {
            return None;
        }
        document::appearance(&self.inspector, &self.windows.all_without_test().await).await.ok()
    }

    /// Returns whether the pages, which are quiet, may still change by themselves: a stream is open, or a timer of more than
    /// a second is pending.
    pub(crate) async fn may_change(&self) -> bool {
        let known = self.known.lock().await;
        known
            .documents
            .values()
            .any(|document| document.slow > 0 || document.has_workers || !document.streams.is_empty())
    }

    /// Returns the timers that the pages set again and again, which are not waited for.
    pub(crate) async fn folded(&self) -> Vec<String> {
        self.known.lock().await.documents.values().flat_map(|document| document.folded.clone()).collect()
    }
}
