//! Answers requests from a recording.

use super::Gate;
use super::apply::{delay, made};
use super::next::Next;
use crate::flow::{Fault, FaultStage, Request, Response, StageName};
use crate::journal::Event;
use crate::proxy::body::Source;
use crate::proxy::envelope::Envelope;
use crate::proxy::flow_guard::FlowGuard;
use crate::rules::{AbortKind, NoAnswer, Piece, Replayed, Replayer, Script};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{self, HeaderValue};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// How much of the body of an answered request is kept, in bytes.
const KEPT: usize = 1024 * 1024;

impl Gate {
    pub(super) async fn replay(
        &self,
        replayer: &Replayer,
        guard: &FlowGuard,
        message: &mut Envelope<Request>,
        arrival: Instant,
    ) -> Result<Next, Fault> {
        // What is not in the recording anyway may be long.
        if (replayer.reads)(&message.head) {
            message.read().await?;
        }
        let mut answer = match (replayer.answers)(guard.flow(), &message.head) {
            Replayed::Answer(answer) => {
                self.note_body(guard, message);
                *answer
            }
            Replayed::Pass => return Ok(Next::Rule),
            Replayed::Stranger(why) => return Err(Fault::new(FaultStage::Rule, why)),
        };
        if !answer.after.is_zero() && message.unless_broken(delay(arrival, answer.after)).await.is_none() {
            return Ok(Next::Gone);
        }
        if let Some(turn) = answer.turn.take() {
            match message.unless_broken(turn).await {
                None => return Ok(Next::Gone),
                Some(came) => came.map_err(|why| Fault::new(FaultStage::Rule, why))?,
            }
        }
        let response = match answer.response {
            Ok(response) => response,
            Err(NoAnswer::Closed) => return Ok(Next::Abort(AbortKind::Close)),
            Err(NoAnswer::Stalled) => return Ok(Next::Abort(AbortKind::Stall)),
        };
        Ok(Next::Answer(match answer.script {
            None => made(&response),
            Some(Script::Events { pieces, stays_open }) => event_stream(response, pieces, stays_open),
            Some(Script::Messages(pieces)) => socket(response, pieces, message)?,
        }))
    }

    /// Journals the body of a request that goes no further.
    fn note_body(&self, guard: &FlowGuard, message: &Envelope<Request>) {
        let is_coded = message.head.headers.contains_key(header::CONTENT_ENCODING);
        if let Some(body) = message.head.content.bytes().filter(|body| !body.is_empty() && !is_coded) {
            let (flow, stage, size) = (guard.flow(), StageName::Request, body.len() as u64);
            self.journal.write(Event::Body { flow, stage, start: body.slice(..body.len().min(KEPT)), size });
        }
    }
}

/// Builds the answer of an event stream. A piece whose turn does not come ends it.
fn event_stream(mut head: Response, pieces: Vec<Piece>, stays_open: bool) -> Box<Envelope<Response>> {
    head.content = crate::flow::Content::Streaming;
    let body = stream::iter(pieces).then(|piece| async { piece.in_time().await.ok() });
    let body = body.take_while(|content| std::future::ready(content.is_some())).filter_map(std::future::ready);
    let body = if stays_open { Source::made(body.chain(stream::pending())) } else { Source::made(body) };
    Box::new(Envelope::new(head, body))
}

/// Builds the answer that opens a WebSocket. Its messages follow when it is open.
fn socket(
    mut head: Response,
    pieces: Vec<Piece>,
    request: &Envelope<Request>,
) -> Result<Box<Envelope<Response>>, Fault> {
    let key = request.head.header("sec-websocket-key");
    let upgrade = request.upgrade.clone().filter(|upgrade| upgrade.is_to_websocket());
    let (Some(key), Some(upgrade)) = (key, upgrade) else {
        let what = "the recording opens a WebSocket here, which this request does not ask for";
        return Err(Fault::new(FaultStage::Rule, what));
    };
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        head.headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    let mut answer = Envelope::new(head, Source::whole(Bytes::new()));
    (answer.upgrade, answer.script) = (Some(upgrade), Some(pieces));
    Ok(Box::new(answer))
}
