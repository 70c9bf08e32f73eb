//! Which flows the list shows.

use super::rows::Row;
use crate::filter::{Filter, Truth, View};
use crate::flow::{Request, Response, coding};
use crate::journal::Journal;
use crate::record::{Kept, recorded};
use bytes::Bytes;
use http::HeaderMap;

/// The most bytes that a body is decoded to.
const DECODED: usize = 16 * 1024 * 1024;

/// Returns whether a flow matches. Bodies are looked up in the journal if the filter needs them.
pub(super) fn is_shown(view: &Filter, row: &Row, journal: &Journal) -> bool {
    let response = row.response.as_deref();
    match view.evaluate(&View::recorded(&row.request, response)) {
        Truth::Yes => true,
        Truth::No => false,
        Truth::Unknown(_) => {
            let flow = recorded(&journal.entries_of(row.id)).into_iter().next();
            let (asked, answered) = flow.map(|flow| (flow.request_body, flow.response_body)).unwrap_or_default();
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
