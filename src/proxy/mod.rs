//! The intercepting proxy: between the browser and its servers.
//!
//! The way of a flow is told in [`http`]; everything else here serves it.

mod accept;
mod body;
mod connection;
mod content;
mod credential;
mod cut;
mod delivery;
mod envelope;
mod flow_guard;
mod flushes;
mod framing;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod gate;
mod heads;
mod hop;
mod http;
mod integrity;
mod limits;
mod listener;
mod local_file;
mod offload;
mod permit;
mod refusal;
mod serve;
mod shaping;
mod sniff;
mod socket;
mod stream;
mod streams;
mod tls;
mod tunnel;
mod upstream;
mod websocket;

pub(crate) use credential::Credential;
pub(crate) use gate::{Applied, End, Gate, Heads, HeldParts, Seen, Verdict};
pub(crate) use listener::{Listen, Proxy};
pub use upstream::Upstream;
pub(crate) use upstream::Upstreams;

use crate::ca::CertificateAuthority;
use crate::journal::Journal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// What all connections of one proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    /// Pending for where others can reach the proxy.
    pub(crate) credential: Option<Credential>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) upstreams: Upstreams,
    pub(crate) ca: Arc<CertificateAuthority>,
    pub(crate) tasks: listener::Tasks,
    /// How many connections there have been.
    pub(crate) connections: AtomicU64,
    /// Whether browsers are made to ask again before they use what they keep.
    pub(crate) revalidates: AtomicBool,
    /// Whether favicons are the browser's own noise.
    pub(crate) answers_favicons: AtomicBool,
}
