//! What a field has of a flow, and what would have to be known for more.

use super::{Need, View};
use crate::flow::StageName;
use std::borrow::Cow;

/// What a field has to say of a flow.
pub(super) struct Found<'a> {
    pub(super) values: Vec<Cow<'a, str>>,
    /// Set when there may be more values than these.
    pub(super) missing: Option<Need>,
}

pub(super) const NOTHING: Need =
    Need { request_body: false, response_body: false, response: false, part: false, occurrence: false };

pub(super) fn known(values: Vec<Cow<'_, str>>) -> Found<'_> {
    Found { values, missing: None }
}

/// The need for a response, where the rule can wait for one.
pub(super) fn no_response(view: &View<'_>) -> Option<Need> {
    (view.response.is_none() && view.horizon >= StageName::Response).then_some(Need { response: true, ..NOTHING })
}
