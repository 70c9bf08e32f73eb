//! Values that a test can respond with.

use crate::flow::{Content, Response};
use crate::report::misuse;
use crate::rules::{Local, TEXT, media_type};
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode, Version};

/// A value that can be sent as a response: `respond!(F, VALUE)`.
///
/// | value | response |
/// |---|---|
/// | `503`, `StatusCode::NOT_FOUND` | that status, without a body |
/// | `"text"`, a `String`, bytes, [`file()`], [`json!`](crate::json) | 200 with that body |
/// | `(404, BODY)` | that status, any of these bodies |
/// | `(200, [("x-a", "b")], BODY)` | with these headers, which take the place of the usual ones |
/// | [`http::Response`], [`Response`] | that response |
///
/// A text is sent as `text/plain; charset=utf-8`, or as `text/html; charset=utf-8` if it begins as HTML does; JSON as
/// `application/json`; a file as its name says; bytes without a `content-type`.
pub trait IntoAnswer {
    /// Converts the value into a response.
    ///
    /// # Panics
    /// When the status is not that of a response (200 to 999), when a header cannot be sent, or when the body of a
    /// [`Response`] was not read.
    #[track_caller]
    fn into_answer(self) -> Response;
}

/// The status of a response: a number, or a `StatusCode`.
pub trait IntoStatus {
    #[doc(hidden)]
    fn code(self) -> u16;
}

impl IntoStatus for u16 {
    fn code(self) -> u16 {
        self
    }
}

impl IntoStatus for StatusCode {
    fn code(self) -> u16 {
        self.as_u16()
    }
}

/// The body of a response: text, bytes, [`file()`], or JSON.
pub trait IntoBody {
    #[doc(hidden)]
    fn bytes_and_type(self) -> (Bytes, Option<&'static str>);
}

/// Only a final status can be sent as a response.
#[track_caller]
fn final_status(status: u16) -> StatusCode {
    match StatusCode::from_u16(status) {
        Ok(status) if !status.is_informational() => status,
        _ => {
            misuse(&format!("{status} is not the status of a response: those are 200 to 999 (1xx only announces one)"))
        }
    }
}

#[track_caller]
fn answer(status: impl IntoStatus, body: impl IntoBody) -> Response {
    let (status, (body, kind)) = (final_status(status.code()), body.bytes_and_type());
    let mut headers = HeaderMap::new();
    if let Some(kind) = kind {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    Response { status, version: Version::HTTP_11, headers, content: Content::Edited(body), elapsed: None }
}

/// `text/html` for what begins as a page does.
fn type_of(text: &str) -> &'static str {
    let start: String = text.trim_start().chars().take(14).collect::<String>().to_ascii_lowercase();
    if ["<!doctype html", "<html"].iter().any(|html| start.starts_with(html)) {
        "text/html; charset=utf-8"
    } else {
        TEXT
    }
}

macro_rules! bodies {
    ($($body:ty: |$it:ident| $bytes_and_type:expr;)*) => {$(
        impl IntoBody for $body {
            fn bytes_and_type(self) -> (Bytes, Option<&'static str>) {
                let $it = self;
                $bytes_and_type
            }
        }

        /// With the status 200.
        impl IntoAnswer for $body {
            #[track_caller]
            fn into_answer(self) -> Response {
                answer(200, self)
            }
        }
    )*};
}

bodies! {
    &str: |text| (Bytes::copy_from_slice(text.as_bytes()), Some(type_of(text)));
    String: |text| { let kind = type_of(&text); (text.into(), Some(kind)) };
    &String: |text| (Bytes::copy_from_slice(text.as_bytes()), Some(type_of(text)));
    Vec<u8>: |bytes| (bytes.into(), None);
    &'static [u8]: |bytes| (Bytes::from_static(bytes), None);
    Bytes: |bytes| (bytes, None);
    serde_json::Value: |json| (json.to_string().into(), Some("application/json"));
    File: |file| (file.body, file.kind);
}

impl IntoAnswer for u16 {
    #[track_caller]
    fn into_answer(self) -> Response {
        answer(self, Bytes::new())
    }
}

impl IntoAnswer for StatusCode {
    #[track_caller]
    fn into_answer(self) -> Response {
        answer(self, Bytes::new())
    }
}

impl<S: IntoStatus, B: IntoBody> IntoAnswer for (S, B) {
    #[track_caller]
    fn into_answer(self) -> Response {
        answer(self.0, self.1)
    }
}

impl<S, H, N, V, B> IntoAnswer for (S, H, B)
where
    S: IntoStatus,
    H: IntoIterator<Item = (N, V)>,
    N: AsRef<str>,
    V: AsRef<str>,
    B: IntoBody,
{
    #[track_caller]
    fn into_answer(self) -> Response {
        let mut response = answer(self.0, self.2);
        let mut said = HeaderMap::new();
        for (name, value) in self.1 {
            let (name, value) = (name.as_ref(), value.as_ref());
            match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                (Ok(name), Ok(value)) => drop(said.append(name, value)),
                _ => misuse(&format!("{name:?}: {value:?} is not a header that can be sent")),
            }
        }
        for name in said.keys() {
            response.headers.remove(name);
        }
        response.headers.extend(said);
        response
    }
}

impl<B: Into<Bytes>> IntoAnswer for http::Response<B> {
    #[track_caller]
    fn into_answer(self) -> Response {
        let (parts, body) = self.into_parts();
        let status = final_status(parts.status.as_u16());
        let content = Content::Edited(body.into());
        Response { status, version: parts.version, headers: parts.headers, content, elapsed: None }
    }
}

/// Sends another flow's response, whose body was read or set.
impl IntoAnswer for Response {
    #[track_caller]
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
