use super::*;
use serde_json::json;

fn targets(events: &[(&str, Value)]) -> Targets {
    let mut targets = Targets::default();
    for (method, params) in events {
        targets.note(&json!({ "method": method, "params": params, "sessionId": "s" }));
    }
    targets
}

fn window() -> (&'static str, Value) {
    let info = json!({ "targetId": "f", "type": "page", "browserContextId": "u" });
    ("Target.attachedToTarget", json!({ "sessionId": "s", "targetInfo": info }))
}

fn starts(loader: &str) -> (&'static str, Value) {
    let params = json!({ "frameId": "f", "loaderId": loader, "url": "https://a/", "navigationType": "other" });
    ("Page.frameStartedNavigating", params)
}

fn lives(loader: &str, name: &str) -> (&'static str, Value) {
    ("Page.lifecycleEvent", json!({ "frameId": "f", "loaderId": loader, "name": name }))
}

fn created(realm: &str) -> (&'static str, Value) {
    let about = json!({ "frameId": "f", "isDefault": true });
    ("Runtime.executionContextCreated", json!({ "context": { "uniqueId": realm, "auxData": about } }))
}

#[test]
fn a_frame_is_on_its_way_until_its_scripts_can_be_asked() {
    // As observed with Chromium 156; the first realm belongs to the document that the frame leaves.
    let cleared = ("Runtime.executionContextsCleared", json!({}));
    let events = [window(), starts("l"), created("old"), cleared, lives("l", "commit"), created("new")];
    for (told, on_its_way) in [(2, true), (3, true), (4, true), (5, true), (6, false)] {
        assert_eq!(targets(&events[..told]).under_way().navigating.len(), usize::from(on_its_way), "after {told}");
    }
    let told = targets(&events);
    assert_eq!(told.realms(), [Realm { frame: "f".to_owned(), id: "new".to_owned() }]);
    assert_eq!(told.session_of("new"), Some("s"));
    assert_eq!(told.session_of("old"), None);
}

#[test]
fn a_window_that_was_just_opened_keeps_its_realm() {
    let told = targets(&[window(), created("r"), starts("l"), lives("l", "commit")]);
    assert!(told.under_way().navigating.is_empty());
    assert_eq!(told.session_of("r"), Some("s"));
}

#[test]
fn a_navigation_that_comes_to_nothing_has_ended() {
    let stopped = ("Page.frameStoppedLoading", json!({ "frameId": "f" }));
    assert!(targets(&[window(), starts("l"), stopped]).under_way().navigating.is_empty());
}

#[test]
fn a_document_that_was_stopped_has_loaded() {
    let stopped = ("Page.frameStoppedLoading", json!({ "frameId": "f" }));
    let events = [window(), starts("l"), lives("l", "commit"), starts("download"), stopped.clone()];
    assert!(!targets(&events[..4]).has_loaded("f", "l"));
    assert!(targets(&events).has_loaded("f", "l"));
    // The event is about the previous document, which is leaving.
    assert!(!targets(&[&events[..2], &[stopped, lives("l", "commit")]].concat()).has_loaded("f", "l"));
}

#[test]
fn a_document_has_loaded_or_its_successor_has() {
    let events = [window(), lives("old", "commit"), lives("old", "load"), lives("l", "commit")];
    assert!(!targets(&events).has_loaded("f", "l"));
    let redirected = [&events[..], &[lives("next", "commit"), lives("l", "load")]].concat();
    assert!(!targets(&redirected).has_loaded("f", "l"));
    assert!(targets(&[&redirected[..], &[lives("next", "load")]].concat()).has_loaded("f", "l"));
    // It has not been committed at all.
    assert!(!targets(&events[..3]).has_loaded("f", "l"));
}

#[test]
fn what_stands_in_what_is_closed_is_forgotten() {
    let info = |id| json!({ "targetId": id, "type": "iframe", "browserContextId": "u" });
    let inner = |session| json!({ "sessionId": session, "targetInfo": info(session) });
    let mut told = targets(&[("Target.attachedToTarget", inner("outer"))]);
    told.note(&json!({ "method": "Target.attachedToTarget", "params": inner("inner"), "sessionId": "outer" }));
    let context = json!({ "uniqueId": "r", "auxData": { "frameId": "i", "isDefault": true } });
    let created = json!({ "context": context });
    told.note(&json!({ "method": "Runtime.executionContextCreated", "params": created, "sessionId": "inner" }));
    assert_eq!(told.with_inner("outer"), ["outer", "inner"]);
    told.note(&json!({ "method": "Target.detachedFromTarget", "params": { "sessionId": "outer" } }));
    assert!(told.realms().is_empty() && !told.is_session("inner"));
}

#[test]
fn what_is_closed_is_forgotten() {
    let closed = ("Target.detachedFromTarget", json!({ "sessionId": "s" }));
    let inner = json!({ "frameId": "inner", "loaderId": "i", "url": "https://a/", "navigationType": "other" });
    let inner = ("Page.frameStartedNavigating", inner);
    let told = targets(&[window(), starts("l"), inner, created("r"), closed]);
    assert!(told.realms().is_empty() && told.under_way().navigating.is_empty() && told.window("f").is_none());
}
