//! What follows a verdict.

use super::{PATIENCE, RuleContext, report_context};
use crate::flow::{FlowId, Outcome, Place};
use crate::proxy::End;
use crate::report::{Failure, unfinished};
use std::pin::Pin;
use std::time::Duration;

/// A flow on its way to its end. The verdict has taken effect already; awaiting this tells how it ended.
///
/// Dropping it changes nothing.
#[derive(Debug)]
pub struct Delivery {
    context: RuleContext,
    flow: FlowId,
    end: End,
    place: Place,
    patience: Duration,
}

impl Delivery {
    pub(super) fn new(context: RuleContext, flow: FlowId, end: End, place: Place) -> Self {
        Self { context, flow, end, place, patience: PATIENCE }
    }

    /// Changes how long to wait for the end; 5 seconds unless said.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for the end, and then until the page has dealt with it: the handlers of the call have run, and the tasks that
    /// they have queued at once. Timers that they have set may still run; [`Browser::settled`](crate::Browser::settled)
    /// waits for those too.
    ///
    /// A flow that the browser gave up has nobody to deal with it.
    ///
    /// # Errors
    /// As awaiting the delivery; also when the page has not dealt with it in time (counted anew), or no browser is open.
    #[track_caller]
    pub fn processed(self) -> impl Future<Output = Result<Outcome, Failure>> + Send {
        let place = Place::here();
        async move {
            let (context, flow, patience) = (self.context.clone(), self.flow, self.patience);
            let outcome = self.into_future().await?;
            if outcome != Outcome::ClientGone {
                context.pages.processed(flow, patience, place).await?;
            }
            Ok(outcome)
        }
    }

    /// Which flow it is.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        self.flow
    }
}

impl IntoFuture for Delivery {
    /// [`Outcome::Delivered`] when the last byte was handed to the browser's socket, [`Outcome::ClientGone`] when the
    /// browser gave up first. An error when neither happens in time.
    type Output = Result<Outcome, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let ended = tokio::time::timeout(self.patience, self.end.wait_for(Option::is_some)).await;
            let outcome = match ended {
                Ok(Ok(outcome)) => outcome.clone(),
                // The proxy is gone, and its clients with it.
                Ok(Err(_)) => Some(Outcome::ClientGone),
                Err(_) => None,
            };
            outcome.ok_or_else(|| unfinished(&report_context(&self.context), self.flow, self.patience, self.place))
        })
    }
}

/// Something whose end can be waited for: a [`Held`](crate::Held) flow, or a [`Delivery`].
pub trait Ends: sealed::Sealed {
    #[doc(hidden)]
    fn end(&self) -> End;
}

impl Ends for Delivery {
    fn end(&self) -> End {
        self.end.clone()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Delivery {}
    impl<S: crate::flow::Stage> Sealed for super::super::Held<S> {}
}
