//! `hold!`: park what matches, and wait for it.

use super::{Held, PATIENCE, RuleContext, report_context};
use crate::filter::Truth;
use crate::flow::{Place, Request, Stage};
use crate::report::{Failure, caught_although_none_expected, expired};
use crate::rules;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A rule that parks each matching flow until the test decides.
///
/// It is in force from its declaration to the end of the test, or to [`remove`](Self::remove); dropping the handle
/// changes nothing. A hold that never catches anything fails the test, unless it is [`optional`](Self::optional).
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

    /// Waits for the next flow that is parked. A flow that was handed out before never counts again.
    ///
    /// # Errors
    /// When none is parked within 5 seconds (see [`within`](Self::within)): says what passed instead, what came nearest,
    /// what came too early, and what is parked by which line.
    #[track_caller]
    pub fn next(&self) -> impl Future<Output = Result<Held<S>, Failure>> + Send + '_ {
        self.wait(Place::here())
    }

    /// The same, said at a line of the test by somebody else.
    pub(crate) async fn next_at(&self, place: Place) -> Option<Held<S>> {
        tokio::time::timeout(self.patience, self.parked(place)).await.ok()
    }

    /// Waits for the `n`-th flow from now on (`nth(1)` is [`next`](Self::next)). Those before it are released.
    ///
    /// # Errors
    /// As [`next`](Self::next); the time counts anew for each flow.
    #[track_caller]
    pub fn nth(&self, n: usize) -> impl Future<Output = Result<Held<S>, Failure>> + Send + '_ {
        let place = Place::here();
        async move {
            for _ in 1..n {
                drop(self.wait(place).await?);
            }
            self.wait(place).await
        }
    }

    /// Waits until `n` flows are parked, and gives them in the order of parking.
    ///
    /// # Errors
    /// As [`next`](Self::next); the time counts anew for each flow. Those that came are released.
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

    /// Makes sure that nothing is parked for a while. Takes that long: nothing can show that a flow will never come.
    ///
    /// # Errors
    /// When a flow is parked in that time. It is released.
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

    /// Changes how long the waits of this hold last.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// It need not catch anything.
    pub fn optional(self) -> Self {
        self.context.set_optional(self.rule.id);
        self
    }

    /// How many flows it has parked so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.context.hits(self.rule.id)
    }

    /// Releases every flow that it parks and that was not handed out, and goes on parking. Returns how many.
    #[track_caller]
    pub fn release_all(&self) -> usize {
        self.context.release_queued(self.rule.id, Place::here())
    }

    /// Parks no more flows, and releases those that it parks; one that was handed out stays the test's to decide.
    pub fn remove(self) {
        self.context.remove(self.rule.id);
    }

    async fn wait(&self, place: Place) -> Result<Held<S>, Failure> {
        let expired = |waited| expired(&report_context(&self.context), &self.rule, waited, place);
        let began = self.context.journal.now();
        tokio::select! {
            held = tokio::time::timeout(self.patience, self.parked(place)) => held.map_err(|_| expired(self.patience)),
            // What it waits for will not come.
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
            // From here on no change is missed.
            changed.as_mut().enable();
            if let Some(parts) = self.context.take(self.rule.id, place) {
                return Held::new(self.context.clone(), parts, self.patience);
            }
            changed.await;
        }
    }
}
