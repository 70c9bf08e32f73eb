//! Deliveries: what happens to a flow after its verdict.

use super::ends::{Ends, sealed::Sealed};
use super::{PATIENCE, RuleContext, report_context};
use crate::flow::{FlowId, Outcome, Place};
use crate::proxy::End;
use crate::report::{Failure, unfinished};
use std::pin::Pin;
use std::time::Duration;

/// A flow that has its verdict. Awaiting it returns how the flow ended.
///
/// The verdict has already taken effect. Dropping the delivery, or the future made from it, changes nothing.
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

    /// Sets how long to wait for the end; 5 seconds by default.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Waits for the end of the flow, and then until the page has processed it.
    ///
    /// The page has processed a flow when the handlers of the call have run, and the tasks that they queued at once.
    /// Timers that they set may still be pending; [`Browser::settled`](crate::Browser::settled) waits for those too.
    ///
    /// If the browser gave the flow up, no page processes it, and only its end is awaited. Dropping the future does
    /// not affect the flow.
    ///
    /// # Errors
    /// When awaiting the delivery fails, when the page does not process the flow within the same time after its end, or
    /// when no browser is open.
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

    /// Returns the flow's id.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        self.flow
    }
}

impl IntoFuture for Delivery {
    /// [`Outcome::Delivered`] when the last byte was handed to the browser's socket, [`Outcome::ClientGone`] when the
    /// browser gave up first. An error when the flow does not end in time.
    type Output = Result<Outcome, Failure>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move {
            let ended = tokio::time::timeout(self.patience, self.end.wait_for(Option::is_some)).await;
            let outcome = match ended {
                Ok(Ok(outcome)) => outcome.clone(),
                // The proxy has stopped, so its clients are gone.
                Ok(Err(_)) => Some(Outcome::ClientGone),
                Err(_) => None,
            };
            outcome.ok_or_else(|| unfinished(&report_context(&self.context), self.flow, self.patience, self.place))
        })
    }
}

impl Sealed for Delivery {}

impl Ends for Delivery {
    fn end(&self) -> End {
        self.end.clone()
    }
}
