//! A body in transit: frames that were read ahead, then the rest of the stream.

use super::framing::Framing;
use super::local_file::LocalFile;
use crate::flow::{Fault, FaultStage};
use bytes::{Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt};
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
use std::time::Duration;

/// The default for the bytes of a body that are read into memory for a rule.
pub(super) const LIMIT: usize = 16 * 1024 * 1024;

/// For how long, and how much, an upload is read on behind a response that did not wait for it.
const LINGER: Duration = Duration::from_secs(30);
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// A body: the frames that were read ahead, then the rest.
#[derive(Debug, Default)]
pub(super) struct Source {
    ahead: VecDeque<Frame<Bytes>>,
    rest: Option<Rest>,
    /// An error of reading ahead; returned once the frames before it are.
    broken: Option<BodyError>,
    /// The byte count of the connection that the body arrives on.
    framing: Option<Framing>,
}

/// The part of a body that has not been read yet.
#[derive(Debug)]
enum Rest {
    Incoming(Incoming),
    File(LocalFile),
    Made(Made),
}

/// A body that this process makes piece by piece.
struct Made(Pin<Box<dyn Stream<Item = Bytes> + Send + Sync>>);

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made(..)")
    }
}

impl Rest {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Incoming(rest) => Pin::new(rest).poll_frame(cx).map_err(BodyError::Wire),
            Self::File(rest) => rest.poll_piece(cx).map_ok(Frame::data).map_err(BodyError::File),
            Self::Made(Made(rest)) => rest.poll_next_unpin(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_at_its_end(&self) -> bool {
        match self {
            Self::Incoming(rest) => rest.is_end_stream(),
            Self::File(rest) => rest.left() == 0,
            Self::Made(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Incoming(rest) => rest.size_hint(),
            Self::File(rest) => SizeHint::with_exact(rest.left()),
            Self::Made(_) => SizeHint::default(),
        }
    }
}

/// Why a body is incomplete.
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
    /// `Display` already prints the wrapped error, so this skips to its source.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Wire(error) => error.source(),
            Self::File(error) => error.source(),
        }
    }
}

impl Source {
    pub(super) fn stream(rest: Incoming) -> Self {
        // A body that is known to be empty must be empty from the start: a GET would otherwise be sent chunked.
        Self { rest: (!rest.is_end_stream()).then_some(Rest::Incoming(rest)), ..Self::default() }
    }

    /// Like [`stream`](Self::stream), and resets the connection's byte count with each frame.
    pub(super) fn counted(rest: Incoming, framing: Option<Framing>) -> Self {
        Self { framing, ..Self::stream(rest) }
    }

    pub(super) fn file(file: LocalFile) -> Self {
        Self { rest: Some(Rest::File(file)), ..Self::default() }
    }

    pub(super) fn made(pieces: impl Stream<Item = Bytes> + Send + Sync + 'static) -> Self {
        Self { rest: Some(Rest::Made(Made(Box::pin(pieces)))), ..Self::default() }
    }

    pub(super) fn whole(bytes: Bytes) -> Self {
        let ahead = if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([Frame::data(bytes)]) };
        Self { ahead, ..Self::default() }
    }

    /// Reads frames into memory until the end, an error, or more than `limit` bytes.
    ///
    /// If the future is dropped, the frames that were read stay in the body.
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

    /// Returns whether some of the body was read.
    pub(super) fn has_begun(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Reads on and discards what comes, up to a limit in bytes and time: the response was sent, and a client that is cut off
    /// while it sends would not read it. (nginx: `lingering_close`.)
    pub(super) async fn discard(self) {
        let Some(mut rest) = self.rest else { return };
        let reading = async {
            let mut left = LINGER_BYTES;
            while left > 0 {
                match poll_fn(|cx| rest.poll_frame(cx)).await {
                    Some(Ok(frame)) => left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
                    Some(Err(_)) | None => return,
                }
            }
        };
        // Whoever is still sending then is cut off.
        let _ = tokio::time::timeout(LINGER, reading).await;
    }

    /// Whether the sender has disconnected in the middle of the body.
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

    /// Whether nothing is left to read from the connection or file.
    pub(super) fn is_read(&self) -> bool {
        self.rest.is_none()
    }

    /// Reads the whole body and returns a copy of its data; the frames stay in the body.
    ///
    /// Fails when the body breaks off, and when it has more than `limit` bytes.
    pub(super) async fn read_whole(&mut self, limit: usize) -> Result<Bytes, Fault> {
        self.read_ahead(limit).await;
        if let Some(error) = &self.broken {
            return Err(Fault::from_error(FaultStage::Body, "while a rule read the body", error));
        }
        if self.size_ahead() > limit {
            let what = format!(
                "a rule needs to read a body of more than {limit} bytes; narrow its filter, or `mitm.limit_bodies(..)`"
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

    /// The trailers, if the body was read to its end.
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
        // On HTTP/1, a body whose length is told has no trailers.
        if self.trailers().is_none()
            && let Some(upper) = rest.upper()
        {
            hint.set_upper(upper + ahead);
        }
        hint.set_lower(rest.lower() + ahead);
        hint
    }
}
