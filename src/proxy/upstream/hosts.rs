//! What the test says of names: where they lead, and whom to trust there.

use super::tls::Trust;
use crate::flow::{Fault, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::rustls::ClientConfig;

/// Where a name leads: the address of a local server, and whether it speaks TLS itself.
///
/// ```
/// use holdup::Upstream;
/// let plain: Upstream = "127.0.0.1:3000".parse::<std::net::SocketAddr>().unwrap().into();
/// let tls = Upstream::tls(([127, 0, 0, 1], 3443));
/// assert_ne!(plain, tls);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
}

impl Upstream {
    /// A server that speaks plain HTTP, whatever the browser sees.
    #[must_use]
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: false }
    }

    /// A server that speaks TLS. Its certificate must be for the name that it stands in for; see
    /// [`Mitm::trust_upstream`](crate::Mitm::trust_upstream).
    #[must_use]
    pub fn tls(address: impl Into<SocketAddr>) -> Self {
        Self { address: address.into(), tls: true }
    }
}

impl From<SocketAddr> for Upstream {
    fn from(address: SocketAddr) -> Self {
        Self::plain(address)
    }
}

impl<I: Into<std::net::IpAddr>> From<(I, u16)> for Upstream {
    fn from(address: (I, u16)) -> Self {
        Self::plain(address.into())
    }
}

#[derive(Debug)]
pub(super) struct Hosts {
    /// The proxy's own address: nothing may lead there.
    pub(super) proxy: SocketAddr,
    /// How long a connection may take, handshake included.
    pub(super) patience: Duration,
    said: RwLock<Said>,
}

#[derive(Debug, Default)]
struct Said {
    by_name: BTreeMap<String, Upstream>,
    insecure: BTreeSet<String>,
    trust: Trust,
}

impl Hosts {
    pub(super) fn new(proxy: SocketAddr, patience: Duration) -> Self {
        Self { proxy, patience, said: RwLock::default() }
    }

    pub(super) fn set(&self, name: &str, upstream: Upstream) {
        self.write().by_name.insert(name.to_ascii_lowercase(), upstream);
    }

    pub(super) fn insecure(&self, name: &str) {
        self.write().insecure.insert(name.to_ascii_lowercase());
    }

    pub(super) fn trust(&self, pem: &str) -> Result<(), Fault> {
        self.write().trust.add(pem)
    }

    pub(super) fn of(&self, target: &Target) -> Option<Upstream> {
        self.read().by_name.get(&target.host).copied()
    }

    /// How to shake hands with this host.
    pub(super) fn tls_config(&self, target: &Target) -> Result<Arc<ClientConfig>, Fault> {
        let insecure = self.read().insecure.contains(&target.host);
        self.write().trust.config(insecure)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Said> {
        // Every change is one insertion, so a panic elsewhere leaves the tables intact.
        self.said.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Said> {
        self.said.read().unwrap_or_else(PoisonError::into_inner)
    }
}
