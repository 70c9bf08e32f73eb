//! Where a request wants to go: the origin as the browser sees it.

use http::Uri;
use http::uri::Authority;
use std::fmt;

/// Scheme, host and port of an origin. The host is lower case and bare (no brackets around IPv6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// TLS or plaintext.
    pub tls: bool,
    /// The name, as the browser says it.
    pub host: String,
    /// The port, said or implied.
    pub port: u16,
}

impl Target {
    pub(crate) fn new(tls: bool, host: &str, port: u16) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { tls, host: host.to_ascii_lowercase(), port }
    }

    /// Of an absolute URI; none when the host is missing, the port is none, or the scheme is not of the web.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let tls = match uri.scheme_str() {
            Some("https" | "wss") => true,
            Some("http" | "ws") => false,
            _ => return None,
        };
        let port = port_of(uri.authority()?)?.unwrap_or(if tls { 443 } else { 80 });
        Some(Self::new(tls, uri.host()?, port))
    }

    /// What CONNECT asks for: a host and a port.
    pub(crate) fn of_tunnel(uri: &Uri) -> Option<Self> {
        let authority = uri.authority()?;
        let port = port_of(authority)?.filter(|port| *port > 0)?;
        Some(Self::new(true, authority.host(), port))
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// `host:port`, the port left out where the scheme implies it.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// The port that an authority says, if it says one; none if what it says is no port.
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
