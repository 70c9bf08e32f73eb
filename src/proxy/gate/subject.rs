//! What a filter is evaluated on: a request, its response, a part of it.

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

    /// Evaluates a rule's filter; `nth` is the occurrence number, if counted. Long bodies are [`offload`]ed.
    pub(super) async fn truth(self, rule: &Arc<Rule>, nth: Option<u64>) -> Truth {
        if is_short(self.size()) {
            return rule.matches_as(nth, self.request, self.response, self.part);
        }
        let (rule, request) = (Arc::clone(rule), self.request.clone());
        let (response, part) = (self.response.cloned(), self.part.cloned());
        offload(move || rule.matches_as(nth, &request, response.as_ref(), part.as_ref())).await
    }

    /// Returns how many bytes a filter may have to search.
    fn size(&self) -> usize {
        let read = |content: &Content| content.bytes().map_or(0, Bytes::len);
        let of_response = self.response.map_or(0, |response| read(&response.content));
        read(&self.request.content) + of_response + self.part.map_or(0, |part| part.content().len())
    }
}
