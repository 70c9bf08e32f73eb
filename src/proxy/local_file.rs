//! A local file as a body, read while it is sent.

use bytes::Bytes;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// The unsent rest of a file.
///
/// Dropping it ends the reading.
#[derive(Debug)]
pub(super) struct LocalFile {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl LocalFile {
    /// Opens a file, with its current length.
    ///
    /// Must be called within a runtime, where blocking is allowed.
    ///
    /// # Errors
    /// When the file cannot be opened, or its length cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        // One piece is in the channel while the next is read. Reading ends when the receiver is dropped.
        let (sender, pieces) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || read(file, left, &sender));
        Ok(Self { pieces, left })
    }

    /// Returns the number of bytes still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let piece = ready!(self.pieces.poll_recv(cx));
        if let Some(Ok(bytes)) = &piece {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(piece)
    }
}

fn read(file: File, mut left: u64, to: &mpsc::Sender<io::Result<Bytes>>) {
    let mut file = file.take(left);
    while left > 0 {
        let mut piece = vec![0; PIECE];
        let read = match file.read(&mut piece) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")),
            read => read,
        };
        let sent = to.blocking_send(read.map(|length| {
            left -= length as u64;
            piece.truncate(length);
            piece.into()
        }));
        if sent.is_err() {
            return;
        }
    }
}
