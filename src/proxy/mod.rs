//! The intercepting proxy, between the browser and its servers.
//!
//! [`http`] is the path of a flow; everything else here serves it.

mod accept;
mod answers;
mod body;
mod capture;
mod certificates;
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
mod names;
mod offload;
mod permit;
mod piece;
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
pub(crate) use listener::{Listen, Proxy, Ways};
pub use upstream::Upstream;
pub(crate) use upstream::Upstreams;

use crate::ca::CertificateAuthority;
use crate::flow::Target;
use crate::journal::Journal;
use certificates::Certificates;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// The state that all connections of one proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) address: SocketAddr,
    /// The server that all connections lead to, if clients do not use this as a proxy.
    pub(crate) reverse: Option<Target>,
    /// Required from clients if others can reach the proxy.
    pub(crate) credential: Option<Credential>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) upstreams: Upstreams,
    pub(crate) ca: Arc<CertificateAuthority>,
    pub(crate) certificates: Certificates,
    pub(crate) tasks: listener::Tasks,
    /// The number of HTTP connections of clients so far, including those inside CONNECT.
    pub(crate) connections: AtomicU64,
    /// Whether browsers must revalidate cached responses before use.
    pub(crate) revalidates: AtomicBool,
    /// Whether the proxy itself responds to the browser's own favicon requests.
    pub(crate) answers_favicons: AtomicBool,
}
