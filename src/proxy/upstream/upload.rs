//! The body of a request to an upstream. As long as it is short, the sent part is kept, so that it can be sent again.

use crate::proxy::shaping::{Broken, Shaped};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How many bytes of a body are kept for another attempt.
const KEEP: usize = 64 * 1024;
/// How long a body is read that no server wants any more: a client that is still sending would see a reset instead of
/// the response.
const DRAIN_WITHIN: Duration = Duration::from_secs(20);

/// A body that can be sent more than once.
#[derive(Debug)]
pub(super) struct Upload(Option<Arc<Mutex<State>>>);

#[derive(Debug)]
struct State {
    body: Shaped,
    /// Frames to send before the rest of the body in this attempt.
    again: VecDeque<Frame<Bytes>>,
    /// Frames sent in this attempt; `None` if they are too long, or the body has broken off.
    kept: Option<Vec<Frame<Bytes>>>,
    size: usize,
    /// The number of the current attempt. Earlier ones get no more frames.
    attempt: u64,
    /// Whether `body` has no more frames; `again` may have some.
    ended: bool,
}

impl Upload {
    pub(super) fn new(body: Shaped) -> Self {
        if body.is_end_stream() {
            return Self(None);
        }
        let (again, kept) = (VecDeque::new(), Some(Vec::new()));
        Self(Some(Arc::new(Mutex::new(State { body, again, kept, size: 0, attempt: 0, ended: false }))))
    }

    /// Returns the body for one attempt. After the first one, call this only if [`can_go_again`](Self::can_go_again)
    /// returns true.
    pub(super) fn attempt(&self) -> Attempt {
        let Some(shared) = &self.0 else { return Attempt { state: None, number: 0 } };
        let mut state = lock(shared);
        state.attempt += 1;
        let sent = state.kept.replace(Vec::new()).unwrap_or_default();
        sent.into_iter().rev().for_each(|frame| state.again.push_front(frame));
        state.size = 0;
        let number = state.attempt;
        drop(state);
        Attempt { state: Some(Arc::clone(shared)), number }
    }

    /// Returns whether the body is certainly short enough to be kept whole.
    pub(super) fn will_be_kept(&self) -> bool {
        let upper = self.0.as_ref().map_or(Some(0), |state| lock(state).body.size_hint().upper());
        upper.is_some_and(|size| size <= KEEP as u64)
    }

    /// Returns whether everything sent so far was kept.
    pub(super) fn can_go_again(&self) -> bool {
        self.0.as_ref().is_none_or(|state| lock(state).kept.is_some())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Frames are moved whole, so a panic elsewhere leaves the queues intact.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = match self.again.pop_front() {
            Some(frame) => Some(Ok(frame)),
            None if self.ended => None,
            None => ready!(Pin::new(&mut self.body).poll_frame(cx)),
        };
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            // A body that has broken off cannot be sent again.
            Some(Err(_)) => (self.kept, self.ended) = (None, true),
            None => self.ended = true,
        }
        Poll::Ready(frame)
    }

    fn keep(&mut self, frame: &Frame<Bytes>) {
        self.size += frame.data_ref().map_or(0, Bytes::len);
        if self.size > KEEP {
            self.kept = None;
        } else if let Some(kept) = &mut self.kept {
            kept.extend(copy(frame));
        }
    }

    fn is_end(&self) -> bool {
        self.again.is_empty() && (self.ended || self.body.is_end_stream())
    }
}

fn copy(frame: &Frame<Bytes>) -> Option<Frame<Bytes>> {
    let data = frame.data_ref().map(|data| Frame::data(data.clone()));
    data.or_else(|| frame.trailers_ref().map(|trailers| Frame::trailers(trailers.clone())))
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.is_end()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let mut body = std::mem::take(&mut self.body);
            // Ends at once if the client is gone.
            let drain = async move { while let Some(Ok(_)) = body.frame().await {} };
            runtime.spawn(tokio::time::timeout(DRAIN_WITHIN, drain));
        }
    }
}

/// The body in one attempt to send it.
#[derive(Debug)]
pub(super) struct Attempt {
    state: Option<Arc<Mutex<State>>>,
    number: u64,
}

impl Body for Attempt {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Some(state) = &self.state else { return Poll::Ready(None) };
        let mut state = lock(state);
        // A connection may not have noticed yet that it has failed.
        if state.attempt != self.number { Poll::Ready(None) } else { state.poll(cx) }
    }

    fn is_end_stream(&self) -> bool {
        self.state.as_ref().is_none_or(|state| lock(state).is_end())
    }

    fn size_hint(&self) -> SizeHint {
        let Some(state) = &self.state else { return SizeHint::with_exact(0) };
        let state = lock(state);
        let again = state.again.iter().filter_map(Frame::data_ref).map(|data| data.len() as u64).sum::<u64>();
        let rest = state.body.size_hint();
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + again);
        }
        hint.set_lower(rest.lower() + again);
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::body::Source;
    use crate::proxy::shaping::Shaping;

    #[tokio::test]
    async fn a_body_that_was_sent_to_its_end_goes_again_whole() {
        let upload = Upload::new(Shaped::new(Source::whole(Bytes::from_static(b"body")), Shaping::default()));
        for _ in 0..3 {
            assert!(upload.can_go_again());
            let attempt = upload.attempt();
            // hyper sends no body if this returns true.
            assert!(!attempt.is_end_stream());
            assert_eq!(attempt.size_hint().exact(), Some(4));
            assert_eq!(attempt.collect().await.expect("a body").to_bytes(), "body");
        }
    }
}
