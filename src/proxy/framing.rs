//! A limit on bytes of a server that are not content: the size of a chunk may begin with endless zeros.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than any HTTP library reads ahead of the content that it returns.
const MOST: u64 = 8 * 1024 * 1024;

/// Counts the bytes of one HTTP/1 connection since its last piece of content. The clones for the reader of the
/// connection and for the consumer of the content share the count.
#[derive(Clone, Debug, Default)]
pub(super) struct Framing(Arc<AtomicU64>);

impl Framing {
    /// Adds bytes that were read. Fails once the count was at [`MOST`] before.
    pub(super) fn count(&self, bytes: usize) -> io::Result<()> {
        if self.0.fetch_add(bytes as u64, Ordering::Relaxed) < MOST {
            return Ok(());
        }
        let what =
            format!("the server has sent {MOST} bytes between two pieces of the body, and none of them is content");
        Err(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// Resets the count, since content has arrived.
    pub(super) fn content(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
