//! What a recording says to a request, for the rule that replays it.

use crate::flow::{Direction, FlowId, Request, Response};
use bytes::Bytes;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Replayed {
    Answer(Box<ReplayedAnswer>),
    /// The request is not in the recording, and goes to its server.
    Pass,
    /// It is not in the recording; why, for people.
    Stranger(String),
}

/// A recorded answer.
#[derive(Debug)]
pub(crate) struct ReplayedAnswer {
    pub(crate) response: Result<Response, NoAnswer>,
    pub(crate) script: Option<Script>,
    /// How long after the request.
    pub(crate) after: Duration,
    pub(crate) turn: Option<Turn>,
}

/// How a flow ends to which no answer came in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The connection is closed.
    Closed,
    /// Nothing comes until the client leaves.
    Stalled,
}

/// What an answer consists of that does not come at once.
#[derive(Debug)]
pub(crate) enum Script {
    Events {
        pieces: Vec<Piece>,
        /// Whether it stays open behind the last.
        stays_open: bool,
    },
    Messages(Vec<Piece>),
}

/// A part of a stream. One from the client is awaited, any other is sent.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) direction: Direction,
    pub(crate) is_text: bool,
    pub(crate) content: Bytes,
    /// How long after the piece before it.
    pub(crate) after: Duration,
    pub(crate) turn: Option<Turn>,
}

/// Resolves when everything that comes first in the recording has come, or with the reason why it does not.
pub(crate) struct Turn(Pin<Box<dyn Future<Output = Result<(), String>> + Send + Sync>>);

impl Turn {
    pub(crate) fn new(waiting: impl Future<Output = Result<(), String>> + Send + Sync + 'static) -> Self {
        Self(Box::pin(waiting))
    }
}

impl Future for Turn {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Turn(..)")
    }
}

type Answers = dyn Fn(FlowId, &Request) -> Replayed + Send + Sync;

/// Answers requests, by code.
#[derive(Clone)]
pub(crate) struct Replayer {
    /// The name of the file.
    pub(crate) says: String,
    /// Whether the answer to a request may depend on its body.
    pub(crate) reads: Arc<dyn Fn(&Request) -> bool + Send + Sync>,
    pub(crate) answers: Arc<Answers>,
}

impl fmt::Debug for Replayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}
