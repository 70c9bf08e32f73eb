//! The yes-or-no properties of a flow that a filter can test.

use super::found::NOTHING;
use super::{Need, Truth, View};
use crate::flow::{Response, StageName};
use once_cell::sync::Lazy;
use regex::Regex;
use std::fmt;

/// A yes-or-no property of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flag {
    /// The response is a script, a stylesheet, an image or a font, by its `content-type`.
    Asset,
    /// The request opens a WebSocket.
    Websocket,
    /// The browser requests a document to show, in a window or a frame.
    Navigation,
    /// The flow has a response.
    Answered,
    /// The flow has no response (yet).
    Unanswered,
    /// The flow has ended in an error. Known only for recorded flows: a rule sees a flow before its end.
    Failed,
    /// The flow was replayed. Known only for recorded flows.
    Replayed,
    /// The request was sent again. Known only for recorded flows.
    ReplayedRequest,
    /// The response comes from a recording. Known only for recorded flows.
    ReplayedResponse,
    /// A user has marked the flow. Known only for recorded flows.
    Marked,
}

/// The content types that mitmproxy treats as assets; JSON and wasm are not among them.
static ASSETS: Lazy<Regex> = Lazy::new(|| {
    Regex::new(r"(?i)^(text/javascript|application/(x-)?javascript|text/css|image/.*|font/.*|application/font.*)")
        .expect("a constant")
});

impl Flag {
    /// Every flag.
    pub const ALL: [Self; 10] = [
        Self::Asset,
        Self::Websocket,
        Self::Navigation,
        Self::Answered,
        Self::Unanswered,
        Self::Failed,
        Self::Replayed,
        Self::ReplayedRequest,
        Self::ReplayedResponse,
        Self::Marked,
    ];

    /// Returns the earliest stage at which the flag is known.
    pub(super) fn stage(self) -> StageName {
        match self {
            Self::Asset | Self::Answered => StageName::Response,
            _ => StageName::Request,
        }
    }

    pub(super) fn of(self, view: &View<'_>) -> Truth {
        let request = |header| view.request.header(header);
        let marks = &view.marks;
        let yes = match self {
            Self::Asset => return of_response(view, is_asset),
            // A rule at the response is asked about flows that have one.
            Self::Answered => view.response.is_some() || view.horizon >= StageName::Response,
            Self::Unanswered => view.response.is_none() && view.horizon < StageName::Response,
            // The proxy does not show `upgrade` to rules; recorded flows have it.
            Self::Websocket => {
                request("sec-websocket-key").is_some()
                    || request("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"))
            }
            Self::Navigation => request("sec-fetch-mode") == Some("navigate"),
            Self::Failed => marks.failed,
            Self::Replayed => marks.replayed_request || marks.replayed_response,
            Self::ReplayedRequest => marks.replayed_request,
            Self::ReplayedResponse => marks.replayed_response,
            Self::Marked => !marks.marker.is_empty(),
        };
        if yes { Truth::Yes } else { Truth::No }
    }
}

fn is_asset(response: &Response) -> bool {
    let kinds = response.headers().get_all("content-type");
    kinds.iter().any(|kind| ASSETS.is_match(&String::from_utf8_lossy(kind.as_bytes())))
}

/// Tests the response; unknown if it may still arrive.
fn of_response(view: &View<'_>, says: impl Fn(&Response) -> bool) -> Truth {
    match view.response {
        Some(response) if says(response) => Truth::Yes,
        None if view.horizon >= StageName::Response => Truth::Unknown(Need { response: true, ..NOTHING }),
        _ => Truth::No,
    }
}

/// Formats the flag as it is written in a filter.
impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asset => "asset",
            Self::Websocket => "websocket",
            Self::Navigation => "navigation",
            Self::Answered => "answered",
            Self::Unanswered => "unanswered",
            Self::Failed => "failed",
            Self::Replayed => "replayed",
            Self::ReplayedRequest => "replayed_request",
            Self::ReplayedResponse => "replayed_response",
            Self::Marked => "marked",
        })
    }
}
