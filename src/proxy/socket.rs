//! The browser's socket: it can be reset, and reports when everything was handed over.

use super::flushes::Flushes;
use super::refusal::{Reason, Refusal};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// A flag that a flow sets for the connection below it.
pub(super) type Switch = Arc<AtomicBool>;

/// An accepted connection.
///
/// Dropping it closes the connection, with RST instead of FIN if its switch is set.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Line,
    /// Closes with RST instead of FIN.
    reset: Switch,
    /// Bytes that were read before this layer took over.
    prefix: bytes::Bytes,
}

/// The transport of a [`Socket`].
enum Line {
    Tcp(TcpStream),
    /// A connection inside another one.
    Inside(Pin<Box<dyn Io>>),
}

trait Io: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> Io for S {}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp(_) => "Line::Tcp(..)",
            Self::Inside(_) => "Line::Inside(..)",
        })
    }
}

/// Calls the same method on either transport.
macro_rules! poll {
    ($socket:expr, $method:ident $(, $argument:expr)*) => {
        match &mut $socket.stream {
            Line::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Line::Inside(stream) => stream.as_mut().$method($($argument),*),
        }
    };
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream: Line::Tcp(stream), reset: Switch::default(), prefix: bytes::Bytes::new() }
    }

    /// Creates a socket inside another connection. It is never reset, since that would reset the outer connection.
    pub(super) fn inside(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self { stream: Line::Inside(Box::pin(stream)), reset: Switch::default(), prefix: bytes::Bytes::new() }
    }

    /// Returns the switch that resets it, and the peer's address.
    pub(super) fn line(&self) -> (Switch, Option<SocketAddr>) {
        let peer = match &self.stream {
            Line::Tcp(stream) => stream.peer_addr().ok(),
            Line::Inside(_) => None,
        };
        (Arc::clone(&self.reset), peer)
    }

    /// Puts back bytes that were already read.
    pub(super) fn unread(&mut self, bytes: bytes::Bytes) {
        debug_assert!(self.prefix.is_empty(), "only one layer reads too far");
        self.prefix = bytes;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Line::Tcp(stream) = &self.stream
            && self.reset.load(Ordering::Relaxed)
        {
            // Fails only on a socket that is already closed.
            let _ = stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return poll!(self, poll_read, cx, buf);
        }
        let take = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix.split_to(take));
        if self.prefix.is_empty() {
            // Releases its memory.
            self.prefix = bytes::Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        poll!(self, poll_write, cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        poll!(self, poll_flush, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        poll!(self, poll_shutdown, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll!(self, poll_write_vectored, cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Line::Tcp(stream) => stream.is_write_vectored(),
            Line::Inside(stream) => stream.is_write_vectored(),
        }
    }
}

/// Reports to the flows whose responses were written when a flush has emptied all buffers below HTTP.
#[derive(Debug)]
pub(super) struct Flushing<S> {
    inner: S,
    flushes: Arc<Flushes>,
    /// Replaces what is written next by [`GARBAGE`].
    garbled: Switch,
    /// Present on HTTP/1 only.
    refusal: Option<Refusal>,
}

/// Is sent instead of the status line.
const GARBAGE: &[u8] = b"\x16\x03\x00\xff\x00garbage";

impl<S> Flushing<S> {
    pub(super) fn http1(inner: S, flushes: Arc<Flushes>, garbled: Switch, reason: Reason) -> Self {
        Self { inner, flushes, garbled, refusal: Some(Refusal::new(reason)) }
    }

    pub(super) fn http2(inner: S, flushes: Arc<Flushes>) -> Self {
        Self { inner, flushes, garbled: Switch::default(), refusal: None }
    }

    pub(super) fn into_inner(self) -> S {
        self.inner
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Flushing<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        if let Some(refusal) = &mut self.refusal {
            refusal.read(&buf.filled()[before..]);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Flushing<S> {
    /// Writes the response that replaces hyper's own refusal.
    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(refusal) = &mut self.refusal else { return Poll::Ready(Ok(())) };
        while !refusal.answer().is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, refusal.answer()))?;
            refusal.wrote(count);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Flushing<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.flushes.writing();
        if self.garbled.load(Ordering::Relaxed) && !buf.is_empty() {
            // At most as long as what it replaces: the count is reported as written.
            return Pin::new(&mut self.inner).poll_write(cx, &GARBAGE[..GARBAGE.len().min(buf.len())]);
        }
        if self.refusal.as_mut().is_some_and(|refusal| refusal.replaces(buf)) {
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.flushes.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_refusal(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_single = bufs.iter().filter(|buf| !buf.is_empty()).count() == 1;
        if self.garbled.load(Ordering::Relaxed) || (is_single && self.refusal.is_some()) {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            return self.poll_write(cx, first);
        }
        self.flushes.writing();
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
