//! A recorded answer as it is sent again. Pure.

use super::played::{Played, PlayedAnswer};
use super::refresh::refreshed;
use super::sequence::Step;
use super::timing::Timing;
use crate::flow::{Content, Direction, Response};
use crate::rules::{Piece, Script, Turn};
use bytes::Bytes;
use http::{StatusCode, Version};
use std::time::{Duration, SystemTime};

/// Returns the response, or why it cannot be sent, for people.
pub(super) fn response(flow: &Played, answer: &PlayedAnswer, now: SystemTime) -> Result<Response, String> {
    let what = flow.name();
    let status = StatusCode::from_u16(answer.status).ok();
    let Some(status) = status.filter(|status| !status.is_informational() || flow.is_socket()) else {
        return Err(format!("{what} has the status {} in the recording", answer.status));
    };
    let has_no_body = flow.method == "HEAD" || status == StatusCode::NO_CONTENT || status.is_redirection();
    let Some(body) = answer.body.clone().or_else(|| (has_no_body || flow.is_socket()).then(Bytes::new)) else {
        return Err(format!(
            "{what} has no whole body in the recording. Record it again, with `mitm.keep_bodies(each, all)` if it is large"
        ));
    };
    if flow.has_cut_parts {
        return Err(format!("{what} has a message in the recording that is cut, since it is longer than 1 MiB"));
    }
    let headers = refreshed(&answer.headers, flow.began, now);
    Ok(Response { status, version: Version::HTTP_11, headers, content: Content::Edited(body), elapsed: None })
}

/// Returns the parts of a stream, each with its turn.
pub(super) fn script(
    at: usize,
    flow: &Played,
    answer: &PlayedAnswer,
    timing: Timing,
    turn: &impl Fn(Step) -> Option<Turn>,
) -> Option<Script> {
    if !flow.is_stream() {
        return None;
    }
    let (mut last, mut nth) = (answer.at, 0);
    let pieces = flow.parts.iter().map(|part| {
        let after = timing.between(last, part.at);
        last = part.at.or(last);
        let turn = if part.direction == Direction::ToClient { turn(Step::FromServer(at, nth)) } else { None };
        nth += usize::from(part.direction == Direction::ToClient);
        Piece { direction: part.direction, is_text: part.is_text, content: part.content.clone(), after, turn }
    });
    let mut pieces: Vec<_> = pieces.collect();
    if let Some(content) = answer.body.clone().filter(|body| flow.parts.is_empty() && !body.is_empty()) {
        // Nothing in it is an event.
        pieces.push(Piece {
            direction: Direction::ToClient,
            is_text: true,
            content,
            after: Duration::ZERO,
            turn: None,
        });
    }
    Some(match flow.is_socket() {
        true => Script::Messages(pieces),
        false => Script::Events { pieces, stays_open: answer.stays_open },
    })
}
