//! What a test can choose about its proxy.

use crate::report::Failure;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Mitm`](crate::Mitm).
#[derive(Clone, Debug, Default)]
pub struct Config {
    listen: Option<IpAddr>,
    port: u16,
    seed: Option<u64>,
    /// Bound already, for all executions of an exploration.
    pub(crate) listener: Option<Arc<TcpListener>>,
    pub(crate) connect_within: Option<Duration>,
}

impl Config {
    /// Listens on this address of the machine instead of loopback, so that a browser elsewhere can reach it; clients then
    /// need a credential, which is part of [`proxy_url`](crate::Mitm::proxy_url) and which a [`Browser`](crate::Browser)
    /// brings by itself. Without it, `HOLDUP_LISTEN` says so.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// On what was bound already.
    pub(crate) fn bound(listener: &Arc<TcpListener>) -> Self {
        Self { listener: Some(Arc::clone(listener)), ..Self::default() }
    }

    /// Where to listen.
    ///
    /// # Errors
    /// When `HOLDUP_LISTEN` is no address of one interface: a browser must be told where to go.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        let said = std::env::var("HOLDUP_LISTEN").ok().filter(|said| !said.is_empty());
        let address = match (self.listen, &said) {
            (Some(address), _) => address,
            (None, None) => Ipv4Addr::LOCALHOST.into(),
            (None, Some(said)) => said.parse().map_err(|_| {
                Failure::bare(format!(
                    "HOLDUP_LISTEN says {said:?}; it takes the address of an interface, such as 10.0.0.5"
                ))
            })?,
        };
        if address.is_unspecified() {
            return Err(Failure::bare(format!(
                "the proxy cannot listen on {address}: a browser must be told one address that it can reach"
            )));
        }
        Ok(SocketAddr::new(address, self.port))
    }

    /// Listens on this port; 0, the default, takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// What delays are drawn from, so that they are the same again. Without it `HOLDUP_SEED` says so, or it is another each
    /// time; a failure tells it.
    #[must_use]
    pub fn draw_from(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// What delays are drawn from.
    ///
    /// # Errors
    /// When `HOLDUP_SEED` is no number.
    pub(crate) fn seed(&self) -> Result<u64, Failure> {
        match (self.seed, std::env::var("HOLDUP_SEED").ok().filter(|said| !said.is_empty())) {
            (Some(seed), _) => Ok(seed),
            // Short enough to be typed.
            (None, None) => Ok(RandomState::new().build_hasher().finish() >> 40),
            (None, Some(said)) => said.parse().map_err(|_| {
                Failure::bare(format!("HOLDUP_SEED says {said:?}; it takes a number, as a failure has printed it"))
            }),
        }
    }

    /// How long an upstream may take to be resolved, connected and shaken hands with; 20 seconds unless said. A server
    /// that is connected may take as long as it likes to answer.
    #[must_use]
    pub fn connect_within(mut self, patience: Duration) -> Self {
        self.connect_within = Some(patience);
        self
    }
}
