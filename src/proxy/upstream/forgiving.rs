//! Removes lines that cannot be parsed from the response heads of an HTTP/1 server, before hyper reads them.

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

/// The most informational responses to a request. Servers send fewer: one for each hint that they have.
const MOST_INFORMATIONAL: usize = 128;

/// Shared by the two sides of a connection: whether a head comes next, and what was removed from it.
#[derive(Clone, Debug, Default)]
pub(super) struct NextHead(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    comes: AtomicBool,
    dropped: Mutex<Vec<Dropped>>,
    refused: Mutex<Option<String>>,
    /// How many informational responses have arrived before the head.
    informational: AtomicUsize,
    /// Set when the connection has switched to another protocol.
    upgraded: AtomicBool,
    framing: Framing,
}

impl NextHead {
    /// Called when a request is sent: the next bytes are the head of its response.
    pub(super) fn expect(&self) {
        self.0.comes.store(true, Ordering::Relaxed);
        self.0.informational.store(0, Ordering::Relaxed);
        self.0.framing.content();
        self.refused();
    }

    /// Takes the lines that were removed from the heads so far.
    pub(super) fn dropped(&self) -> Vec<Dropped> {
        std::mem::take(&mut *self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the reason why the head cannot be parsed, if it cannot.
    pub(super) fn refused(&self) -> Option<String> {
        self.0.refused.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the count of bytes between the pieces of a body.
    pub(super) fn framing(&self) -> Framing {
        self.0.framing.clone()
    }

    /// Counts received bytes that are not part of a head.
    fn body(&self, bytes: usize) -> io::Result<()> {
        if self.0.upgraded.load(Ordering::Relaxed) { Ok(()) } else { self.0.framing.count(bytes) }
    }

    /// Counts an informational response. Fails if there are too many.
    fn informational(&self) -> io::Result<()> {
        if self.0.informational.fetch_add(1, Ordering::Relaxed) < MOST_INFORMATIONAL {
            return Ok(());
        }
        let what = format!("the server has sent more than {MOST_INFORMATIONAL} informational responses");
        self.refuse(Some(what.clone()));
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    fn comes(&self) -> bool {
        self.0.comes.load(Ordering::Relaxed)
    }

    fn has_come(&self) {
        self.0.comes.store(false, Ordering::Relaxed);
    }

    /// The head of the response has come.
    fn has_come_as(&self, head: &[u8]) {
        self.has_come();
        self.0.upgraded.store(heads::is_upgrade(head), Ordering::Relaxed);
    }

    fn refuse(&self, why: Option<String>) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    fn note(&self, dropped: Vec<Dropped>) {
        // Extended whole, so a panic elsewhere leaves the list intact.
        self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner).extend(dropped);
    }
}

/// A connection that reads heads before it returns them.
#[derive(Debug)]
pub(super) struct Forgiving<S> {
    inner: S,
    next: NextHead,
    /// Read, and not checked yet.
    read: BytesMut,
    /// Checked, and ready to be returned.
    fit: BytesMut,
}

impl<S> Forgiving<S> {
    pub(super) fn new(inner: S, next: NextHead) -> Self {
        Self { inner, next, read: BytesMut::new(), fit: BytesMut::new() }
    }

    /// Whether this is a whole head that can be returned as it is, with what follows it.
    fn is_fit(&self, came: &[u8]) -> bool {
        let Some(head) = heads::end_of(came).map(|end| &came[..end]) else { return false };
        let is_fit = !heads::is_informational(head) && heads::answer_refusal(head).is_none();
        if is_fit {
            self.next.has_come_as(head);
            self.next.refuse(None);
        }
        is_fit
    }

    /// Checks the complete heads, and moves them and what follows the last one to `fit`.
    fn look(&mut self) -> io::Result<()> {
        while self.next.comes()
            && let Some(end) = heads::end_of(&self.read)
        {
            let head = self.read.split_to(end);
            if heads::is_informational(&head) {
                self.next.informational()?;
            } else {
                self.next.has_come_as(&head);
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
        // hyper refuses what is no head, or one that is too large.
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
                // End of stream: an incomplete head is returned as it is.
                self.next.has_come();
                let rest = self.read.split();
                self.fit.unsplit(rest);
                if self.fit.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            // Nearly always: nothing is copied then.
            if self.read.is_empty() && self.is_fit(came) {
                return Poll::Ready(Ok(()));
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

    /// Reads bytes that arrive in pieces of a given size.
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
