//! What must hold of any bytes that are read as a recording.

use super::as_test::text;
use super::read::read;
use super::sequence::Sequence;
use super::{Playback, Timing};
use crate::flow::{FlowId, Request};
use crate::journal::Journal;
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Checks that a recording is read or refused, and that what is read can be ordered, printed as a test, and replayed.
pub(crate) fn fuzz(bytes: &[u8]) {
    let Ok(flows) = read(bytes, &|_| Some(Bytes::from_static(b"beside"))) else { return };
    drop(Sequence::of(&flows, None));
    assert!(text(Path::new("a.har"), &flows).contains("async fn a("));
    let playback = Arc::new(Playback::new(Arc::new(Journal::new())));
    let requests: Vec<_> = flows.iter().filter_map(|flow| Request::get(&flow.url)).collect();
    playback.add(flows);
    playback.set_timing(Timing::Scaled(1e300));
    playback.order();
    for (id, request) in requests.iter().enumerate() {
        drop(playback.answer(FlowId::new(id as u64 + 1), request, SystemTime::UNIX_EPOCH));
    }
}

/// Returns whether bytes are a recording with flows.
#[cfg(test)]
pub(crate) fn is_read(bytes: &[u8]) -> bool {
    read(bytes, &|_| None).is_ok_and(|flows| !flows.is_empty())
}
