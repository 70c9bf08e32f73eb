//! What becomes of a flow at the gate.

use crate::flow::Response;
use crate::proxy::envelope::Envelope;
use crate::rules::AbortKind;

/// How a request leaves the gate.
pub(in crate::proxy) enum Pass {
    /// On to the upstream.
    On,
    /// Answered here.
    Answer(Box<Envelope<Response>>),
    /// Cut off.
    Abort(AbortKind),
    /// Its client is gone.
    Gone,
}

/// What becomes of a flow after one rule.
pub(super) enum Next {
    /// The next rule.
    Rule,
    Answer(Box<Envelope<Response>>),
    Abort(AbortKind),
    /// Its client is gone.
    Gone,
}
