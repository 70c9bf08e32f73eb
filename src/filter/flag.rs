//! What a filter can ask of a flow with yes or no.

use super::found::NOTHING;
use super::{Need, Truth, View};
use crate::flow::{Response, StageName};
use once_cell::sync::Lazy;
use regex::Regex;
use std::fmt;

/// A question with the answer yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flag {
    /// The answer is a script, a stylesheet, an image or a font, by its `content-type`.
    Asset,
    /// The request asks for a WebSocket.
    Websocket,
    /// The browser asks for a document to show, in a window or a frame.
    Navigation,
    /// The flow has an answer.
    Answered,
    /// It has none (yet).
    Unanswered,
    /// It has ended in an error. Known of recorded flows only: a rule sees a flow before its end.
    Failed,
    /// It was played back. Known of recorded flows only.
    Replayed,
    /// Its request was sent again. Known of recorded flows only.
    ReplayedRequest,
    /// Its answer comes from a recording. Known of recorded flows only.
    ReplayedResponse,
    /// Somebody has marked it. Known of recorded flows only.
    Marked,
}

/// What mitmproxy takes for an asset; JSON and wasm are none.
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

    /// The earliest stage at which it can be said.
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
            Self::Answered => return of_response(view, |_| true),
            Self::Unanswered => view.response.is_none(),
            // The proxy keeps `upgrade` for itself; recorded flows have it.
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

/// Unknown where the response may still come.
fn of_response(view: &View<'_>, says: impl Fn(&Response) -> bool) -> Truth {
    match view.response {
        Some(response) if says(response) => Truth::Yes,
        None if view.horizon >= StageName::Response => Truth::Unknown(Need { response: true, ..NOTHING }),
        _ => Truth::No,
    }
}

/// As it is written in a filter.
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
