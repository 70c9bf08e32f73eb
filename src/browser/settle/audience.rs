//! The sessions that use one proxy: whoever gets an answer must deal with it.

use super::Pages;
use crate::flow::{FlowId, Place};
use crate::report::Failure;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Every session of one [`Mitm`](crate::Mitm).
#[derive(Debug, Default)]
pub(crate) struct Audience(Mutex<Vec<Weak<Pages>>>);

impl Audience {
    pub(crate) fn join(&self, pages: &Arc<Pages>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(pages));
    }

    /// Resolves once no page has yet to deal with the answer of this flow.
    pub(crate) async fn processed(&self, flow: FlowId, patience: Duration, place: Place) -> Result<(), Failure> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let all: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
        if all.is_empty() {
            return Err(Failure::bare(format!("no browser is open that could deal with {flow}")).at(place));
        }
        for pages in all {
            pages.processed(flow, patience, place).await?;
        }
        Ok(())
    }
}
