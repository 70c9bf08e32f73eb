//! Headers of a single connection (RFC 9110, section 7.6.1), and those that need translation between versions. Pure.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

const HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Returns the headers to forward. They are copied, since removing the others would disturb the order.
pub(super) fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut named = tokens(headers, &header::CONNECTION);
    // `connection` cannot remove what determines a message's destination and length.
    named.retain(|name| name != "host" && name != "content-length");
    let mut on = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let goes = !HOP_BY_HOP.contains(name) && !named.iter().any(|token| token == name.as_str());
        if goes {
            on.append(name, value.clone());
        }
    }
    // The only value of TE that is end-to-end: gRPC uses it to request trailers.
    if tokens(headers, &header::TE).iter().any(|token| token == "trailers") {
        on.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    on
}

/// Returns the headers of a request to forward. `expect: 100-continue` is not among them: the proxy itself sends the
/// 100, so that the client does not wait for a server.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    let mut on = end_to_end(headers);
    if on.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        remove(&mut on, &[header::EXPECT]);
    }
    on
}

/// Removes headers without disturbing the order of the others, unlike `HeaderMap::remove`.
pub(super) fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    if names.iter().any(|name| headers.contains_key(name)) {
        let mut rest = HeaderMap::with_capacity(headers.len());
        headers.iter().filter(|(name, _)| !names.contains(name)).for_each(|(name, value)| {
            rest.append(name, value.clone());
        });
        *headers = rest;
    }
}

/// A protocol upgrade in the spelling of one end: some servers require exactly `Upgrade`.
#[derive(Clone, Debug)]
pub(super) struct Upgrade {
    /// The protocol, such as `websocket`.
    pub(super) to: HeaderValue,
    /// The token in `connection`.
    word: HeaderValue,
}

impl Upgrade {
    pub(super) fn is_to_websocket(&self) -> bool {
        self.to.as_bytes().eq_ignore_ascii_case(b"websocket")
    }
}

/// Returns the upgrade that a message asks for.
///
/// Protocols that carry HTTP again (`h2c`, `TLS/1.0`) are left out: no rule would see the requests inside.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<Upgrade> {
    let words = headers.get_all(header::CONNECTION).into_iter().filter_map(|value| value.to_str().ok());
    let word =
        words.flat_map(|field| field.split(',')).map(str::trim).find(|word| word.eq_ignore_ascii_case("upgrade"))?;
    let protocols = headers.get_all(header::UPGRADE).into_iter().filter_map(|value| value.to_str().ok());
    let named: Vec<_> = protocols.flat_map(|field| field.split(',')).map(str::trim).collect();
    let opaque: Vec<_> = named.iter().copied().filter(|protocol| !carries_http(protocol)).collect();
    let mut fields = headers.get_all(header::UPGRADE).into_iter();
    let to = match (fields.next(), fields.next()) {
        // A value from which nothing was removed keeps its exact form.
        (Some(only), None) if opaque.len() == named.len() => only.clone(),
        _ => opaque.join(", ").parse().ok()?,
    };
    (!opaque.is_empty()).then_some(Upgrade { to, word: word.parse().ok()? })
}

fn carries_http(protocol: &str) -> bool {
    let lower = protocol.to_ascii_lowercase();
    lower.starts_with("h2") || lower.starts_with("http/") || lower.starts_with("tls/")
}

/// Restores the headers that [`end_to_end`] removed, for an upgrade that both ends take part in.
pub(super) fn keep_upgrade(headers: &mut HeaderMap, upgrade: &Upgrade) {
    headers.insert(header::CONNECTION, upgrade.word.clone());
    headers.insert(header::UPGRADE, upgrade.to.clone());
}

/// Joins cookies into one field: HTTP/2 splits them, HTTP/1 allows only one (RFC 9113, section 8.2.3).
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).into_iter().nth(1).is_some() {
        let all: Vec<_> = headers.get_all(header::COOKIE).into_iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
            headers.insert(header::COOKIE, joined);
        }
    }
}

/// Returns the content-length of a head; equal duplicates count as one.
pub(super) fn one_length(headers: &HeaderMap) -> Result<Option<&HeaderValue>, &'static str> {
    let mut said = headers.get_all(header::CONTENT_LENGTH).into_iter();
    let Some(first) = said.next() else { return Ok(None) };
    match first.as_bytes() {
        [] => Err("the content-length is not a number"),
        digits if !digits.iter().all(u8::is_ascii_digit) => Err("the content-length is not a number"),
        _ if said.any(|other| other != first) => Err("the message has several different content-lengths"),
        _ => Ok(Some(first)),
    }
}

/// Reduces several equal content-lengths to one.
pub(super) fn unite_lengths(headers: &mut HeaderMap) {
    if headers.get_all(header::CONTENT_LENGTH).into_iter().nth(1).is_some()
        && let Some(length) = headers.get(header::CONTENT_LENGTH).cloned()
    {
        headers.insert(header::CONTENT_LENGTH, length);
    }
}

/// Whether a host header names one host, and nothing else.
pub(super) fn names_host(host: &HeaderValue) -> bool {
    let authority = http::uri::Authority::try_from(host.as_bytes());
    authority.is_ok_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'))
}

/// Returns the transfer codings of a response except `chunked`, outermost last. The content of its chunks still has
/// them.
pub(super) fn transfer_codings(headers: &HeaderMap) -> Vec<String> {
    let mut codings = tokens(headers, &header::TRANSFER_ENCODING);
    codings.retain(|coding| coding != "chunked" && coding != "identity");
    codings
}

/// Returns why two servers could understand a request differently, if they could.
pub(super) fn ambiguity(headers: &HeaderMap) -> Option<&'static str> {
    if headers.get_all(header::HOST).into_iter().nth(1).is_some() {
        return Some("the request has more than one host header");
    }
    if let Err(why) = one_length(headers) {
        return Some(why);
    }
    // A transfer coding is between two ends only: one could decode it and the other not.
    let is_coded = tokens(headers, &header::TRANSFER_ENCODING).iter().any(|coding| coding != "chunked");
    is_coded.then_some("the request has a transfer coding other than `chunked`")
}

/// Whether a response with this status never has a body, whatever its head declares.
pub(super) fn never_has_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

fn tokens(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let fields = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    fields.flat_map(|field| field.split(',')).map(|token| token.trim().to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn what_connection_names_stays_here_and_the_rest_keeps_its_order() {
        let on = end_to_end(&headers(&[
            ("host", "a"),
            ("connection", "Keep-Alive, X-Hop"),
            ("x-hop", "1"),
            ("b", "2"),
            ("keep-alive", "5"),
            ("proxy-connection", "close"),
            ("a", "3"),
            ("te", "trailers, deflate"),
        ]));
        let seen: Vec<_> = on.iter().map(|(name, value)| (name.as_str(), value.to_str().expect("ascii"))).collect();
        assert_eq!(seen, [("host", "a"), ("b", "2"), ("a", "3"), ("te", "trailers")]);
    }

    #[test]
    fn an_upgrade_keeps_its_spelling_and_leaves_out_what_carries_http() {
        for (connection, to, kept) in [
            ("Upgrade", "websocket", Some(("Upgrade", "websocket"))),
            ("keep-alive, uPgrade", "WebSocket", Some(("uPgrade", "WebSocket"))),
            ("Upgrade, HTTP2-Settings", "h2c", None),
            ("Upgrade", "TLS/1.0, HTTP/2.0", None),
            ("Upgrade", "h2c, foo", Some(("Upgrade", "foo"))),
            ("close", "websocket", None),
        ] {
            let upgrade = upgrade(&headers(&[("connection", connection), ("upgrade", to)]));
            let seen = upgrade.map(|upgrade| (upgrade.word.clone(), upgrade.to));
            let seen = seen.as_ref().map(|(word, to)| (word.to_str().expect("ascii"), to.to_str().expect("ascii")));
            assert_eq!(seen, kept, "{connection}: {to}");
        }
        let both = headers(&[("connection", "upgrade"), ("upgrade", "foo"), ("upgrade", "websocket")]);
        assert_eq!(upgrade(&both).expect("an upgrade").to, "foo, websocket");
    }

    #[test]
    fn cookies_are_joined_in_their_order() {
        let mut split = headers(&[("cookie", "a=1"), ("host", "a"), ("cookie", "b=2")]);
        join_cookies(&mut split);
        assert_eq!(split.get_all("cookie").into_iter().collect::<Vec<_>>(), ["a=1; b=2"]);
    }
}
