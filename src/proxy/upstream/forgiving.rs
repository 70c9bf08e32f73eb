//! The answers of an HTTP/1 server without the lines that nobody can read, before the library sees them.

use crate::proxy::framing::Framing;
use crate::proxy::heads::{self, Dropped};
use crate::proxy::limits::MAX_HEADERS;
use bytes::BytesMut;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// More than any server sends: one for each hint that it has.
const MOST_INFORMATIONAL: usize = 128;

/// What the two sides of a connection say to each other: that a head comes next, and what was left out of it.
#[derive(Clone, Debug, Default)]
pub(super) struct NextHead(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    comes: AtomicBool,
    dropped: Mutex<Vec<Dropped>>,
    refused: Mutex<Option<String>>,
    /// How many informational answers have come before the head.
    informational: AtomicUsize,
    /// Set once the connection has become another protocol's.
    upgraded: AtomicBool,
    framing: Framing,
}

impl NextHead {
    /// A request goes out: what is read next is the head of its answer.
    pub(super) fn expect(&self) {
        self.0.comes.store(true, Ordering::Relaxed);
        self.0.informational.store(0, Ordering::Relaxed);
        self.0.framing.content();
        self.refused();
    }

    /// What was left out of the head that has come.
    pub(super) fn dropped(&self) -> Vec<Dropped> {
        std::mem::take(&mut *self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the head that has come cannot be read, if so.
    pub(super) fn refused(&self) -> Option<String> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What comes between the pieces of a body.
    pub(super) fn framing(&self) -> Framing {
        self.0.framing.clone()
    }

    /// Bytes that are no head have come.
    fn body(&self, bytes: usize) -> io::Result<()> {
        if self.0.upgraded.load(Ordering::Relaxed) { Ok(()) } else { self.0.framing.count(bytes) }
    }

    /// Another informational answer has come.
    fn informational(&self) -> io::Result<()> {
        if self.0.informational.fetch_add(1, Ordering::Relaxed) < MOST_INFORMATIONAL {
            return Ok(());
        }
        let what = format!("the server has sent more than {MOST_INFORMATIONAL} informational answers");
        self.refuse(Some(what.clone()));
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    fn comes(&self) -> bool {
        self.0.comes.load(Ordering::Relaxed)
    }

    fn has_come(&self) {
        self.0.comes.store(false, Ordering::Relaxed);
    }

    fn refuse(&self, why: Option<String>) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn note(&self, dropped: Vec<Dropped>) {
        // Extended whole, so a panic elsewhere leaves the list intact.
        self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner).extend(dropped);
    }
}

/// A connection whose heads are read before they are handed on.
#[derive(Debug)]
pub(super) struct Forgiving<S> {
    inner: S,
    next: NextHead,
    /// Read, and not looked at yet.
    read: BytesMut,
    /// Looked at, and to be handed on.
    fit: BytesMut,
}

impl<S> Forgiving<S> {
    pub(super) fn new(inner: S, next: NextHead) -> Self {
        Self { inner, next, read: BytesMut::new(), fit: BytesMut::new() }
    }

    /// Moves the heads that are whole, and what stands behind the last.
    fn look(&mut self) -> io::Result<()> {
        while self.next.comes()
            && let Some(end) = heads::end_of(&self.read)
        {
            let head = self.read.split_to(end);
            if heads::is_informational(&head) {
                self.next.informational()?;
            } else {
                self.next.has_come();
                self.next.0.upgraded.store(heads::is_upgrade(&head), Ordering::Relaxed);
            }
            match heads::without_bad_lines(&head) {
                Some((kept, dropped)) => {
                    self.next.note(dropped);
                    self.fit.unsplit(kept);
                }
                None => {
                    self.next.refuse(heads::answer_refusal(&head));
                    self.fit.unsplit(head);
                }
            }
        }
        // What is no head, or a too large one, is for the library to refuse.
        if !self.next.comes() || !may_be_head(&self.read) {
            self.next.has_come();
            self.fit.unsplit(self.read.split());
        }
        Ok(())
    }
}

fn may_be_head(bytes: &[u8]) -> bool {
    const BEGIN: &[u8] = b"HTTP/";
    let known = bytes.len().min(BEGIN.len());
    bytes[..known] == BEGIN[..known] && bytes.len() <= MAX_HEADERS as usize
}

impl<S: AsyncRead + Unpin> AsyncRead for Forgiving<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.fit.is_empty() {
                let count = self.fit.len().min(buf.remaining());
                buf.put_slice(&self.fit.split_to(count));
                return Poll::Ready(Ok(()));
            }
            let before = buf.filled().len();
            if !self.next.comes() {
                ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
                return Poll::Ready(self.next.body(buf.filled().len() - before));
            }
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
            let came = &buf.filled()[before..];
            if came.is_empty() {
                // The end: what there is of a head is all there will be.
                self.next.has_come();
                let rest = self.read.split();
                self.fit.unsplit(rest);
                if self.fit.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            self.read.extend_from_slice(came);
            buf.set_filled(before);
            self.look()?;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Forgiving<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What comes of bytes that arrive in pieces of a size.
    async fn read(bytes: &'static [u8], size: usize) -> (String, usize) {
        let (mut far, near) = tokio::io::duplex(1 << 20);
        let next = NextHead::default();
        next.expect();
        let mut forgiving = Forgiving::new(near, next.clone());
        for piece in bytes.chunks(size) {
            far.write_all(piece).await.expect("room");
        }
        drop(far);
        let mut read = String::new();
        forgiving.read_to_string(&mut read).await.expect("text");
        (read, next.dropped().len())
    }

    #[tokio::test]
    async fn heads_are_read_however_they_arrive() {
        const HINTS: &[u8] =
            b"HTTP/1.1 103 Early Hints\r\nlink\r\n\r\nHTTP/1.1 200 OK\r\nno colon\r\na: b\r\n\r\nno colon\r\n\r\n";
        const HINTS_READ: &str = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\n\r\nno colon\r\n\r\n";
        for size in [1, 7, 1000] {
            assert_eq!(read(HINTS, size).await, (HINTS_READ.to_owned(), 2));
            assert_eq!(read(b"SSH-2.0-x", size).await, ("SSH-2.0-x".to_owned(), 0));
            assert_eq!(read(b"HTTP/1.1 200 OK\r\nhalf", size).await, ("HTTP/1.1 200 OK\r\nhalf".to_owned(), 0));
        }
    }
}
