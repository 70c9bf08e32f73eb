//! Applies the rule actions that need no decision from the test.

use crate::flow::{Content, Fault, FaultStage, Response};
use crate::proxy::body::Source;
use crate::proxy::content;
use crate::proxy::envelope::{Envelope, Head};
use crate::proxy::local_file::LocalFile;
use crate::proxy::offload::{aside, is_short, offload};
use crate::rules::{Change, Local, media_type};
use http::StatusCode;
use http::header::{self, HeaderValue};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Builds a response that a rule or the test supplies.
pub(super) fn made(response: &Response) -> Box<Envelope<Response>> {
    let mut head = response.clone();
    let bytes = head.content.bytes().cloned().unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    // A coded body is decoded on demand, like that of an upstream.
    let is_coded = head.headers.contains_key(header::CONTENT_ENCODING);
    head.content = if is_coded { Content::Streaming } else { Content::Read(bytes.clone()) };
    Box::new(Envelope::new(head, Source::whole(bytes)))
}

/// Fails for a 304 response: it has no body, and the browser would show its cached one.
fn has_body_to_change(message: &Envelope<Response>) -> Result<(), Fault> {
    if message.head.status != StatusCode::NOT_MODIFIED {
        return Ok(());
    }
    let what =
        "the response is \"not modified\" and has no body to change: declare the rule before the request is sent";
    Err(Fault::new(FaultStage::Rule, what))
}

/// The longest file that is read into memory, in bytes.
const WHOLE: u64 = 1024 * 1024;

enum Opened {
    Whole(Vec<u8>),
    Long(LocalFile),
}

fn open(path: &Path) -> io::Result<Opened> {
    if std::fs::metadata(path)?.len() > WHOLE {
        return LocalFile::open(path).map(Opened::Long);
    }
    std::fs::read(path).map(Opened::Whole)
}

pub(super) async fn replace(message: &mut Envelope<Response>, local: &Local, file: &Path) -> Result<(), Fault> {
    has_body_to_change(message)?;
    let path = file.to_owned();
    let opened = offload(move || open(&path)).await.map_err(|error| {
        Fault::from_error(FaultStage::Rule, &format!("replace! cannot read {}", file.display()), &error)
    })?;
    // The file exists only in the local build.
    if local.is_folder() && message.head.status == StatusCode::NOT_FOUND {
        message.head.status = StatusCode::OK;
        if let Some(kind) = media_type(file) {
            message.head.set_header(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
    }
    match opened {
        Opened::Whole(bytes) => message.head.set_body(bytes),
        Opened::Long(file) => message.become_file(file),
    }
    message.settle_edits();
    content::forbid_caching(&mut message.head.headers);
    Ok(())
}

pub(super) async fn rewrite_response(
    message: &mut Envelope<Response>,
    pattern: &regex::Regex,
    with: &str,
) -> Result<(), Fault> {
    has_body_to_change(message)?;
    message.read().await?;
    rewrite(message, pattern, with).await?;
    content::forbid_caching(&mut message.head.headers);
    Ok(())
}

pub(super) async fn rewrite<H: Head>(
    message: &mut Envelope<H>,
    pattern: &regex::Regex,
    with: &str,
) -> Result<(), Fault> {
    let Some(body) = message.head.content_mut().bytes().cloned() else { return Ok(()) };
    let headers = message.head.headers();
    let changed = if is_short(body.len()) {
        content::rewrite(headers, &body, pattern, with)
    } else {
        let (headers, pattern, with) = (headers.clone(), pattern.clone(), with.to_owned());
        offload(move || content::rewrite(&headers, &body, &pattern, &with)).await
    };
    if let Some(changed) = changed {
        if changed.len() > message.limit {
            let what =
                format!("a rewritten body has {} bytes, more than the limit of {}", changed.len(), message.limit);
            return Err(Fault::new(FaultStage::Rule, what));
        }
        *message.head.content_mut() = Content::Edited(changed);
        message.settle_edits();
    }
    Ok(())
}

/// Runs the code of `edit!` on a message. A panic in it becomes the rule's fault and does not end other flows.
pub(super) async fn edit<H: Head + Clone + Send + 'static>(
    message: &mut Envelope<H>,
    change: &Change<H>,
    of_body: bool,
) -> Result<(), Fault> {
    if of_body {
        message.read().await?;
    }
    let head = message.head.clone();
    let change = Arc::clone(change);
    let changed = aside(async move { change(head).await }).await;
    message.head = changed.map_err(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Fault::new(FaultStage::Rule, format!("the code of edit! panicked: {}", said.unwrap_or("(no text)")))
    })?;
    message.settle_edits();
    Ok(())
}

/// Sleeps until `by` after `arrival`. If the client disconnects meanwhile, the flow is dropped, and the wait with it.
#[expect(clippy::disallowed_methods, reason = "time is what the rule is about")]
pub(super) async fn delay(arrival: Instant, by: Duration) {
    tokio::time::sleep_until(arrival + by).await;
}
