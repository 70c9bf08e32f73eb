//! Removes integrity attributes from pages whose subresources a rule changes.

use crate::filter::Truth;
use crate::flow::{Content, Fault, Request, Response, text};
use crate::proxy::envelope::Envelope;
use crate::proxy::offload::{is_short, offload};
use crate::proxy::{content, integrity};
use crate::rules::{Action, RuleSet};
use http::StatusCode;
use std::sync::Arc;

/// Returns whether to refuse a service worker's script: the worker would respond from its cache, past the proxy.
pub(super) fn refuses_worker(rules: &RuleSet, request: &Request) -> bool {
    request.header("service-worker") == Some("script") && rules.changing().next().is_some()
}

/// Returns whether the response to this request may be a page with such attributes.
pub(super) fn may_matter(rules: &RuleSet, request: &Request) -> bool {
    matches!(request.header("sec-fetch-dest"), Some("document" | "iframe" | "frame"))
        && rules.changing().next().is_some()
}

/// Removes the integrity attributes of content that rules change. `changed`: a rule has changed the page itself.
pub(super) async fn strip(
    rules: &Arc<RuleSet>,
    request: &Request,
    message: &mut Envelope<Response>,
    changed: bool,
) -> Result<(), Fault> {
    let is_html = message.head.header("content-type").is_some_and(|kind| kind.contains("html"));
    if !is_html || message.head.status == StatusCode::NOT_MODIFIED || !may_matter(rules, request) {
        return Ok(());
    }
    if message.read().await.is_err() {
        // No rule changes the page itself, so it passes unchanged, with its integrity attributes.
        return Ok(());
    }
    let (url, body) = (request.url(), message.head.content.bytes().cloned().unwrap_or_default());
    integrity::strip_links(&mut message.head.headers, &url, |part| is_changed(rules, part));
    let (of_page, rules, page) = (message.head.headers.clone(), Arc::clone(rules), body.clone());
    let strip = move || {
        content::change_text(&of_page, &page, |page| integrity::strip(page, &url, |part| is_changed(&rules, part)))
    };
    let stripped = if is_short(body.len()) { strip() } else { offload(strip).await };
    if let Some(stripped) = &stripped {
        message.head.content = Content::Edited(stripped.clone());
        message.settle_edits();
        content::forbid_caching(&mut message.head.headers);
    }
    if (changed || stripped.is_some())
        && let Some(page) = text::text(&message.head.headers.clone(), &stripped.unwrap_or(body))
    {
        integrity::allow(&mut message.head.headers, &page);
    }
    Ok(())
}

/// Returns whether the content at a URL will change. A replacement whose filter is still unknown may change it.
fn is_changed(rules: &RuleSet, url: &str) -> bool {
    let Some(request) = Request::get(url) else { return false };
    rules.changing().any(|rule| match rule.matches(&request, None) {
        Truth::Yes => true,
        Truth::No => false,
        Truth::Unknown(_) => matches!(rule.action, Action::Replace(_)),
    })
}
