//! Tells a replay what has come, so that the next of the recorded order can.

use super::RuleContext;
use crate::flow::{Direction, FlowId, Part, Place};
use crate::journal::{Event, Journal};
use crate::page::Pages;
use crate::record::{Come, Playback};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a page may take to process what has come. After that, the next may come all the same: a page that is being
/// left processes nothing.
const PROCESSED: Duration = Duration::from_secs(1);

/// The same for scripts and styles, which may wait for each other.
const LOADED: Duration = Duration::from_millis(250);

/// Follows the journal of one proxy for a replay.
pub(super) struct Progress {
    playback: Arc<Playback>,
    journal: Arc<Journal>,
    pages: Arc<Pages>,
    parts: Arc<Mutex<Parts>>,
}

/// Which part of its direction a part is.
#[derive(Default)]
struct Parts {
    known: BTreeMap<FlowId, (Direction, usize)>,
    counts: BTreeMap<(FlowId, Direction), usize>,
}

impl Progress {
    pub(super) fn of(playback: &Arc<Playback>, context: &RuleContext) -> Self {
        let (playback, journal, pages) =
            (Arc::clone(playback), Arc::clone(&context.gate.journal), Arc::clone(&context.pages));
        Self { playback, journal, pages, parts: Arc::default() }
    }

    /// Tells the replay what the client has sent or left, from now on. It knows that before the journal does, so that at no
    /// time a message is answered by nothing.
    pub(super) fn observe(&self) {
        // The journal is the replay's, too: neither keeps the other.
        let (playback, parts) = (Arc::downgrade(&self.playback), Arc::clone(&self.parts));
        let see = move |playback: &Playback, event: &Event| match event {
            Event::Part { flow, part, .. } => lock(&parts).count(*flow, part),
            // Its parts are not left out: the pages may have yet to process the last.
            Event::Ended { flow, outcome } if *flow == flow.whole() && outcome.is_delivered() => {}
            Event::Ended { flow, .. } if playback.is_event_stream(*flow) => playback.note(*flow, Come::End),
            Event::Ended { flow, .. } => {
                let part = lock(&parts).known.get(flow).copied();
                if let Some((Direction::ToServer, nth)) = part {
                    playback.note(flow.whole(), Come::Part(Direction::ToServer, nth));
                }
            }
            Event::Closed { flow } => playback.note(*flow, Come::End),
            _ => {}
        };
        self.journal.observe(move |event| {
            if let Some(playback) = playback.upgrade() {
                see(&playback, event);
            }
        });
    }

    /// Tells the replay what the pages have processed. Never ends by itself.
    pub(super) async fn run(self) {
        let mut next = 0;
        loop {
            let mut written = pin!(self.journal.written());
            // From here on no entry is missed.
            written.as_mut().enable();
            let (entries, after) = self.journal.since(next);
            next = after;
            for entry in entries {
                self.take(&entry.event).await;
            }
            written.await;
        }
    }

    async fn take(&self, event: &Event) {
        match event {
            Event::Answered { flow, .. } if self.playback.is_event_stream(*flow) => {
                self.playback.note(*flow, Come::Answer);
            }
            Event::Ended { flow, outcome } => {
                let part = lock(&self.parts).known.remove(flow);
                let come = part.map_or(Come::Answer, |(direction, nth)| Come::Part(direction, nth));
                if matches!(come, Come::Part(Direction::ToServer, _)) {
                    return;
                }
                if outcome.is_delivered() {
                    self.processed(*flow).await;
                }
                self.playback.note(flow.whole(), come);
            }
            _ => {}
        }
    }

    /// Waits until the pages have processed what was delivered.
    async fn processed(&self, flow: FlowId) {
        let exchange = self.journal.exchange(flow.whole());
        let destination = exchange.as_ref().and_then(|exchange| exchange.request.header("sec-fetch-dest"));
        let patience = match destination {
            // It is processed when it has loaded, and for that it needs what comes next.
            Some("document" | "iframe" | "frame") => return,
            Some("script" | "style") => LOADED,
            _ => PROCESSED,
        };
        if self.playback.is_replayed(flow.whole()) && !self.pages.sessions().is_empty() {
            drop(self.pages.processed(flow, patience, Place::here()).await);
        }
    }
}

impl Parts {
    fn count(&mut self, id: FlowId, part: &Part) {
        let direction = if part.is_to_server() { Direction::ToServer } else { Direction::ToClient };
        let count = self.counts.entry((id.whole(), direction)).or_default();
        self.known.insert(id, (direction, *count));
        *count += 1;
    }
}

fn lock(parts: &Mutex<Parts>) -> std::sync::MutexGuard<'_, Parts> {
    // Each change is complete before anything can panic.
    parts.lock().unwrap_or_else(PoisonError::into_inner)
}
