//! Held flows: parked flows that the test decides on.

use super::ends::sealed::Sealed;
use super::{Delivery, Ends, IntoAnswer, RuleContext, report_context};
use crate::flow::{Content, FlowId, Outcome, Place, Request, Response, Stage, Whole};
use crate::proxy::{End, Heads, HeldParts, Verdict};
use crate::report::{Failure, misuse, still_waited_for, unfinished};
use crate::rules::AbortKind;
use bytes::Bytes;
use std::marker::PhantomData;
use std::time::Duration;
use tokio::sync::oneshot;

/// One parked flow, waiting for a verdict.
///
/// A verdict consumes it. Dropping it without a verdict releases the flow, with the edits made so far.
#[derive(Debug)]
#[must_use = "a held flow that is dropped is released"]
pub struct Held<S: Stage> {
    pub(super) context: RuleContext,
    pub(super) parts: HeldParts,
    pub(super) edited: bool,
    decided: bool,
    patience: Duration,
    stage: PhantomData<S>,
}

impl<S: Stage> Held<S> {
    pub(super) fn new(context: RuleContext, parts: HeldParts, patience: Duration) -> Self {
        Self { context, parts, edited: false, decided: false, patience, stage: PhantomData }
    }

    /// Returns the flow's id.
    #[must_use]
    pub fn flow(&self) -> FlowId {
        self.parts.flow
    }

    /// Returns the request, with the edits made so far.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.parts.request
    }

    /// Releases the flow.
    ///
    /// This takes effect immediately; await the [`Delivery`] to learn how the flow ended.
    #[track_caller]
    pub fn release(self) -> Delivery {
        self.decide("released", Place::here(), Verdict::Release)
    }

    /// Releases the flow on behalf of another line of the test.
    pub(crate) fn release_at(self, place: Place) -> Delivery {
        self.decide("released", place, Verdict::Release)
    }

    /// Releases the flow once another one has ended.
    ///
    /// The other flow ends when it is delivered, aborted, or given up by the browser. The end of the test also releases
    /// the flow.
    #[track_caller]
    pub fn release_after(self, other: &impl Ends) -> Delivery {
        let end = other.end();
        self.decide("to be released after another flow", Place::here(), move |heads| Verdict::ReleaseAfter(end, heads))
    }

    /// Aborts the flow; at the stage of a part, the whole stream.
    ///
    /// [`AbortKind::Discard`] drops only the part.
    ///
    /// # Panics
    /// When `kind` does not fit the stage, as for [`abort`](crate::Verbs::abort).
    #[track_caller]
    pub fn abort(self, kind: AbortKind) -> Delivery {
        if let Err(why) = kind.fits(S::NAME) {
            misuse(&format!("held.abort {why}"));
        }
        self.decide("aborted", Place::here(), |_| Verdict::Abort(kind))
    }

    /// Waits until the browser gives the flow up: EOF on HTTP/1, RST_STREAM on HTTP/2.
    ///
    /// A navigation does not always end a call: a full Chromium may keep the page, and its calls, in its back/forward
    /// cache. Dropping the future leaves the flow parked.
    ///
    /// # Errors
    /// When the browser still waits for the flow after the hold's timeout, or when the flow has ended otherwise.
    #[track_caller]
    pub fn cancelled(&self) -> impl Future<Output = Result<(), Failure>> + Send + '_ {
        let (place, mut end) = (Place::here(), self.parts.end.clone());
        async move {
            match tokio::time::timeout(self.patience, end.wait_for(Option::is_some)).await {
                Ok(Ok(outcome)) if *outcome != Some(Outcome::ClientGone) => {}
                // The proxy has stopped, so its clients are gone.
                Ok(_) => return Ok(()),
                Err(_) => {
                    return Err(still_waited_for(&report_context(&self.context), self.flow(), self.patience, place));
                }
            }
            Err(self.lost("was not given up", place))
        }
    }

    /// Returns whether the browser has given the flow up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.parts.end.borrow() == Some(Outcome::ClientGone)
    }

    async fn read(&self, place: Place) -> Result<Bytes, Failure> {
        let (reply, answer) = oneshot::channel();
        self.context.read_body(self.flow(), reply);
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(Ok(bytes))) => Ok(bytes),
            Ok(Ok(Err(fault))) => {
                Err(Failure::bare(format!("the body of {} could not be read: {fault}", self.flow())).at(place))
            }
            Ok(Err(_)) => Err(self.lost("has no body to read", place)),
            Err(_) => Err(unfinished(&report_context(&self.context), self.flow(), self.patience, place)),
        }
    }

    /// Explains why the flow is not where the test expects it.
    fn lost(&self, what: &str, place: Place) -> Failure {
        let why = match &*self.parts.end.borrow() {
            Some(Outcome::ClientGone) => "its client gave it up while it was parked".to_owned(),
            Some(outcome) => format!("it has ended: {outcome}"),
            None => "its rule was removed, which released the flow".to_owned(),
        };
        Failure::bare(format!("{} {what}: {why}", self.flow())).at(place)
    }

    pub(super) fn decide(
        mut self,
        says: &'static str,
        place: Place,
        verdict: impl FnOnce(Heads) -> Verdict,
    ) -> Delivery {
        let verdict = verdict(self.heads());
        self.decided = true;
        self.context.decide(self.flow(), says, Some(place), verdict);
        Delivery::new(self.context.clone(), self.flow(), self.parts.end.clone(), place)
    }

    fn heads(&self) -> Heads {
        let edited = |heads: Heads| if self.edited { heads } else { Heads::default() };
        let HeldParts { request, response, part, .. } = &self.parts;
        edited(match (part, response) {
            (Some(part), _) => Heads { part: Some(part.clone()), ..Heads::default() },
            (None, Some(response)) => Heads { response: Some(Box::new(response.clone())), ..Heads::default() },
            (None, None) => Heads { request: Some(Box::new(request.clone())), ..Heads::default() },
        })
    }
}

impl<S: Whole> Held<S> {
    /// Responds in the upstream's place: a status, `(status, body)`, or any [`http::Response`].
    ///
    /// # Panics
    /// As [`IntoAnswer::into_answer`].
    #[track_caller]
    pub fn respond(self, answer: impl IntoAnswer) -> Delivery {
        let answer = Box::new(answer.into_answer());
        self.decide("response given by the test", Place::here(), |_| Verdict::Respond(answer))
    }
}

impl Held<Request> {
    /// Edits the request before it is sent on.
    pub fn edit(&mut self, change: impl FnOnce(&mut Request)) {
        change(&mut self.parts.request);
        self.edited = true;
    }

    /// Reads the request's body, with its content-encoding undone.
    ///
    /// The flow stays parked, also if the future is dropped.
    ///
    /// # Errors
    /// When the body is larger than 16 MiB ([`limit_bodies`](crate::Mitm::limit_bodies)), when it is not complete
    /// within the hold's timeout, or when the client is gone.
    #[track_caller]
    pub fn body(&self) -> impl Future<Output = Result<Bytes, Failure>> + Send + '_ {
        self.read(Place::here())
    }

    /// Stores the body that was read, so that [`request`](Self::request) returns it.
    pub(crate) fn note_body(&mut self, body: Bytes) {
        self.parts.request.content = Content::Read(body);
    }

    /// Sends the request to the upstream, and parks the flow again with the response.
    ///
    /// This is mitmproxy's `a` pressed once. The request is sent by this call, not when the future is polled. If the
    /// future fails or is dropped, the flow is released when its response arrives.
    ///
    /// # Errors
    /// When the upstream does not respond within the hold's timeout, when it fails, when the client is gone, or when
    /// the hold is removed.
    #[track_caller]
    pub fn advance(mut self) -> impl Future<Output = Result<Held<Response>, Failure>> + Send {
        let place = Place::here();
        let (reply, response) = oneshot::channel();
        self.decided = true;
        let verdict = Verdict::Advance(self.heads(), place, reply);
        self.context.decide(self.flow(), "advanced to the upstream", Some(place), verdict);
        async move {
            match tokio::time::timeout(self.patience, response).await {
                Ok(Ok(handover)) => match handover.take() {
                    Some(parts) => Ok(Held::new(self.context.clone(), parts, self.patience)),
                    None => Err(self.lost("was not parked with its response", place)),
                },
                Ok(Err(_)) => Err(self.lost("was not parked with its response", place)),
                Err(_) => Err(unfinished(&report_context(&self.context), self.flow(), self.patience, place)),
            }
        }
    }
}

impl Held<Response> {
    /// Returns the response, with the edits made so far.
    #[must_use]
    pub fn response(&self) -> &Response {
        self.parts.response.as_ref().expect("a flow that is parked at its response has one")
    }

    /// Edits the response before it is sent on.
    pub fn edit(&mut self, change: impl FnOnce(&mut Response)) {
        change(self.parts.response.as_mut().expect("a flow that is parked at its response has one"));
        self.edited = true;
    }

    /// Reads the response's body, with its content-encoding undone.
    ///
    /// The flow stays parked, also if the future is dropped.
    ///
    /// # Errors
    /// When the body is larger than 16 MiB ([`limit_bodies`](crate::Mitm::limit_bodies)), when it is not complete
    /// within the hold's timeout, or when it breaks off.
    #[track_caller]
    pub fn body(&self) -> impl Future<Output = Result<Bytes, Failure>> + Send + '_ {
        self.read(Place::here())
    }
}

impl<S: Stage> Sealed for Held<S> {}

impl<S: Stage> Ends for Held<S> {
    fn end(&self) -> End {
        self.parts.end.clone()
    }
}

impl<S: Stage> Drop for Held<S> {
    fn drop(&mut self) {
        if !self.decided {
            let verdict = Verdict::Release(self.heads());
            self.context.decide(self.flow(), "released, since its handle was dropped", None, verdict);
        }
    }
}
