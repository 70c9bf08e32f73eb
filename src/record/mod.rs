//! Recordings of flows: mitmproxy's flow files, and HAR. Written from the journal, with secrets masked; read back, they answer
//! requests.

mod answer;
mod as_test;
mod entries;
mod events;
mod flow_file;
mod follow;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod har;
mod har_entry;
mod har_json;
mod load;
mod loaded;
mod matching;
mod placeholder;
mod played;
mod read;
mod read_flow_file;
mod read_har;
mod recorded;
mod refresh;
mod replay;
mod requests;
mod sequence;
mod session;
mod shortest;
mod timing;
mod tnetstring;
mod writer;

pub(crate) use as_test::Verdict;
pub use as_test::to_rust;
pub use entries::{Again, Strangers};
pub(crate) use flow_file::item;
pub(crate) use follow::Recording;
#[cfg(any(test, fuzzing))]
pub(crate) use fuzz::fuzz;
#[cfg(test)]
pub(crate) use fuzz::is_read;
pub(crate) use har::har;
pub(crate) use load::load;
pub(crate) use loaded::loaded;
pub(crate) use recorded::{Kept, Recorded, recorded};
pub(crate) use replay::{Come, Playback};
pub(crate) use session::{ABORTED, Edits, Given, RELEASED, Session, filter_of, given};
pub use timing::Timing;
