//! The recordings of one proxy, for its tear-down.

use crate::flow::Place;
use crate::record::Playback;
use crate::report::Failure;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// The recordings that answer the requests of one proxy, with the lines that declared them.
#[derive(Debug)]
pub(crate) struct Replays {
    playbacks: Mutex<Vec<(Place, Arc<Playback>)>>,
    /// What tells them how far they are. It ends when this is dropped.
    following: Mutex<JoinSet<()>>,
    runtime: Handle,
}

impl Replays {
    pub(crate) fn new(runtime: Handle) -> Self {
        Self { playbacks: Mutex::default(), following: Mutex::default(), runtime }
    }

    pub(super) fn add(&self, place: Place, playback: Arc<Playback>) {
        self.lock().push((place, playback));
    }

    /// Runs a task beside the proxy.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        following.spawn_on(task, &self.runtime);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Place, Arc<Playback>)>> {
        // Each change is one push, so a panic leaves the list valid.
        self.playbacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a failure for each recording that is strict and has requests that were never made, and for each whose order
    /// could not be kept.
    pub(crate) fn missed(&self) -> Vec<Failure> {
        let failure = |(place, playback): &(Place, Arc<Playback>)| {
            let missed = playback.missed();
            let title = format!("of the recording that is replayed at {place}:");
            let failure = Failure::bare("recorded requests were never made").section(title, missed.clone());
            let failure = failure.help("perform what makes them, record the test again, or leave out `strict()`");
            (!missed.is_empty()).then_some(failure)
        };
        let playbacks = self.lock();
        let stuck = playbacks.iter().filter_map(|(place, playback)| Some(Failure::bare(playback.stuck()?).at(*place)));
        playbacks.iter().filter_map(failure).chain(stuck).collect()
    }
}
