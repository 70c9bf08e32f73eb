//! Recordings of a test's flows.

use super::{Mitm, runtime};
use crate::flow::Place;
use crate::record::Recording;
use crate::report::Failure;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

impl Mitm {
    /// Records all flows of this proxy into a file, those so far included.
    ///
    /// A name that ends in `.har` gives HAR 1.2; any other, a flow file of mitmproxy (`mitmproxy -r FILE`). A flow is written
    /// when it ends, a WebSocket when it closes, and what is under way when the test ends. If the process is killed, the
    /// file opens all the same. It is created now, and replaces an older one; if it is removed meanwhile (`cargo clean`), it is
    /// written again at the end.
    ///
    /// Secrets are masked by the list that failures use, the same secret by the same placeholder. Of a body, 1 MiB is
    /// recorded, and 64 MiB of all ([`keep_bodies`](Self::keep_bodies)); one that is cut has null as its content (flow file)
    /// or `_holdup.truncated` (HAR). What rules have parked, when, and by which line, is in `metadata` and `_holdup`.
    ///
    /// ```
    /// # async fn example(mitm: holdup::Mitm) -> holdup::TestResult {
    /// mitm.save("target/checkout.har")?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the file cannot be created, or another recording is writing it. If it cannot be written later, the test fails when it ends.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Failure> {
        let (path, place) = (path.as_ref(), Place::here());
        let failed =
            |error: std::io::Error| Failure::bare(format!("{} cannot be written: {error}", path.display())).at(place);
        let runtime = runtime::handle().map_err(failed)?;
        let recording = Recording::start(path, self.log().clone(), &runtime).map_err(failed)?;
        self.recordings().push((path.to_owned(), recording));
        Ok(())
    }

    /// Sets how many bytes of each body, and of all bodies, are kept for recordings and evidence; 1 MiB and 64 MiB by
    /// default.
    ///
    /// It applies to bodies that begin from now on.
    pub fn keep_bodies(&self, each: usize, all: usize) {
        self.0.gate.keep_bodies(each, all);
    }

    fn recordings(&self) -> MutexGuard<'_, Vec<(PathBuf, Recording)>> {
        // Each change is one push, so a panic leaves the list valid.
        self.0.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all recordings of this proxy. Their files are complete then, with what is under way as far as it has come.
    ///
    /// The end of a test does it, too. If the future is dropped, they end in the background.
    ///
    /// # Errors
    /// When a file could not be written.
    pub async fn finish_recordings(&self) -> Result<(), Failure> {
        Failure::joined(self.recordings_finished().await)
    }

    /// Ends all recordings. Returns a failure for each that could not be written.
    pub(super) async fn recordings_finished(&self) -> Vec<Failure> {
        let recordings = std::mem::take(&mut *self.recordings());
        let mut failures = Vec::new();
        for (path, recording) in recordings {
            if let Err(error) = recording.finish().await {
                failures.push(Failure::bare(format!("{} could not be written: {error}", path.display())));
            }
        }
        failures
    }
}
