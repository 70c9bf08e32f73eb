//! What a server sends that is no content: a chunk's size may begin with zeros that never end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than any library reads ahead of the content that it hands on.
const MOST: u64 = 8 * 1024 * 1024;

/// The bytes of one HTTP/1 connection since its last piece of content. Shared by who reads the connection, and who takes the
/// content.
#[derive(Clone, Debug, Default)]
pub(super) struct Framing(Arc<AtomicU64>);

impl Framing {
    /// So many bytes have come.
    pub(super) fn count(&self, bytes: usize) -> io::Result<()> {
        if self.0.fetch_add(bytes as u64, Ordering::Relaxed) < MOST {
            return Ok(());
        }
        let what =
            format!("the server has sent {MOST} bytes between two pieces of the body, and none of them is content");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// Content has come.
    pub(super) fn content(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
