//! Builds the head of a request for the connection that it is sent on. Pure.

use super::connector::Destination;
use super::parent::Parent;
use crate::flow::{Fault, FaultStage, Request};
use crate::proxy::hop;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Uri, Version};

/// Builds the request for an HTTP/1 connection: the path alone, and the host in its header. A connection to a `parent` proxy
/// gets the whole URL.
pub(super) fn http1<B>(
    head: &Request,
    mut headers: HeaderMap,
    body: B,
    upgrade: Option<&hop::Upgrade>,
    parent: Option<&Parent>,
) -> Result<http::Request<B>, Fault> {
    let uri = match parent {
        None => Uri::from(path(head)?),
        Some(parent) => {
            parent.authorize(&mut headers);
            absolute(head, &head.target.authority(), Scheme::HTTP)?
        }
    };
    let mut request = request(head, uri, headers, body);
    *request.version_mut() = Version::HTTP_11;
    if let Some(upgrade) = upgrade {
        hop::keep_upgrade(request.headers_mut(), upgrade);
    }
    Ok(request)
}

/// Builds the request for an HTTP/2 connection. Only the authority names the host: servers refuse a `host` header that
/// is spelled differently (RFC 9113, section 8.3.1), and nginx before 1.29 refuses any.
pub(super) fn http2<B>(head: &Request, mut headers: HeaderMap, body: B, tls: bool) -> Result<http::Request<B>, Fault> {
    let said = headers.get(header::HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = said.map_or_else(|| head.target.authority(), |authority| authority.to_string());
    hop::remove(&mut headers, &[header::HOST]);
    let uri = absolute(head, &authority, if tls { Scheme::HTTPS } else { Scheme::HTTP })?;
    let mut request = request(head, uri, headers, body);
    *request.version_mut() = Version::HTTP_2;
    Ok(request)
}

fn absolute(head: &Request, authority: &str, scheme: Scheme) -> Result<Uri, Fault> {
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path(head)?);
    uri.build().map_err(|error| Fault::from_error(FaultStage::Exchange, &head.url(), &error))
}

fn request<B>(head: &Request, uri: Uri, headers: HeaderMap, body: B) -> http::Request<B> {
    let mut request = http::Request::new(body);
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    request
}

fn path(head: &Request) -> Result<PathAndQuery, Fault> {
    let path = head.path_and_query.as_str();
    path.parse().map_err(|error| Fault::from_error(FaultStage::Exchange, &format!("the path {path:?}"), &error))
}

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Adds `x-forwarded-*` headers for a server without TLS, as proxies that end TLS do: otherwise an application that
/// insists on `https` redirects forever. Headers that a client or a rule has set stay.
pub(super) fn forward(head: &Request, destination: &Destination, headers: &mut HeaderMap) {
    let ends_tls = destination.declared.is_some() && head.target.tls && !destination.speaks.is_tls();
    if !ends_tls {
        return;
    }
    let host = headers.get(header::HOST).cloned().or_else(|| HeaderValue::try_from(head.target.authority()).ok());
    let client = head.client.and_then(|client| HeaderValue::try_from(client.ip().to_string()).ok());
    let all =
        [(FORWARDED_PROTO, Some(HeaderValue::from_static("https"))), (FORWARDED_HOST, host), (FORWARDED_FOR, client)];
    for (name, value) in all {
        if let Some(value) = value {
            headers.entry(name).or_insert(value);
        }
    }
}

/// Returns whether a message belongs to an authentication of the connection itself (NTLM, Negotiate; RFC 4559).
pub(super) fn authenticates_connection(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(name).into_iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        [&b"ntlm"[..], b"negotiate"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}
