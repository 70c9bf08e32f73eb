//! The settings of a proxy.

use crate::flow::Target;
use crate::report::Failure;
use http::Uri;
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
    reverse: Option<String>,
    /// Already bound, for all executions of an exploration.
    pub(crate) listener: Option<Arc<TcpListener>>,
    pub(crate) connect_within: Option<Duration>,
}

impl Config {
    /// Listens on this address instead of loopback, so that remote browsers can connect.
    ///
    /// Clients then need a credential. It is part of [`proxy_url`](crate::Mitm::proxy_url), and a
    /// [`Browser`](crate::Browser) sends it automatically. Without this setting, `HOLDUP_LISTEN` sets the address.
    #[must_use]
    pub fn listen(mut self, address: IpAddr) -> Self {
        self.listen = Some(address);
        self
    }

    /// Takes all connections as if they were to this server (`https://shop.test`), as mitmproxy's `reverse` mode does: for
    /// clients that cannot use a proxy.
    ///
    /// Clients connect to the proxy's address as to a web server, with or without TLS. Their requests get the server's name
    /// as `host`. What the server says of itself (redirects to its own name, cookies for its domain) is not changed. Such a
    /// proxy asks for no credential, wherever it listens, since it leads to this server only.
    #[must_use]
    pub fn reverse(mut self, server: impl Into<String>) -> Self {
        self.reverse = Some(server.into());
        self
    }

    /// Returns the server that all connections lead to.
    ///
    /// # Errors
    /// When the text is not the URL of a server.
    pub(crate) fn reversed(&self) -> Result<Option<Target>, Failure> {
        let Some(said) = &self.reverse else { return Ok(None) };
        let uri = said.parse::<Uri>().ok().filter(|uri| matches!(uri.path(), "" | "/") && uri.query().is_none());
        let is_bare = |uri: &Uri| uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let target = uri.filter(is_bare).and_then(|uri| Target::of(&uri)).filter(|target| target.port > 0);
        target.map(Some).ok_or_else(|| {
            Failure::bare(format!(
                "{said:?} is not the URL of a server: write https://shop.test, or http://127.0.0.1:3000"
            ))
        })
    }

    /// Returns settings for a listener that is already bound.
    pub(crate) fn bound(listener: &Arc<TcpListener>) -> Self {
        Self { listener: Some(Arc::clone(listener)), ..Self::default() }
    }

    /// Returns the address to listen on.
    ///
    /// # Errors
    /// When `HOLDUP_LISTEN` is not the address of one interface, which a browser needs to connect.
    pub(crate) fn address(&self) -> Result<SocketAddr, Failure> {
        let said = std::env::var("HOLDUP_LISTEN").ok().filter(|said| !said.is_empty());
        let address = match (self.listen, &said) {
            (Some(address), _) => address,
            (None, None) => Ipv4Addr::LOCALHOST.into(),
            (None, Some(said)) => said.parse().map_err(|_| {
                Failure::bare(format!(
                    "HOLDUP_LISTEN is {said:?}; it takes the address of an interface, such as 10.0.0.5"
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

    /// Sets the seed from which delays are drawn, so that they are reproducible.
    ///
    /// Without this setting, `HOLDUP_SEED` sets the seed, or else it is random. A failure prints it.
    #[must_use]
    pub fn draw_from(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Returns the seed from which delays are drawn.
    ///
    /// # Errors
    /// When `HOLDUP_SEED` is not a number.
    pub(crate) fn seed(&self) -> Result<u64, Failure> {
        match (self.seed, std::env::var("HOLDUP_SEED").ok().filter(|said| !said.is_empty())) {
            (Some(seed), _) => Ok(seed),
            // Short enough to type.
            (None, None) => Ok(RandomState::new().build_hasher().finish() >> 40),
            (None, Some(said)) => said.parse().map_err(|_| {
                Failure::bare(format!("HOLDUP_SEED is {said:?}; it takes a number, as printed by a failure"))
            }),
        }
    }

    /// Sets the timeout for connecting to an upstream; 20 seconds by default.
    ///
    /// It covers name resolution, the connection, and the handshakes. A connected server may take any time to respond.
    #[must_use]
    pub fn connect_within(mut self, patience: Duration) -> Self {
        self.connect_within = Some(patience);
        self
    }
}
