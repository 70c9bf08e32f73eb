//! What rules are asked about: a request, its answer, a part of it.

use crate::filter::Truth;
use crate::flow::{Content, Part, Request, Response};
use crate::proxy::offload::{is_short, offload};
use crate::rules::Rule;
use bytes::Bytes;
use std::sync::Arc;

/// A flow, or a part of one, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    request: &'a Request,
    response: Option<&'a Response>,
    part: Option<&'a Part>,
}

impl<'a> Subject<'a> {
    pub(super) fn request(request: &'a Request) -> Self {
        Self { request, response: None, part: None }
    }

    pub(super) fn response(request: &'a Request, response: &'a Response) -> Self {
        Self { response: Some(response), ..Self::request(request) }
    }

    pub(super) fn part(request: &'a Request, response: &'a Response, part: &'a Part) -> Self {
        Self { part: Some(part), ..Self::response(request, response) }
    }

    /// What a rule says of it, if it is the `nth` that meets the rest of the filter. Long bodies are looked at elsewhere.
    pub(super) async fn truth(self, rule: &Arc<Rule>, nth: Option<u64>) -> Truth {
        if is_short(self.size()) {
            return rule.matches_as(nth, self.request, self.response, self.part);
        }
        let (rule, request) = (Arc::clone(rule), self.request.clone());
        let (response, part) = (self.response.cloned(), self.part.cloned());
        offload(move || rule.matches_as(nth, &request, response.as_ref(), part.as_ref())).await
    }

    /// How many bytes a filter may have to look at.
    fn size(&self) -> usize {
        let read = |content: &Content| content.bytes().map_or(0, Bytes::len);
        let of_response = self.response.map_or(0, |response| read(&response.content));
        read(&self.request.content) + of_response + self.part.map_or(0, |part| part.content().len())
    }
}
