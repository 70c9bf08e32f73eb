//! Requests on HTTP/1 that the library refuses to read: it answers them by itself, with a status and nothing else. Here the
//! answer gets the reason.

use super::heads;
use bytes::{Buf, Bytes};
use std::sync::{Arc, OnceLock};

/// How much of a request is kept, to tell what is wrong with it.
const KEPT: usize = 4096;

/// What the library answers by itself.
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

/// Why a connection's request was refused, once one was.
pub(super) type Reason = Arc<OnceLock<String>>;

/// What a connection has said last, and the answer to it.
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

    /// Keeps what has come: the beginning of a head, whatever pieces it comes in.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if heads::end_of(&self.said).is_some() || self.said.len() >= KEPT {
            self.said.clear();
        }
        let room = KEPT.saturating_sub(self.said.len());
        self.said.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether the library is about to refuse: then [`answer`](Self::answer) goes in its place.
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
        // Only the first is told: the connection ends with it.
        let _ = self.reason.set(why);
        true
    }

    /// What is left to be written.
    pub(super) fn answer(&self) -> &[u8] {
        &self.answer
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.answer.advance(count);
    }
}
