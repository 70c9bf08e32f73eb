//! Which flows the list shows.

use super::rows::Row;
use crate::filter::{Filter, Truth, View};
use crate::flow::{FlowId, Request, Response, coding};
use crate::journal::Journal;
use crate::record::{Kept, recorded};
use bytes::Bytes;
use http::HeaderMap;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// The most bytes that a body is decoded to.
const DECODED: usize = 16 * 1024 * 1024;

/// The bodies of flows, looked up in the journal when the first is needed: in one pass for all.
pub(super) struct Bodies<'a> {
    journal: &'a Journal,
    all: OnceCell<BTreeMap<FlowId, [Option<Kept>; 2]>>,
}

impl<'a> Bodies<'a> {
    pub(super) fn of(journal: &'a Journal) -> Self {
        Self { journal, all: OnceCell::new() }
    }

    /// Returns the bodies of the request and the response.
    fn get(&self, id: FlowId) -> [Option<Kept>; 2] {
        let gather = || {
            let flows = recorded(&self.journal.tail(usize::MAX)).into_iter();
            flows.map(|flow| (flow.id, [flow.request_body, flow.response_body])).collect()
        };
        self.all.get_or_init(gather).get(&id).cloned().unwrap_or_default()
    }
}

/// Returns whether a flow matches.
pub(super) fn is_shown(view: &Filter, row: &Row, bodies: &Bodies<'_>) -> bool {
    let response = row.response.as_deref();
    match view.evaluate(&View::recorded(&row.request, response)) {
        Truth::Yes => true,
        Truth::No => false,
        Truth::Unknown(_) => {
            let [asked, answered] = bodies.get(row.id);
            let request = Request::with_read(&row.request, &body(row.request.headers(), asked));
            let response = response.map(|response| Response::with_read(response, &body(response.headers(), answered)));
            view.matches(&request, response.as_deref())
        }
    }
}

/// Returns a body as filters see it.
fn body(headers: &HeaderMap, kept: Option<Kept>) -> Bytes {
    let start = kept.map(|kept| kept.start).unwrap_or_default();
    coding::decode(headers, start.clone(), DECODED).unwrap_or(start)
}
