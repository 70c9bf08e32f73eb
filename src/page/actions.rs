//! What a person does in documents.

use super::SessionPages;
use crate::inspector::Fault;

/// Reports it by messages of the console, which `PageAction` reads.
const ACTIONS: &str = include_str!("actions.js");

impl SessionPages {
    /// Journals what a person does in documents from now on.
    pub(crate) async fn report_actions(&self) -> Result<(), Fault> {
        self.inspector.add_reports(ACTIONS).await
    }
}
