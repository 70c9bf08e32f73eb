//! HTTP/1 requests that hyper refuses to parse. hyper responds with only a status; this adds the reason to the
//! response.

use super::heads;
use bytes::{Buf, Bytes};
use std::sync::{Arc, OnceLock};

/// Bytes of a request that are kept to find out what is wrong with it.
const KEPT: usize = 4096;

/// The responses that hyper sends itself, with the status and text that replace them.
const OWN: [(&[u8], &str, &str); 3] = [
    (
        b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "400 Bad Request",
        "the request is not valid HTTP/1",
    ),
    (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "431 Request Header Fields Too Large",
        "the request's head is larger than 256 KiB or has more than 4096 lines",
    ),
    (
        b"HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        "414 URI Too Long",
        "the request's URL is longer than 64 KiB",
    ),
];

/// Why a request of the connection was refused, once one was.
pub(super) type Reason = Arc<OnceLock<String>>;

/// The beginning of the last request head, and the response that refuses it.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    said: Vec<u8>,
    reason: Reason,
    answer: Bytes,
}

impl Refusal {
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, ..Self::default() }
    }

    /// Keeps the beginning of a head, even if it arrives in several reads.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if heads::end_of(&self.said).is_some() || self.said.len() >= KEPT {
            self.said.clear();
        }
        let room = KEPT.saturating_sub(self.said.len());
        self.said.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether hyper is writing its own refusal. Then [`answer`](Self::answer) must be written instead.
    pub(super) fn replaces(&mut self, written: &[u8]) -> bool {
        let Some((_, status, usual)) = OWN.into_iter().find(|(own, ..)| *own == written) else { return false };
        let why = if status.starts_with("400") { heads::refusal(&self.said) } else { None };
        let why = why.map_or_else(|| usual.to_owned(), |line| format!("{usual}: {line}"));
        let body = format!("holdup refuses this request\n\n{why}\n");
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        self.answer = (head + &body).into();
        // Only the first reason is kept: the connection ends with it.
        let _ = self.reason.set(why);
        true
    }

    /// The unwritten rest of the response.
    pub(super) fn answer(&self) -> &[u8] {
        &self.answer
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.answer.advance(count);
    }
}
