//! The values of a field in a flow, and what must be known for more.

use super::{Need, View};
use crate::flow::StageName;
use std::borrow::Cow;

/// The values of a field in a flow.
pub(super) struct Found<'a> {
    pub(super) values: Vec<Cow<'a, str>>,
    /// Set if there may be more values than these.
    pub(super) missing: Option<Need>,
}

pub(super) const NOTHING: Need =
    Need { request_body: false, response_body: false, response: false, part: false, occurrence: false };

pub(super) fn known(values: Vec<Cow<'_, str>>) -> Found<'_> {
    Found { values, missing: None }
}

/// Returns the need for a response, if the rule can wait for one.
pub(super) fn no_response(view: &View<'_>) -> Option<Need> {
    (view.response.is_none() && view.horizon >= StageName::Response).then_some(Need { response: true, ..NOTHING })
}
