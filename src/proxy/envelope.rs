//! One side of a flow in transit: the head, the body, and what rules do to them.

use super::body::{LIMIT, Source};
use super::capture::Capture;
use super::content;
use super::heads::Dropped;
use super::hop::Upgrade;
use super::local_file::LocalFile;
use super::offload::offload;
use super::permit::Permit;
use super::shaping::{Shaped, Shaping};
use crate::flow::{Content, Fault, FaultStage, Request, Response, StageName, coding};
use crate::rules::Piece;
use http::HeaderMap;
use http_body::Body;
use std::time::Duration;

/// How long a parked response may take to be read ahead before its connection stops counting against the host's limit.
const FREE_WITHIN: Duration = Duration::from_millis(250);

/// How long a body that a rule reads may take to arrive.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Whether a body of this type lasts as long as its connection.
fn is_endless(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.starts_with("text/event-stream") || kind.starts_with("multipart/x-mixed-replace")
}

/// One side of a flow: its head, and the part of its body that has arrived.
#[derive(Debug)]
pub(super) struct Envelope<H> {
    pub(super) head: H,
    pub(super) body: Source,
    /// State of hyper beyond the head: the case of header names, the upgrade.
    pub(super) extensions: http::Extensions,
    /// The pace and cut that rules apply to the body.
    pub(super) shaping: Shaping,
    /// Receives the body as it is sent.
    pub(super) capture: Option<Capture>,
    /// The most bytes of the body that are read into memory.
    pub(super) limit: usize,
    /// The upgrade that the head requests or accepts.
    pub(super) upgrade: Option<Upgrade>,
    /// Invalid lines that were left out of the head.
    pub(super) dropped: Vec<Dropped>,
    /// Why reading the body failed, once that was tried.
    unreadable: Option<Fault>,
    /// What a recording says on a WebSocket that this opens.
    pub(super) script: Option<Vec<Piece>>,
    /// The permit for the connection that the body arrives on.
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
            capture: None,
            limit: LIMIT,
            upgrade: None,
            dropped: Vec::new(),
            unreadable: None,
            script: None,
            permit: None,
        }
    }

    /// Replaces this by another response, but keeps the shaping and the limit.
    pub(super) fn become_answer(&mut self, answer: Self) {
        let (shaping, limit) = (self.shaping, self.limit);
        *self = Self { shaping, limit, ..answer };
    }

    /// Reads the body ahead, up to the limit.
    ///
    /// If that does not end within [`FREE_WITHIN`] or exceeds the limit, the connection stops counting against its
    /// host's limit, so that no other request waits for it.
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

    /// Waits, and reads the body ahead meanwhile.
    ///
    /// On HTTP/1, a client that disconnects is noticed only after the bytes that it has sent, and a server's connection
    /// is free only after its response.
    pub(super) async fn while_reading_ahead<T>(&mut self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = std::pin::pin!(waiting);
        tokio::select! {
            done = waiting.as_mut() => done,
            () = self.read_ahead() => waiting.await,
        }
    }

    /// Like [`while_reading_ahead`](Self::while_reading_ahead), but returns `None` if the client disconnects in
    /// mid-body.
    ///
    /// That ends the flow: hyper itself keeps it on HTTP/1 until there is a response.
    pub(super) async fn unless_broken<T>(&mut self, waiting: impl Future<Output = T>) -> Option<T> {
        let mut waiting = std::pin::pin!(waiting);
        tokio::select! {
            done = waiting.as_mut() => return Some(done),
            () = self.read_ahead() => {}
        }
        if self.body.sender_has_left() { None } else { Some(waiting.await) }
    }

    /// Takes the body, with its shaping, to send it.
    pub(super) fn take_body(&mut self) -> Shaped {
        Shaped::new(std::mem::take(&mut self.body), self.shaping).captured(self.capture.take())
    }
}

/// A head with headers and content: what reading a body needs of a request or response.
pub(super) trait Head {
    /// The stage at which rules see it whole.
    const STAGE: StageName;

    fn headers(&self) -> &HeaderMap;
    fn headers_mut(&mut self) -> &mut HeaderMap;
    fn content_mut(&mut self) -> &mut Content;
}

macro_rules! head {
    ($head:ident) => {
        impl Head for $head {
            const STAGE: StageName = StageName::$head;

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
    /// Replaces the body by a file.
    pub(super) fn become_file(&mut self, file: LocalFile) {
        *self.head.content_mut() = Content::Streaming;
        content::fit_head(self.head.headers_mut(), file.left());
        (self.body, self.unreadable) = (Source::file(file), None);
    }

    /// Reads and decodes the whole body, so that filters and tests can look at it.
    ///
    /// The body that is sent on stays the original, even when reading fails. A failure is returned again without
    /// another attempt. It fails when the body is endless, exceeds the limit, breaks off, cannot be decoded, or takes
    /// longer than [`READ_WITHIN`].
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
                let what = "a rule needs to read a stream that has no end; narrow its filter by `content_type`";
                return Err(Fault::new(FaultStage::Rule, what));
            }
            let Ok(raw) = tokio::time::timeout(READ_WITHIN, self.body.read_whole(self.limit)).await else {
                let what = format!("a rule needs to read a body that did not end within {READ_WITHIN:?}");
                return Err(Fault::new(FaultStage::Rule, what));
            };
            let raw = raw?;
            let (headers, limit) = (self.head.headers(), self.limit);
            // A short encoded body can decode to a long one.
            let decoded = if headers.contains_key(http::header::CONTENT_ENCODING) {
                let headers = headers.clone();
                offload(move || coding::decode(&headers, raw, limit)).await?
            } else {
                raw
            };
            *self.head.content_mut() = Content::Read(decoded);
        }
        Ok(())
    }

    /// Whether the body lasts as long as its connection.
    pub(super) fn is_endless(&self) -> bool {
        is_endless(self.head.headers())
    }

    /// Returns a fault if `content-length`, which a test or rule can set, differs from the body's length.
    pub(super) fn mismatch(&self) -> Option<Fault> {
        let said = self.head.headers().get(http::header::CONTENT_LENGTH)?;
        let is = self.body.size_hint().exact()?;
        (said.to_str().ok()?.parse() != Ok(is)).then(|| {
            let what = format!("content-length was set to {said:?}, and the body has {is} bytes");
            Fault::new(FaultStage::Rule, what)
        })
    }

    /// Replaces the body by its edited content, if any, and adapts the head.
    pub(super) fn settle_edits(&mut self) {
        if let Content::Edited(bytes) = self.head.content_mut() {
            let bytes = bytes.clone();
            *self.head.content_mut() = Content::Read(bytes.clone());
            content::fit_head(self.head.headers_mut(), bytes.len() as u64);
            let trailers = self.body.trailers().map(content::fit_trailers);
            (self.body, self.unreadable) = (Source::whole(bytes), None);
            if let Some(trailers) = trailers {
                // On HTTP/1, only a body without a known length has trailers.
                self.head.headers_mut().remove(http::header::CONTENT_LENGTH);
                self.body.push_trailers(trailers);
            }
        }
    }
}
