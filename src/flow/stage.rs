//! The points of a flow at which a rule may act.

use super::{Request, Response};
use std::fmt;

/// The name of a stage, as written before the colon of a verb: `hold!(response: ..)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StageName {
    /// The browser has asked, the upstream has not been told.
    Request,
    /// The upstream has answered, the browser has not been told.
    Response,
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// What a [`Hold`](crate::Hold) parks: [`Request`] or [`Response`]. Sealed: the stages are the proxy's.
pub trait Stage: sealed::Sealed + Send + Sync + 'static {
    /// The stage's name.
    const NAME: StageName;
}

impl Stage for Request {
    const NAME: StageName = StageName::Request;
}

impl Stage for Response {
    const NAME: StageName = StageName::Response;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Request {}
    impl Sealed for super::Response {}
}
