//! Access control of the relay: no page may use it, whatever name the page has found for this machine.

use crate::crypto;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use std::io;
use std::net::SocketAddr;

/// The address and the token that a request must match.
#[derive(Debug)]
pub(super) struct Access {
    address: SocketAddr,
    token: String,
}

impl Access {
    /// Generates a token of 128 random bits.
    pub(super) fn new(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { address, token: crypto::secret()? })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.token)
    }

    /// Removes the token from the path of a request that is admitted; otherwise returns why it is refused.
    ///
    /// A page does not know the token. Its requests have an `Origin`, or the `Host` that it believes to connect to (DNS
    /// rebinding).
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Result<(), &'static str> {
        if request.headers().contains_key(header::ORIGIN) {
            return Err("the request is from a page (it has an `Origin`)");
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host != self.address.to_string() && host != format!("localhost:{}", self.address.port()) {
            return Err("the `Host` is not the one that it listens at");
        }
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let rest = path.strip_prefix('/').and_then(|path| path.strip_prefix(&self.token));
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(rest) = rest else { return Err("the token in the URL is missing or wrong") };
        // Some clients produce `//session` from a URL that ends with a slash.
        let rest = format!("/{}", rest.trim_start_matches('/'));
        match rest.parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => return Err("the path cannot be read"),
        }
        Ok(())
    }
}

/// Returns the response to a request that is refused.
pub(super) fn refusal(why: &str) -> Response<Bytes> {
    let text = format!("Holdup's WebDriver relay needs its whole URL, `browser.webdriver_url()`: {why}\n");
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_knows_the_url_is_admitted() {
        let access = Access::new("127.0.0.1:4444".parse().expect("an address")).expect("a token");
        let token = access.token.clone();
        let admitted = |path: &str, headers: &[(&str, &str)]| {
            let mut request = Request::get(path.replace("TOKEN", &token));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let mut request = request.body(()).expect("a request");
            access.admit(&mut request).map(|()| request.uri().to_string())
        };
        let host = ("host", "127.0.0.1:4444");
        assert_eq!(admitted("/TOKEN/session/1/url?x", &[host]), Ok("/session/1/url?x".to_owned()));
        assert_eq!(admitted("/TOKEN//session", &[("host", "localhost:4444")]), Ok("/session".to_owned()));
        for (path, headers) in [
            ("/session", &[host][..]),
            ("/TOKENx/session", &[host]),
            ("/TOKEN/session", &[]),
            ("/TOKEN/session", &[("host", "rebound.test:4444")]),
            ("/TOKEN/session", &[("host", "localhost:4445")]),
            ("/TOKEN/session", &[host, ("origin", "http://127.0.0.1:4444")]),
        ] {
            assert!(admitted(path, headers).is_err(), "{path} {headers:?}");
        }
    }
}
