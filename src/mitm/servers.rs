//! The servers that a proxy reaches, and how.

use super::Mitm;
use crate::proxy::Upstream;
use crate::report::{Failure, misuse};

impl Mitm {
    /// Serves the host `name` from this local server from now on.
    ///
    /// The browser still sees `https://name`, whatever the server speaks. An address alone means a server that speaks
    /// plain HTTP; [`Upstream`] has other kinds. All spellings of a name match (upper case, `bücher.test`,
    /// `xn--bcher-kva.test`). `*.shop.test` matches every name below `shop.test`, unless that name has its own server, and `*`
    /// every other.
    ///
    /// # Panics
    /// At the caller's line, when `name` is not a host name (has a scheme, a port or a path).
    #[track_caller]
    pub fn host(&self, name: &str, upstream: impl Into<Upstream>) {
        if let Err(why) = self.0.proxy.upstreams().host(name, upstream.into()) {
            misuse(&why);
        }
    }

    /// Trusts upstreams with these certificates (PEM) from now on, besides the platform's.
    ///
    /// They may be roots, or a server's own certificate, such as `openssl req -x509` makes.
    ///
    /// # Errors
    /// When the text contains no certificate.
    #[track_caller]
    pub fn trust_upstream(&self, pem: &str) -> Result<(), Failure> {
        self.0.proxy.upstreams().trust(pem).map_err(|fault| Failure::new(fault.to_string()))
    }

    /// Accepts any certificate of this host from now on.
    ///
    /// It may be expired, for another name, self-signed, of X.509 version 1, or have a key that is too weak.
    /// `*.shop.test` matches every name below `shop.test`, and `*` every name.
    ///
    /// # Panics
    /// At the caller's line, when `name` is not a host name.
    #[track_caller]
    pub fn insecure_upstream(&self, name: &str) {
        if let Err(why) = self.0.proxy.upstreams().insecure(name) {
            misuse(&why);
        }
    }

    /// Passes the connections of CONNECT to this host on unchanged from now on, as mitmproxy's `ignore_hosts` does: for
    /// clients that trust only their own server.
    ///
    /// Their TLS ends at the server, and no rule and no journal sees what is inside. `*.shop.test` matches every name below
    /// `shop.test`, and `*` every name. Requests without TLS, which name their server each, are flows all the same.
    ///
    /// # Panics
    /// At the caller's line, when `name` is not a host name.
    #[track_caller]
    pub fn pass_through(&self, name: &str) {
        if let Err(why) = self.0.proxy.upstreams().pass(name) {
            misuse(&why);
        }
    }

    /// Looks only into the connections of CONNECT to this host, and others named so, from now on, as mitmproxy's
    /// `allow_hosts` does: all others are [passed through](Self::pass_through).
    ///
    /// `*.shop.test` matches every name below `shop.test`. A host that is passed through as well is not looked into.
    ///
    /// # Panics
    /// At the caller's line, when `name` is not a host name.
    #[track_caller]
    pub fn intercept_only(&self, name: &str) {
        if let Err(why) = self.0.proxy.upstreams().intercept_only(name) {
            misuse(&why);
        }
    }

    /// Reaches servers through another proxy from now on, as mitmproxy's `upstream` mode does: where a network has one,
    /// `http://proxy.test:3128` or `http://user:password@proxy.test:3128`.
    ///
    /// Servers that the test has [declared](Self::host), `localhost` and loopback addresses are reached without it. It gets
    /// requests without TLS with their whole URL, and CONNECT for all else. Names are resolved by it.
    ///
    /// # Panics
    /// At the caller's line, when `url` is not that of an HTTP proxy. (Proxies that are reached by TLS or SOCKS are not
    /// supported.)
    #[track_caller]
    pub fn upstream_proxy(&self, url: &str) {
        if let Err(why) = self.0.proxy.upstreams().through(url) {
            misuse(&why);
        }
    }

    /// Uses this certificate for the host `name` from now on, instead of one that the [CA](Self::ca_pem) issues: for clients
    /// that trust that one, and cannot be told to trust another.
    ///
    /// `certificate_pem` holds the certificate and its chain, `key_pem` its private key; they may be the same text.
    /// `*.shop.test` matches every name below `shop.test`, and `*` every name.
    ///
    /// # Panics
    /// At the caller's line, when `name` is not a host name, when the texts hold no certificate or no key, or when the two
    /// do not belong together.
    #[track_caller]
    pub fn certificate(&self, name: &str, certificate_pem: &str, key_pem: &str) {
        if let Err(why) = self.0.proxy.certificates().set(name, certificate_pem, key_pem) {
            misuse(&why);
        }
    }

    /// Limits HTTP/1 connections to a host, per client connection; 6 by default.
    ///
    /// That is the limit of browsers. (A browser requests all images at once from a proxy, over HTTP/2, and leaves the
    /// limit to it.) Parked flows, streams and WebSockets do not count. Clients that speak HTTP/1 do not count either,
    /// since each of their connections has one request at a time.
    ///
    /// # Panics
    /// At the caller's line, when `per_host` is 0.
    #[track_caller]
    pub fn limit_connections(&self, per_host: usize) {
        if per_host == 0 {
            misuse("limit_connections(0) would stop every request");
        }
        self.0.proxy.upstreams().limit_connections(per_host);
    }

    /// Stops sending `x-forwarded-*` headers to servers without TLS.
    ///
    /// By default, such a server that stands in for an `https` name receives `x-forwarded-proto: https`,
    /// `x-forwarded-host` and `x-forwarded-for`, as from a reverse proxy: an application that insists on `https` would
    /// redirect forever. A header that is already present is kept.
    pub fn forward_nothing(&self) {
        self.0.proxy.upstreams().forward_nothing();
    }
}
