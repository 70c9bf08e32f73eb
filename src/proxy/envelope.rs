//! One side of a flow on its way: the head, the body, and what rules do to them.

use super::body::{LIMIT, Source};
use super::content;
use super::heads::Dropped;
use super::hop::Upgrade;
use super::local_file::LocalFile;
use super::offload::offload;
use super::permit::Permit;
use super::shaping::{Shaped, Shaping};
use crate::flow::{Content, Fault, FaultStage, Request, Response};
use http::HeaderMap;
use http_body::Body;
use std::time::Duration;

/// How long an answer that is parked may keep its connection from others.
const FREE_WITHIN: Duration = Duration::from_millis(250);

/// How long such a body may take to arrive.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Whether a body of this type goes on for as long as the connection does.
fn is_endless(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/event-stream") || kind.starts_with("multipart/x-mixed-replace")
}

/// One side of a flow: its head, and its body as far as it has come.
#[derive(Debug)]
pub(super) struct Envelope<H> {
    pub(super) head: H,
    pub(super) body: Source,
    /// What hyper knows beyond the head: the case of header names, the upgrade.
    pub(super) extensions: http::Extensions,
    /// What rules do to the body on its way.
    pub(super) shaping: Shaping,
    /// How much of the body may be read into memory.
    pub(super) limit: usize,
    /// The change of protocol that the head asks for or agrees to.
    pub(super) upgrade: Option<Upgrade>,
    /// Lines of its head that nobody can read.
    pub(super) dropped: Vec<Dropped>,
    /// Why the body cannot be read, once that was tried.
    unreadable: Option<Fault>,
    /// To use the connection that the body comes on.
    pub(super) permit: Option<Permit>,
}

impl<H> Envelope<H> {
    pub(super) fn new(head: H, body: Source) -> Self {
        let (extensions, shaping) = (http::Extensions::new(), Shaping::default());
        Self {
            head,
            body,
            extensions,
            shaping,
            limit: LIMIT,
            upgrade: None,
            dropped: Vec::new(),
            unreadable: None,
            permit: None,
        }
    }

    /// Puts an answer in the place of this one. What rules have done to its way stays.
    pub(super) fn become_answer(&mut self, answer: Self) {
        let (shaping, limit) = (self.shaping, self.limit);
        *self = Self { shaping, limit, ..answer };
    }

    /// Reads the body ahead, as far as it may be. A connection that then is not free is no longer counted among the few
    /// that its host gets: nobody waits for it.
    pub(super) async fn read_ahead(&mut self) {
        if let Some(permit) = self.permit.clone() {
            let reading = tokio::time::timeout(FREE_WITHIN, self.body.read_ahead(self.limit)).await;
            if reading.is_err() || !self.body.is_read() {
                permit.give_back();
            }
            self.permit = None;
        }
        self.body.read_ahead(self.limit).await;
    }

    /// Waits for something, and reads the body ahead meanwhile: on HTTP/1 a client that leaves is noticed only behind what
    /// it has sent, and a server's connection is free only behind its answer.
    pub(super) async fn while_reading_ahead<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        tokio::select! {
            done = waiting.as_mut() => done,
            () = self.read_ahead() => waiting.await,
        }
    }

    /// The same for a request; none when its client has broken off in the middle of the body. That is the end of the flow:
    /// the library keeps it on HTTP/1 until somebody answers.
    pub(super) async fn unless_broken<T>(&mut self, waiting: impl Future<Output = T>) -> Option<T> {
        let mut waiting = std::pin::pin!(waiting);
        tokio::select! {
            done = waiting.as_mut() => return Some(done),
            () = self.read_ahead() => {}
        }
        if self.body.sender_has_left() { None } else { Some(waiting.await) }
    }

    /// The body as it goes out; taken out of the message.
    pub(super) fn take_body(&mut self) -> Shaped {
        Shaped::new(std::mem::take(&mut self.body), self.shaping)
    }
}

/// A head with headers and content: what reading a body needs of either side.
pub(super) trait Head {
    fn headers(&self) -> &HeaderMap;
    fn headers_mut(&mut self) -> &mut HeaderMap;
    fn content_mut(&mut self) -> &mut Content;
}

macro_rules! head {
    ($head:ty) => {
        impl Head for $head {
            fn headers(&self) -> &HeaderMap {
                &self.headers
            }
            fn headers_mut(&mut self) -> &mut HeaderMap {
                &mut self.headers
            }
            fn content_mut(&mut self) -> &mut Content {
                &mut self.content
            }
        }
    };
}
head!(Request);
head!(Response);

impl<H: Head> Envelope<H> {
    /// Puts a file in the place of the body that came.
    pub(super) fn become_file(&mut self, file: LocalFile) {
        *self.head.content_mut() = Content::Streaming;
        content::fit_head(self.head.headers_mut(), file.left());
        (self.body, self.unreadable) = (Source::file(file), None);
    }

    /// Reads the whole body, so that filters and tests can look at it. What goes on is still what came, also when the body
    /// cannot be read: then it is not tried again.
    pub(super) async fn read(&mut self) -> Result<(), Fault> {
        if let Some(fault) = &self.unreadable {
            return Err(fault.clone());
        }
        let read = self.read_now().await;
        self.unreadable = read.as_ref().err().cloned();
        read
    }

    async fn read_now(&mut self) -> Result<(), Fault> {
        if *self.head.content_mut() == Content::Streaming {
            if is_endless(self.head.headers()) {
                let what = "a rule wants to read a stream that has no end; narrow its filter by `content_type`";
                return Err(Fault::new(FaultStage::Rule, what));
            }
            let Ok(raw) = tokio::time::timeout(READ_WITHIN, self.body.read_whole(self.limit)).await else {
                let what = format!("a rule wants to read a body that did not end within {READ_WITHIN:?}");
                return Err(Fault::new(FaultStage::Rule, what));
            };
            let raw = raw?;
            let (headers, limit) = (self.head.headers(), self.limit);
            // Little that is coded may become much.
            let decoded = if headers.contains_key(http::header::CONTENT_ENCODING) {
                let headers = headers.clone();
                offload(move || content::decode(&headers, raw, limit)).await?
            } else {
                raw
            };
            *self.head.content_mut() = Content::Read(decoded);
        }
        Ok(())
    }

    /// Whether the body goes on for as long as the connection does.
    pub(super) fn is_endless(&self) -> bool {
        is_endless(self.head.headers())
    }

    /// What is wrong between the head and the body, after a test or a rule had its hands on them.
    pub(super) fn mismatch(&self) -> Option<Fault> {
        let said = self.head.headers().get(http::header::CONTENT_LENGTH)?;
        let is = self.body.size_hint().exact()?;
        (said.to_str().ok()?.parse() != Ok(is)).then(|| {
            let what = format!("content-length was set to {said:?}, and the body has {is} bytes");
            Fault::new(FaultStage::Rule, what)
        })
    }

    /// Puts an edited body in the place of the one that came, and makes the head fit it.
    pub(super) fn settle_edits(&mut self) {
        if let Content::Edited(bytes) = self.head.content_mut() {
            let bytes = bytes.clone();
            *self.head.content_mut() = Content::Read(bytes.clone());
            content::fit_head(self.head.headers_mut(), bytes.len() as u64);
            let trailers = self.body.trailers().map(content::fit_trailers);
            (self.body, self.unreadable) = (Source::whole(bytes), None);
            if let Some(trailers) = trailers {
                // On HTTP/1 only a body without a known length has any.
                self.head.headers_mut().remove(http::header::CONTENT_LENGTH);
                self.body.push_trailers(trailers);
            }
        }
    }
}
