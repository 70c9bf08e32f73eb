//! Requests and responses that a test makes, to evaluate a filter without a proxy.

use super::{Content, Fault, FaultStage, Request, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use std::sync::Arc;

fn wrong(what: String) -> Fault {
    Fault::new(FaultStage::Client, what)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Fault> {
    match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
        (Ok(name), Ok(value)) => Ok((name, value)),
        _ => Err(wrong(format!("{name:?}: {value:?} is not a header"))),
    }
}

impl Content {
    /// Returns the content with a body that was not set as an empty one.
    fn read(&self) -> Self {
        Self::Read(self.bytes().cloned().unwrap_or_default())
    }
}

impl Request {
    /// Returns the record of a request whose body was read later.
    pub(crate) fn with_read(&self, body: &Bytes) -> Arc<Self> {
        Arc::new(Self { content: Content::Read(body.clone()), ..self.clone() })
    }

    /// Creates a request, for [`Filter::matches`](crate::Filter::matches).
    ///
    /// # Errors
    /// When this is not a method, or not an absolute URL.
    pub fn new(method: &str, url: &str) -> Result<Self, Fault> {
        let parsed = Method::try_from(method).map_err(|_| wrong(format!("{method:?} is not a method")))?;
        let request = Self::get(url).ok_or_else(|| wrong(format!("{url:?} is not an absolute URL")))?;
        Ok(Self { method: parsed, ..request })
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When this is not a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Fault> {
        let (name, value) = header(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.content = Content::Read(body.into());
        self
    }

    /// Returns the request as one whose body was read.
    pub(crate) fn as_read(&self) -> Self {
        Self { content: self.content.read(), ..self.clone() }
    }
}

impl Response {
    /// Returns the record of a response whose body was read later.
    pub(crate) fn with_read(&self, body: &Bytes) -> Arc<Self> {
        Arc::new(Self { content: Content::Read(body.clone()), ..self.clone() })
    }

    /// Creates a response, for [`Filter::matches`](crate::Filter::matches).
    ///
    /// # Errors
    /// When this is not a status.
    pub fn new(status: u16) -> Result<Self, Fault> {
        let status = StatusCode::from_u16(status).map_err(|_| wrong(format!("{status} is not a status")))?;
        let (headers, content) = (HeaderMap::new(), Content::default());
        Ok(Self { status, version: Version::HTTP_11, headers, content, elapsed: None })
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When this is not a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, Fault> {
        let (name, value) = header(name, value)?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.content = Content::Read(body.into());
        self
    }

    /// Returns the response as one whose body was read.
    pub(crate) fn as_read(&self) -> Self {
        Self { content: self.content.read(), ..self.clone() }
    }
}
