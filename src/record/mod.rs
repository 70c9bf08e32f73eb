//! Recordings of flows: mitmproxy's flow files, and HAR. Written from the journal; secrets are masked.

mod flow_file;
mod follow;
mod har;
mod recorded;
mod tnetstring;
mod writer;

pub(crate) use flow_file::item;
pub(crate) use follow::Recording;
pub(crate) use har::har;
pub(crate) use recorded::recorded;
