//! The byte stream of a connection to an upstream, as HTTP sees it.

use super::hosts::Speaks;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What is known of a connection while hyper owns it.
#[derive(Clone, Debug, Default)]
pub(super) struct Traffic {
    /// How many bytes were received.
    received: Arc<AtomicU64>,
    /// Whether the server has requested a client certificate.
    pub(super) asked_for_certificate: Arc<AtomicBool>,
}

impl Traffic {
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}

/// A connection to an upstream.
#[derive(Debug)]
pub(super) struct Wire {
    layer: Layer,
    traffic: Traffic,
}

#[derive(Debug)]
enum Layer {
    Plain(Tcp),
    Tls(Box<TlsStream<Tcp>>),
}

impl Wire {
    pub(super) fn plain(tcp: Tcp) -> Self {
        Self { layer: Layer::Plain(tcp), traffic: Traffic::default() }
    }

    pub(super) fn tls(tls: TlsStream<Tcp>, traffic: Traffic) -> Self {
        Self { layer: Layer::Tls(Box::new(tls)), traffic }
    }

    pub(super) fn traffic(&self) -> Traffic {
        self.traffic.clone()
    }

    /// Returns whether to speak HTTP/2: as the handshake agrees with TLS, otherwise as `speaks` defines.
    pub(super) fn is_http2(&self, speaks: Speaks) -> bool {
        match &self.layer {
            Layer::Plain(_) => speaks == Speaks::H2c,
            Layer::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

macro_rules! layer {
    ($wire:expr, $io:ident => $do:expr) => {
        match &mut $wire.layer {
            Layer::Plain($io) => {
                let $io = Pin::new($io);
                $do
            }
            Layer::Tls($io) => {
                let $io = Pin::new($io.as_mut());
                $do
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = layer!(self, io => io.poll_read(cx, buf));
        self.traffic.received.fetch_add((buf.filled().len() - before) as u64, Ordering::Relaxed);
        match read {
            // TLS that ends without close_notify is an end, as it is for browsers. HTTP notices if it has declared a
            // length.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            read => read,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        layer!(self, io => io.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        layer!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        layer!(self, io => io.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        layer!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.layer {
            Layer::Plain(io) => io.is_write_vectored(),
            Layer::Tls(io) => io.is_write_vectored(),
        }
    }
}

/// A TCP connection. When the server takes no more bytes, writes succeed without effect, and reads report what has
/// happened: a server may have responded to an upload before it closed.
#[derive(Debug)]
pub(super) struct Tcp {
    stream: TcpStream,
    refuses: bool,
}

impl Tcp {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, refuses: false }
    }

    fn unless_refused(&mut self, wrote: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
        match wrote {
            Poll::Ready(Err(error)) if matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted) => {
                self.refuses = true;
                Poll::Ready(Ok(length))
            }
            wrote => wrote,
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.refuses {
            return Poll::Ready(Ok(buf.len()));
        }
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.unless_refused(wrote, buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if self.refuses {
            return Poll::Ready(Ok(length));
        }
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.unless_refused(wrote, length)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
