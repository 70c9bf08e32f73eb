//! The request head and the response head of a flow, with their accessors.

use super::Target;
use crate::sanitize::{is_unambiguous, placeholder, sanitize_line};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The request of a flow.
///
/// Its URL is absolute, whatever form it had on the wire.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) path_and_query: String,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    /// The address of the browser's end of the connection.
    pub(crate) client: Option<SocketAddr>,
}

/// The response of a flow.
#[derive(Clone)]
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    /// Time since the request was sent to the upstream; `None` if no upstream was involved.
    pub(crate) elapsed: Option<Duration>,
}

/// What is known of a body. Most bodies are only streamed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Content {
    /// Not read.
    #[default]
    Streaming,
    /// Read whole for a rule or a test; content-encoding undone.
    Read(Bytes),
    /// Set by an edit: sent as it is, without content-encoding.
    Edited(Bytes),
}

impl Content {
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Streaming => None,
            Self::Read(bytes) | Self::Edited(bytes) => Some(bytes),
        }
    }
}

/// Copies headers into memory of their own. Values from the wire are slices of a connection's read buffer and would
/// keep all of it alive for as long as the journal keeps a header.
fn detached(headers: &HeaderMap) -> HeaderMap {
    let mut all = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| all.extend_from_slice(value.as_bytes()));
    let all = all.freeze();
    let mut copy = HeaderMap::with_capacity(headers.len());
    let mut at = 0;
    for (name, value) in headers {
        let bytes = all.slice(at..at + value.len());
        at += value.len();
        // A value that was valid before is valid again.
        if let Ok(value) = HeaderValue::from_maybe_shared(bytes) {
            copy.append(name, value);
        }
    }
    copy
}

/// Returns how many bytes headers occupy, including the entries of the map.
fn size_of_headers(headers: &HeaderMap) -> usize {
    const ENTRY: usize = 64;
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ENTRY).sum()
}

impl Request {
    /// Returns how many bytes of memory the request occupies.
    pub(crate) fn size(&self) -> usize {
        let said = self.target.host.len() + self.path_and_query.len() + size_of_headers(&self.headers);
        size_of::<Self>() + said + self.content.bytes().map_or(0, Bytes::len)
    }

    /// Returns the copy that the journal keeps.
    pub(crate) fn record(&self) -> Arc<Self> {
        Arc::new(self.detached())
    }

    /// Returns a copy that keeps no buffer of a connection alive.
    pub(crate) fn detached(&self) -> Self {
        let (method, target) = (self.method.clone(), self.target.clone());
        let (path_and_query, version) = (self.path_and_query.clone(), self.version);
        let (headers, content) = (detached(&self.headers), self.content.clone());
        Self { method, target, path_and_query, version, headers, content, client: self.client }
    }

    /// Returns the request of a browser that follows a link, as far as the URL determines it.
    pub(crate) fn get(url: &str) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        let path_and_query = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let (target, version) = (Target::of(&uri)?, Version::HTTP_11);
        let (method, headers, content) = (Method::GET, HeaderMap::new(), Content::Streaming);
        Some(Self { method, target, path_and_query, version, headers, content, client: None })
    }

    /// Returns whether the browser requests a page, or one in a frame.
    pub(crate) fn is_navigation(&self) -> bool {
        self.header("sec-fetch-mode") == Some("navigate")
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the absolute URL, without a port that the scheme implies.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}{}", self.target, self.path_and_query)
    }

    /// Returns scheme, host and port.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the path as sent: without the query, not percent-decoded.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path_and_query.split_once('?').map_or(&self.path_and_query, |(path, _)| path)
    }

    /// Returns the decoded values of a query parameter; several if it is repeated.
    pub fn query<'a>(&'a self, key: &str) -> impl Iterator<Item = Cow<'a, str>> {
        let query = self.path_and_query.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).filter(move |(k, _)| k == key).map(|(_, value)| value)
    }

    /// Returns the value of a cookie that the browser sent.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        // Each pair is decoded separately: another cookie may contain bytes that are not UTF-8.
        let fields = self.headers.get_all(http::header::COOKIE).iter().map(HeaderValue::as_bytes);
        let pairs = fields.flat_map(|field| field.split(|byte| *byte == b';'));
        pairs
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
            .find_map(|(key, value)| (key.trim() == name).then(|| value.trim()))
    }

    /// Returns a header's first value if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns all headers for modification.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Returns the protocol version that the browser used.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Sets the method.
    pub fn set_method(&mut self, method: Method) {
        self.method = method;
    }

    /// Sets the path and query. A `/` is put before what does not start with one, so that the host stays as it is.
    ///
    /// The value is not checked here. If it cannot be parsed, the flow fails with
    /// [`FaultStage::Exchange`](crate::FaultStage::Exchange) when it goes to the upstream.
    pub fn set_path_and_query(&mut self, to: impl Into<String>) {
        let to = to.into();
        self.path_and_query = if to.starts_with('/') || to == "*" { to } else { format!("/{to}") };
    }

    /// Replaces the body; `content-length` and `content-encoding` are adjusted.
    pub fn set_body(&mut self, body: impl Into<Bytes>) {
        self.content = Content::Edited(body.into());
    }

    /// Returns the body with its content-encoding undone, if it was read.
    ///
    /// A body is read when a rule's filter looks at it, or when a test calls [`Held::body`](crate::Held::body).
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.content.bytes()
    }
}

impl Response {
    /// Returns whether it has a body, or would have one. That of a 304 is in the client's cache.
    pub(crate) fn has_body_after(&self, request: &Request) -> bool {
        let has_none = matches!(self.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
        request.method != Method::HEAD && !self.status.is_informational() && !has_none
    }

    /// Returns how many bytes of memory the response occupies.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + size_of_headers(&self.headers) + self.content.bytes().map_or(0, Bytes::len)
    }

    /// Creates a response with a text.
    pub(crate) fn made(status: StatusCode, text: &'static str) -> Self {
        let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];
        let (headers, content) = (HeaderMap::from_iter(headers), Content::Edited(Bytes::from_static(text.as_bytes())));
        Self { status, version: Version::HTTP_11, headers, content, elapsed: None }
    }

    /// Returns the copy that the journal keeps.
    pub(crate) fn record(&self) -> Arc<Self> {
        Arc::new(self.detached())
    }

    /// Returns a copy that keeps no buffer of a connection alive.
    pub(crate) fn detached(&self) -> Self {
        let (status, version) = (self.status, self.version);
        let (headers, content) = (detached(&self.headers), self.content.clone());
        Self { status, version, headers, content, elapsed: self.elapsed }
    }

    /// Returns the status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a header's first value if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns all headers for modification.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Returns the protocol version that the upstream used.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns how long the upstream took, up to the end of the response head.
    ///
    /// `None` for a response that did not come from an upstream.
    #[must_use]
    pub fn elapsed(&self) -> Option<Duration> {
        self.elapsed
    }

    /// Sets the status.
    pub fn set_status(&mut self, status: StatusCode) {
        self.status = status;
    }

    /// Sets one header, replacing all its previous values.
    pub fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Replaces the body; `content-length` and `content-encoding` are adjusted.
    pub fn set_body(&mut self, body: impl Into<Bytes>) {
        self.content = Content::Edited(body.into());
    }

    /// Returns the body with its content-encoding undone, if it was read.
    ///
    /// A body is read when a rule's filter looks at it, or when a test calls [`Held::body`](crate::Held::body).
    #[must_use]
    pub fn body(&self) -> Option<&Bytes> {
        self.content.bytes()
    }
}

fn fmt_headers(headers: &HeaderMap, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let value = if is_unambiguous(name.as_str()) { placeholder(&value) } else { sanitize_line(&value) };
        write!(f, "\n  {name}: {value}")?;
    }
    Ok(())
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, sanitize_line(&self.url()))?;
        fmt_headers(&self.headers, f)
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        fmt_headers(&self.headers, f)
    }
}
