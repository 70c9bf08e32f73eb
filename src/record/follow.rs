//! Follows a journal, and writes its flows.

use super::writer::Writer;
use crate::journal::Journal;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A recording in progress.
#[derive(Debug)]
pub(crate) struct Recording {
    stop: watch::Sender<bool>,
    writing: JoinHandle<io::Result<()>>,
}

impl Recording {
    /// Creates the file, and writes every flow of the journal to it, those so far included, until [`finish`](Self::finish).
    pub(crate) fn start(path: &Path, journal: Arc<Journal>, runtime: &Handle) -> io::Result<Self> {
        let writer = Writer::create(path, journal.started())?;
        let (stop, stopped) = watch::channel(false);
        Ok(Self { stop, writing: runtime.spawn(follow(writer, journal, stopped)) })
    }

    /// Writes what is left. Fails if something could not be written.
    pub(crate) async fn finish(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.writing.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

async fn follow(mut writer: Writer, journal: Arc<Journal>, mut stopped: watch::Receiver<bool>) -> io::Result<()> {
    let mut next = 0;
    loop {
        let mut written = pin!(journal.written());
        // From here on no entry is missed.
        written.as_mut().enable();
        // Nothing is written after this is set, as far as recordings go.
        let is_last = *stopped.borrow_and_update();
        let (entries, after) = journal.since(next);
        next = after;
        if !entries.is_empty() {
            // Files are slow, and the threads of this runtime serve the proxies.
            let taking = move || writer.take(entries).map(|()| writer);
            writer = tokio::task::spawn_blocking(taking).await.map_err(io::Error::other)??;
        }
        if is_last {
            return tokio::task::spawn_blocking(move || writer.finish()).await.map_err(io::Error::other)?;
        }
        tokio::select! {
            () = written => {}
            _ = stopped.changed() => {}
        }
    }
}
