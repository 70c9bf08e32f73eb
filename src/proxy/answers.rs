//! What goes back to the client: the response of a flow, one of the proxy's own, or a cut.

use super::body::Source;
use super::connection::Connection;
use super::cut::Cut;
use super::delivery::Delivery;
use super::envelope::Envelope;
use super::flow_guard::FlowGuard;
use super::gate::Stream;
use super::shaping::{Shaped, Shaping};
use super::stream::{Kind, Outgoing, Parted};
use super::{content, hop};
use crate::flow::{Fault, Outcome, Request, Response, StageName};
use crate::journal::Event;
use crate::rules::AbortKind;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Version};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A response as hyper sends it.
pub(super) type Answer = hyper::Response<Delivery>;

impl Connection {
    /// Returns the flow's response. Its body ends the flow once it is handed to the socket.
    pub(super) fn deliver(
        &self,
        mut guard: FlowGuard,
        mut response: Envelope<Response>,
        is_head: bool,
        parts: Option<(Kind, Stream)>,
    ) -> Answer {
        let has_body = !is_head && !hop::never_has_body(response.head.status);
        if has_body && let Some(fault) = response.mismatch() {
            return self.fail(guard, fault, is_head);
        }
        if !has_body {
            response.body = Source::default();
            if !is_head && response.head.status != StatusCode::NOT_MODIFIED {
                // An HTTP/2 client would wait for as many bytes.
                hop::remove(&mut response.head.headers, &[header::CONTENT_LENGTH]);
            }
        }
        let body = match parts.filter(|_| has_body) {
            None => {
                if has_body {
                    response.capture = Some(guard.capture(StageName::Response));
                }
                Outgoing::Whole(response.take_body())
            }
            Some((kind, stream)) => {
                if kind == Kind::Events {
                    hop::remove(&mut response.head.headers, &[header::CONTENT_LENGTH]);
                }
                let is_http1 = stream.request.version != Version::HTTP_2;
                let reset = is_http1.then(|| Arc::clone(&self.reset));
                Parted::new(kind, response.take_body(), &self.shared.gate, stream, reset).into_body()
            }
        };
        let Envelope { mut head, extensions, .. } = response;
        if self.shared.revalidates.load(Ordering::Relaxed) {
            content::revalidate(&mut head.headers);
        }
        let mut answer = hyper::Response::new(Delivery::new(body, Some(guard), Arc::clone(&self.flushes)));
        *answer.status_mut() = head.status;
        *answer.headers_mut() = head.headers;
        *answer.extensions_mut() = extensions;
        answer
    }

    /// Whether a request lacks the required credential.
    pub(super) fn refuses(&self, headers: &HeaderMap) -> bool {
        // Inside a CONNECT, the credential was checked at the CONNECT.
        self.origin.is_none() && self.shared.credential.as_ref().is_some_and(|credential| !credential.is_in(headers))
    }

    pub(super) fn ask_for_credential(&self) -> Answer {
        let mut answer = self.own_answer(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "", None);
        let basic = HeaderValue::from_static("Basic realm=\"holdup\"");
        answer.headers_mut().insert(header::PROXY_AUTHENTICATE, basic);
        answer
    }

    /// Ends a flow as failed, with a 502 whose text is the fault.
    pub(super) fn fail(&self, guard: FlowGuard, fault: Fault, is_head: bool) -> Answer {
        let text = format!("holdup could not fetch this\n\n{fault}\n");
        guard.end(Outcome::Failed(fault));
        let text = if is_head { "" } else { &text };
        self.own_answer(StatusCode::BAD_GATEWAY, text, Some("text/plain; charset=utf-8"))
    }

    pub(super) fn own_answer(&self, status: StatusCode, text: &str, kind: Option<&'static str>) -> Answer {
        let whole = Source::whole(Bytes::copy_from_slice(text.as_bytes()));
        let body = Outgoing::Whole(Shaped::new(whole, Shaping::default()));
        let mut answer = hyper::Response::new(Delivery::new(body, None, Arc::clone(&self.flushes)));
        *answer.status_mut() = status;
        if let Some(kind) = kind {
            answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        answer
    }

    /// Aborts a flow at its request.
    pub(super) async fn abort(
        &self,
        guard: FlowGuard,
        kind: AbortKind,
        request: &mut Envelope<Request>,
    ) -> Result<Answer, Cut> {
        let AbortKind::Truncate(after) = kind else { return self.cut(guard, kind, request).await };
        if request.head.method == Method::HEAD {
            // There is no body to break off.
            let answer = Envelope::new(Response::made(StatusCode::OK, ""), Source::default());
            return Ok(self.deliver(guard, answer, true, None));
        }
        // A body of blanks that breaks off before the last.
        let size = usize::try_from(after).unwrap_or(usize::MAX).min(request.limit) + 1;
        let body = Source::whole(vec![b' '; size].into());
        let mut answer = Envelope::new(Response::made(StatusCode::OK, ""), body);
        answer.shaping.cut_after = Some(after);
        Ok(self.deliver(guard, answer, false, None))
    }

    /// Ends a flow without a response, or with bytes that are not HTTP.
    pub(super) async fn cut(
        &self,
        guard: FlowGuard,
        kind: AbortKind,
        request: &mut Envelope<Request>,
    ) -> Result<Answer, Cut> {
        if kind == AbortKind::Stall {
            self.shared.journal.write(Event::Stalled { flow: guard.flow() });
            request.while_reading_ahead(self.shared.gate.test_ended()).await;
        }
        guard.end(Outcome::Aborted);
        // On HTTP/2, the stream itself is reset, and the connection stays open.
        let is_http1 = request.head.version != Version::HTTP_2;
        match kind {
            AbortKind::Reset if is_http1 => self.reset.store(true, Ordering::Relaxed),
            AbortKind::Malformed if is_http1 => {
                self.garbled.store(true, Ordering::Relaxed);
                let mut answer = self.own_answer(StatusCode::OK, "", None);
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                return Ok(answer);
            }
            AbortKind::Goaway => self.goaway.notify_one(),
            _ => {}
        }
        Err(Cut(h2::Error::from(match kind {
            AbortKind::Reset | AbortKind::Truncate(_) => h2::Reason::INTERNAL_ERROR,
            AbortKind::Malformed => h2::Reason::PROTOCOL_ERROR,
            AbortKind::Goaway => h2::Reason::REFUSED_STREAM,
            AbortKind::Close | AbortKind::Stall | AbortKind::Discard => h2::Reason::CANCEL,
        })))
    }
}
