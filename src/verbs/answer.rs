//! Values that a test can respond with.

use crate::flow::{Content, Response};
use crate::report::misuse;
use crate::rules::{Local, TEXT, media_type};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode, Version};

/// A value that can be sent as a response.
///
/// Implemented for a status, `(status, body)`, a body alone (sent with status 200), [`file()`], JSON, any
/// [`http::Response`], and [`Response`].
pub trait IntoAnswer {
    /// Converts the value into a response.
    ///
    /// # Panics
    /// When the status is not a valid HTTP status, or when the body of a [`Response`] was not read.
    fn into_answer(self) -> Response;
}

fn answer(status: u16, body: Bytes, kind: Option<&'static str>) -> Response {
    let Ok(status) = StatusCode::from_u16(status) else { misuse(&format!("{status} is no HTTP status")) };
    let mut headers = HeaderMap::new();
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Response { status, version: Version::HTTP_11, headers, content: Content::Edited(body), elapsed: None }
}

impl IntoAnswer for u16 {
    fn into_answer(self) -> Response {
        answer(self, Bytes::new(), None)
    }
}

impl IntoAnswer for StatusCode {
    fn into_answer(self) -> Response {
        answer(self.as_u16(), Bytes::new(), None)
    }
}

impl IntoAnswer for &str {
    fn into_answer(self) -> Response {
        (200, self).into_answer()
    }
}

impl IntoAnswer for (u16, &str) {
    fn into_answer(self) -> Response {
        answer(self.0, Bytes::copy_from_slice(self.1.as_bytes()), Some(TEXT))
    }
}

impl IntoAnswer for (u16, String) {
    fn into_answer(self) -> Response {
        answer(self.0, self.1.into(), Some(TEXT))
    }
}

impl IntoAnswer for (u16, Vec<u8>) {
    fn into_answer(self) -> Response {
        answer(self.0, self.1.into(), None)
    }
}

impl<B: Into<Bytes>> IntoAnswer for http::Response<B> {
    fn into_answer(self) -> Response {
        let (parts, body) = self.into_parts();
        let content = Content::Edited(body.into());
        Response { status: parts.status, version: parts.version, headers: parts.headers, content, elapsed: None }
    }
}

/// Sends another flow's response, whose body was read or set.
impl IntoAnswer for Response {
    fn into_answer(mut self) -> Response {
        match self.content {
            Content::Edited(_) => {}
            // Reading the body undid its content-encoding.
            Content::Read(body) => {
                self.headers.remove(header::CONTENT_ENCODING);
                self.content = Content::Edited(body);
            }
            Content::Streaming => misuse("this response's body was not read: give it one with `set_body`"),
        }
        self
    }
}

impl IntoAnswer for serde_json::Value {
    fn into_answer(self) -> Response {
        (200, self).into_answer()
    }
}

impl IntoAnswer for (u16, serde_json::Value) {
    fn into_answer(self) -> Response {
        answer(self.0, self.1.to_string().into(), Some("application/json"))
    }
}

/// A file to respond with, made by [`file()`].
#[derive(Clone, Debug)]
pub struct File {
    body: Bytes,
    kind: Option<&'static str>,
}

/// Reads a local file to respond with: `respond!(path == "/", file("fixtures/page.html"))`.
///
/// The `content-type` follows from the file name. The file is read once, by this call, not for each flow.
///
/// # Panics
/// When the file cannot be read.
#[track_caller]
pub fn file(path: impl AsRef<std::path::Path>) -> File {
    let path = path.as_ref();
    match std::fs::read(path) {
        Ok(bytes) => File { body: bytes.into(), kind: media_type(path) },
        Err(error) => misuse(&format!("cannot read {:?}: {error}", path.display().to_string())),
    }
}

/// A local folder for [`replace!`](crate::replace).
///
/// The first capture group of the filter's `path ~` or `url ~` names the file in the folder; `index.html` is appended
/// to a name that ends in `/`. Flows for which the folder has no file pass unchanged.
pub fn dir(path: impl Into<std::path::PathBuf>) -> Local {
    Local::folder(path)
}

impl IntoAnswer for File {
    fn into_answer(self) -> Response {
        answer(200, self.body, self.kind)
    }
}
