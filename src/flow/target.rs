//! The origin that a request is sent to, as the browser sees it.

use http::Uri;
use http::uri::Authority;
use std::fmt;

/// Scheme, host and port of an origin.
///
/// The host is lowercase and bare (no brackets around IPv6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Target {
    /// Whether the scheme uses TLS.
    pub tls: bool,
    /// The host as the browser names it.
    pub host: String,
    /// The port, explicit or implied by the scheme.
    pub port: u16,
}

impl Target {
    pub(crate) fn new(tls: bool, host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { tls, host: host.to_ascii_lowercase(), port }
    }

    /// Returns the target of an absolute URI; `None` if the host is missing, the port is invalid, or the scheme is not
    /// of the web.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return None,
        };
        let port = port_of(uri.authority()?)?.unwrap_or(if tls { 443 } else { 80 });
        Some(Self::new(tls, uri.host()?, port))
    }

    /// Returns the target of a CONNECT request: a host and a port. `None` without a valid port.
    pub(crate) fn of_tunnel(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let port = port_of(authority)?.filter(|port| *port > 0)?;
        Some(Self::new(true, authority.host(), port))
    }

    /// Returns `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Returns `host:port`, without a port that the scheme implies.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.bracketed_host(),
            _ => self.host_and_port(),
        }
    }

    /// Returns `host:port`.
    pub(crate) fn host_and_port(&self) -> String {
        format!("{}:{}", self.bracketed_host(), self.port)
    }

    fn bracketed_host(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

/// Returns the port in the authority, `Some(None)` if there is none, and `None` if it is invalid.
fn port_of(authority: &Authority) -> Option<Option<u16>> {
    let host = authority.as_str().rsplit('@').next().unwrap_or_default();
    let said = host.rsplit(']').next().and_then(|rest| rest.rsplit_once(':')).map(|(_, port)| port);
    match said {
        None | Some("") => Some(None),
        Some(port) => port.parse().ok().map(Some),
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}
