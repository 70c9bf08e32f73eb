//! What servers may still send on open streams: how long an execution waits for it.

use crate::flow::FlowId;
use crate::journal::{Journal, Live};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// Timeout for a server's reply to a WebSocket message. Whether a reply follows is unknown.
const REPLY: Duration = Duration::from_millis(250);
/// How soon after one part of a stream another is awaited.
const TALK: Duration = Duration::from_millis(200);

/// The streams of one execution.
#[derive(Debug)]
pub(super) struct Talk {
    journal: Arc<Journal>,
    live: Live,
    /// Messages to which no reply is expected any more.
    unanswered: BTreeSet<FlowId>,
}

impl Talk {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, live: Live::default(), unanswered: BTreeSet::new() }
    }

    /// Waits up to [`REPLY`] for the replies that pages expect. Returns whether any was outstanding.
    pub(super) async fn has_waited_for_reply(&mut self) -> bool {
        let (journal, mut had_to_wait) = (Arc::clone(&self.journal), false);
        let replies = async {
            loop {
                let mut written = pin!(journal.written());
                // From here on no entry is missed.
                written.as_mut().enable();
                self.live.follow(&journal);
                if self.live.streams().unanswered().all(|message| self.unanswered.contains(&message)) {
                    return;
                }
                had_to_wait = true;
                written.await;
            }
        };
        if tokio::time::timeout(REPLY, replies).await.is_err() {
            self.unanswered.extend(self.live.streams().unanswered());
        }
        had_to_wait
    }

    /// Returns whether a server sends another part of a stream soon after the last one.
    pub(super) async fn goes_on(&self) -> bool {
        let journal = &self.journal;
        let Some(last) = journal.last_talk() else { return false };
        let another = async {
            loop {
                let mut written = pin!(journal.written());
                // From here on no entry is missed.
                written.as_mut().enable();
                if journal.last_talk() > Some(last) {
                    return;
                }
                written.await;
            }
        };
        let left = (last + TALK).saturating_sub(journal.now());
        tokio::time::timeout(left, another).await.is_ok()
    }
}
