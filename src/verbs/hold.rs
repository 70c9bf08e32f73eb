//! `hold!`: parks matching flows and waits for them.

use super::{Held, PATIENCE, RuleContext, report_context};
use crate::filter::Truth;
use crate::flow::{Place, Request, Stage};
use crate::report::{Failure, caught_although_none_expected, expired, misuse};
use crate::rules;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A rule that parks each matching flow until the test decides.
///
/// The rule is active until the test ends or [`remove`](Self::remove) is called; dropping the handle changes nothing. A
/// hold that never catches anything fails the test, unless it is [`optional`](Self::optional).
#[derive(Debug)]
#[must_use = "a hold parks flows: take them with `.next().await?`, or the browser waits for them until the test ends"]
pub struct Hold<S> {
    context: RuleContext,
    rule: Arc<rules::Rule>,
    patience: Duration,
    stage: PhantomData<S>,
}

impl<S: Stage> Hold<S> {
    pub(crate) fn new(context: RuleContext, rule: Arc<rules::Rule>) -> Self {
        Self { context, rule, patience: PATIENCE, stage: PhantomData }
    }

    /// Waits for the next parked flow.
    ///
    /// Each flow is returned once. The future is cancel safe: dropping it loses no flow.
    ///
    /// # Errors
    /// When no flow is parked within 5 seconds (see [`within`](Self::within)), or when a limit of the browser keeps a
    /// matching request back. The failure lists what passed instead, the nearest miss, what came too early, and what is
    /// parked by which line.
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Result<Held<S>, Failure>> + Send + '_ {
        self.wait(Place::here())
    }

    /// Waits on behalf of another line of the test; returns `None` on timeout.
    pub(crate) async fn next_at(&self, place: Place) -> Option<Held<S>> {
        tokio::time::timeout(self.patience, self.parked(place)).await.ok()
    }

    /// Waits for the `n`-th flow from now on, and releases those before it.
    ///
    /// `nth(1)` is [`next`](Self::next). If the future is dropped, flows that it has released stay released.
    ///
    /// # Errors
    /// Like [`next`](Self::next); the timeout applies to each flow.
    ///
    /// # Panics
    /// When `n` is 0.
    #[track_caller]
    pub fn nth(&self, n: usize) -> impl Future<Output = Result<Held<S>, Failure>> + Send + '_ {
        if n == 0 {
            misuse("nth(0): the first flow is nth(1)");
        }
        let place = Place::here();
        async move {
            for _ in 1..n {
                drop(self.wait(place).await?);
            }
            self.wait(place).await
        }
    }

    /// Waits until `n` flows are parked, and returns them in the order of parking.
    ///
    /// If the future is dropped, the flows that it has taken are released.
    ///
    /// # Errors
    /// Like [`next`](Self::next); the timeout applies to each flow. Flows that were taken before the error are
    /// released.
    #[track_caller]
    pub fn take(&self, n: usize) -> impl Future<Output = Result<Vec<Held<S>>, Failure>> + Send + '_ {
        let place = Place::here();
        async move {
            let mut all = Vec::with_capacity(n);
            for _ in 0..n {
                all.push(self.wait(place).await?);
            }
            Ok(all)
        }
    }

    /// Checks that no flow is parked for a while.
    ///
    /// The call takes the whole `time`, since nothing can show that a flow will never come.
    ///
    /// # Errors
    /// When a flow is already parked, or is parked in that time. That flow is released.
    #[track_caller]
    pub fn none_for(&self, time: Duration) -> impl Future<Output = Result<(), Failure>> + Send + '_ {
        let place = Place::here();
        async move {
            match tokio::time::timeout(time, self.parked(place)).await {
                Err(_) => Ok(()),
                Ok(held) => {
                    Err(caught_although_none_expected(&report_context(&self.context), &self.rule, held.flow(), place))
                }
            }
        }
    }

    /// Sets the timeout of this hold's waits, and of its held flows; 5 seconds by default.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Allows the hold to catch nothing.
    pub fn optional(self) -> Self {
        self.context.set_optional(self.rule.id);
        self
    }

    /// Returns how many flows it has parked so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.context.hits(self.rule.id)
    }

    /// Releases every parked flow that was not handed out, and returns how many.
    ///
    /// The hold continues to park flows.
    #[track_caller]
    pub fn release_all(&self) -> usize {
        self.context.release_queued(self.rule.id, Place::here())
    }

    /// Stops parking, and releases the parked flows that were not handed out.
    ///
    /// A flow that was handed out stays parked until the test decides.
    pub fn remove(self) {
        self.context.remove(self.rule.id);
    }

    async fn wait(&self, place: Place) -> Result<Held<S>, Failure> {
        let expired = |waited| expired(&report_context(&self.context), &self.rule, waited, place);
        let began = self.context.journal.now();
        tokio::select! {
            held = tokio::time::timeout(self.patience, self.parked(place)) => held.map_err(|_| expired(self.patience)),
            // The browser keeps the request back, so it will not come.
            limit = self.context.pages.limited(|url| self.may_catch(url)), if !S::NAME.is_part() => {
                Err(limit.tell(expired(self.context.journal.now().saturating_sub(began))))
            }
        }
    }

    fn may_catch(&self, url: &str) -> bool {
        Request::get(url).is_some_and(|request| self.rule.matches(&request, None) != Truth::No)
    }

    async fn parked(&self, place: Place) -> Held<S> {
        loop {
            let mut changed = std::pin::pin!(self.context.changed());
            // Registered before the look, so that no change is missed.
            changed.as_mut().enable();
            if let Some(parts) = self.context.take(self.rule.id, place) {
                return Held::new(self.context.clone(), parts, self.patience);
            }
            changed.await;
        }
    }
}
