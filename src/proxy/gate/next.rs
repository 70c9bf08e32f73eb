//! The results of passing the gate.

use crate::flow::Response;
use crate::proxy::envelope::Envelope;
use crate::rules::AbortKind;

/// How a request leaves the gate.
pub(in crate::proxy) enum Pass {
    /// It goes to the upstream.
    On,
    /// It gets this response.
    Answer(Box<Envelope<Response>>),
    /// It is cut off.
    Abort(AbortKind),
    /// The client is gone.
    Gone,
}

/// What happens to a flow after one rule.
pub(super) enum Next {
    /// It goes on to the next rule.
    Rule,
    Answer(Box<Envelope<Response>>),
    Abort(AbortKind),
    /// The client is gone.
    Gone,
}
