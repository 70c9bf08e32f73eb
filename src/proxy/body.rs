//! A body on its way: frames that were read ahead, then the rest of the stream.

use super::framing::Framing;
use super::local_file::LocalFile;
use crate::flow::{Fault, FaultStage};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The most of a body that is ever read into memory, for a rule that looks into it, unless the test says otherwise.
pub(super) const LIMIT: usize = 16 * 1024 * 1024;

/// A body: what was read ahead, then the rest.
#[derive(Debug, Default)]
pub(super) struct Source {
    ahead: VecDeque<Frame<Bytes>>,
    rest: Option<Rest>,
    /// Set by an error while reading ahead; delivered when the reader gets there.
    broken: Option<BodyError>,
    /// Of the connection that it comes on.
    framing: Option<Framing>,
}

/// What has not been read yet.
#[derive(Debug)]
enum Rest {
    Incoming(Incoming),
    File(LocalFile),
}

impl Rest {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Incoming(rest) => Pin::new(rest).poll_frame(cx).map_err(BodyError::Wire),
            Self::File(rest) => rest.poll_piece(cx).map_ok(Frame::data).map_err(BodyError::File),
        }
    }

    fn is_at_its_end(&self) -> bool {
        match self {
            Self::Incoming(rest) => rest.is_end_stream(),
            Self::File(rest) => rest.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(rest) => rest.size_hint(),
            Self::File(rest) => SizeHint::with_exact(rest.left()),
        }
    }
}

/// Why a body does not come to its end.
#[derive(Debug)]
pub(super) enum BodyError {
    Wire(hyper::Error),
    File(io::Error),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wire(error) => error.fmt(f),
            Self::File(error) => error.fmt(f),
        }
    }
}

impl Error for BodyError {
    /// The text is that of the error itself.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Wire(error) => error.source(),
            Self::File(error) => error.source(),
        }
    }
}

impl Source {
    pub(super) fn stream(rest: Incoming) -> Self {
        // A body that is known to be empty must say so at once: a GET would otherwise go out chunked.
        Self { rest: (!rest.is_end_stream()).then_some(Rest::Incoming(rest)), ..Self::default() }
    }

    /// The same, and tells the connection when content has come.
    pub(super) fn counted(rest: Incoming, framing: Option<Framing>) -> Self {
        Self { framing, ..Self::stream(rest) }
    }

    pub(super) fn file(file: LocalFile) -> Self {
        Self { rest: Some(Rest::File(file)), ..Self::default() }
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        let ahead = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([Frame::data(bytes)]) };
        Self { ahead, ..Self::default() }
    }

    /// Reads frames into memory until the end, an error, or more than the limit.
    pub(super) async fn read_ahead(&mut self, limit: usize) {
        let mut size = self.size_ahead();
        while let Some(rest) = &mut self.rest
            && size <= limit
        {
            match poll_fn(|cx| rest.poll_frame(cx)).await {
                Some(Ok(frame)) => {
                    self.framing.iter().for_each(Framing::content);
                    size += frame.data_ref().map_or(0, Bytes::len);
                    self.ahead.push_back(frame);
                }
                Some(Err(error)) => {
                    self.broken = Some(error);
                    self.rest = None;
                }
                None => self.rest = None,
            }
        }
    }

    /// Reads all of a body that says that it is short.
    pub(super) async fn read_ahead_if_short(&mut self) {
        if self.size_hint().upper().is_some_and(|size| size <= LIMIT as u64) {
            self.read_ahead(LIMIT).await;
        }
    }

    /// Whether whoever sends it has left in the middle of it.
    pub(super) fn sender_has_left(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let Some(BodyError::Wire(broken)) = &self.broken else { return false };
        let mut cause = Some(broken as &(dyn Error + 'static));
        while let Some(error) = cause {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)) {
                return true;
            }
            cause = error.source();
        }
        broken.is_incomplete_message()
    }

    /// Whether nothing more will come.
    pub(super) fn is_read(&self) -> bool {
        self.rest.is_none()
    }

    pub(super) async fn read_whole(&mut self, limit: usize) -> Result<Bytes, Fault> {
        self.read_ahead(limit).await;
        if let Some(error) = &self.broken {
            return Err(Fault::from_error(FaultStage::Body, "while a rule read the body", error));
        }
        if self.size_ahead() > limit {
            let what = format!(
                "a rule wants to read a body of more than {limit} bytes; narrow its filter, or `mitm.limit_bodies(..)`"
            );
            return Err(Fault::new(FaultStage::Rule, what));
        }
        let mut whole = BytesMut::new();
        self.ahead.iter().filter_map(Frame::data_ref).for_each(|data| whole.extend_from_slice(data));
        Ok(whole.freeze())
    }

    fn size_ahead(&self) -> usize {
        self.ahead.iter().filter_map(Frame::data_ref).map(Bytes::len).sum()
    }

    /// What stands behind the body, if that was read to its end.
    pub(super) fn trailers(&self) -> Option<HeaderMap> {
        self.ahead.iter().find_map(Frame::trailers_ref).cloned()
    }

    pub(super) fn push_trailers(&mut self, trailers: HeaderMap) {
        self.ahead.push_back(Frame::trailers(trailers));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.rest.is_none() && self.broken.is_none()
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(frame) = self.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let frame = ready!(rest.poll_frame(cx));
        self.framing.iter().for_each(Framing::content);
        let Some(rest) = &self.rest else { return Poll::Ready(frame) };
        if frame.is_none() || rest.is_at_its_end() {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = self.size_ahead() as u64;
        let rest = match (&self.rest, &self.broken) {
            (Some(rest), _) => rest.size_hint(),
            (None, Some(_)) => SizeHint::new(),
            (None, None) => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + ahead);
        }
        hint.set_lower(rest.lower() + ahead);
        hint
    }
}
