//! What a recording says to a request, for the rule that replays it.

use crate::flow::{Request, Response};
use std::fmt;
use std::sync::Arc;

/// The answer of a recording.
#[derive(Debug)]
pub(crate) enum Replayed {
    Answer(Box<Response>),
    /// In the recording, no response came.
    NoAnswer,
    /// The request is not in the recording, and goes to its server.
    Pass,
    /// It is not in the recording; why, for people.
    Stranger(String),
}

type Answers = dyn Fn(&Request) -> Replayed + Send + Sync;

/// Answers requests, by code.
#[derive(Clone)]
pub(crate) struct Replayer {
    /// The name of the file.
    pub(crate) says: String,
    pub(crate) answers: Arc<Answers>,
}

impl fmt::Debug for Replayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}
