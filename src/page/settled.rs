//! The builder that waits for the settled page.

use super::SessionPages;
use super::document::Asking;
use super::open::{self, Ignored};
use crate::filter::Filter;
use crate::flow::Place;
use crate::relay::Kind;
use crate::report::Failure;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The default timeout.
const PATIENCE: Duration = Duration::from_secs(5);

/// A wait for the settled page, returned by [`Browser::settled`](crate::Browser::settled).
///
/// It does nothing until it is awaited. Dropping its future ends the wait.
#[derive(Debug)]
#[must_use = "nothing waits until it is awaited"]
pub struct Settled {
    pages: Arc<SessionPages>,
    ignored: Ignored,
    patience: Duration,
    place: Place,
}

impl Settled {
    pub(crate) fn new(pages: Arc<SessionPages>, place: Place) -> Self {
        let ignored = Ignored { filters: pages.ignored(), frames: false, timers: false };
        Self { pages, ignored, patience: PATIENCE, place }
    }

    /// Leaves out requests that match: a poll, a stream, a widget that is not tested. Only the request is matched.
    pub fn ignore(mut self, filter: Filter) -> Self {
        self.ignored.filters.push(filter);
        self
    }

    /// Leaves out animation frames, for pages that draw without end.
    pub fn ignore_animation(mut self) -> Self {
        self.ignored.frames = true;
        self
    }

    /// Leaves out timers, for pages that restart them again and again.
    pub fn ignore_timers(mut self) -> Self {
        self.ignored.timers = true;
        self
    }

    /// Sets the timeout. The default is 5 seconds.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl IntoFuture for Settled {
    type Output = Result<(), Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { pages, ignored, patience, place } = self;
            // In a record test, observations see the page when everything has happened.
            let _turn = pages.turns.ask(Kind::Observation, "settled", false).await;
            let asking = match (ignored.timers, ignored.frames) {
                (true, _) => Asking::Still,
                (false, true) => Asking::Undrawn,
                (false, false) => Asking::Quiet,
            };
            let settling = pages.settle(&pages.known, asking, |documents, live| {
                !open::open(documents, &pages.beside(documents), live, &ignored).is_empty()
            });
            let is_wanted = |url: &str| !ignored.url(url);
            pages
                .within(&pages.known, (patience, place), "the page did not settle", &ignored, is_wanted, settling)
                .await
        })
    }
}
