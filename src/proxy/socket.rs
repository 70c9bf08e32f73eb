//! The browser's socket: it can be reset, and it knows when everything was handed over.

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

/// Set by a flow, seen by the connection under it.
pub(super) type Switch = Arc<AtomicBool>;

/// An accepted connection.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Line,
    /// Ends with RST instead of FIN.
    reset: Switch,
    /// What was read before this layer took over.
    prefix: bytes::Bytes,
}

/// What carries it.
enum Line {
    Tcp(TcpStream),
    /// What a client has connected inside another connection.
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

/// The same of either line.
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

    /// One inside another connection. It ends without a reset: that would be the other's.
    pub(super) fn inside(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self { stream: Line::Inside(Box::pin(stream)), reset: Switch::default(), prefix: bytes::Bytes::new() }
    }

    /// What its flows need of it: how to reset it, and who is at the other end.
    pub(super) fn line(&self) -> (Switch, Option<SocketAddr>) {
        let peer = match &self.stream {
            Line::Tcp(stream) => stream.peer_addr().ok(),
            Line::Inside(_) => None,
        };
        (Arc::clone(&self.reset), peer)
    }

    /// Gives back bytes that were read already.
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
            // Fails only on a socket that is gone anyway.
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

/// Tells the flows whose answers were written when a flush has emptied all buffers below HTTP.
#[derive(Debug)]
pub(super) struct Flushing<S> {
    inner: S,
    flushes: Arc<Flushes>,
    /// What is written next is no HTTP.
    garbled: Switch,
    /// On HTTP/1.
    refusal: Option<Refusal>,
}

/// What stands in the place of `HTTP/1.1`.
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
    /// Writes what stands in the place of the library's own refusal.
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
            // As much of it as what it stands for; what was taken is told as written.
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
