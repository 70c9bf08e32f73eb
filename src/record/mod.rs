//! Recordings of flows: mitmproxy's flow files, and HAR. Written from the journal, with secrets masked; read back, they answer
//! requests.

mod flow_file;
mod follow;
mod har;
mod load;
mod matching;
mod played;
mod read;
mod read_flow_file;
mod read_har;
mod recorded;
mod replay;
mod tnetstring;
mod writer;

pub(crate) use flow_file::item;
pub(crate) use follow::Recording;
pub(crate) use har::har;
pub(crate) use load::load;
pub(crate) use recorded::recorded;
pub(crate) use replay::Playback;
pub use replay::{Again, Strangers};
