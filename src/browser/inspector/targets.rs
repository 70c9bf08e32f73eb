//! What DevTools' events tell of a browser's windows, frames and workers. Pure.

use super::loading::Loading;
use super::{Realm, UnderWay, text};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is there. Windows, frames of other sites and workers are *targets*; each has a session of its own.
#[derive(Debug, Default)]
pub(super) struct Targets {
    sessions: BTreeMap<String, Target>,
    realms: Vec<Known>,
    loading: BTreeMap<String, Loading>,
    under_way: UnderWay,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Of a window, also its handle and the id of its outermost frame.
    pub(super) id: String,
    /// The session of what it stands in; of a window, none.
    within: String,
    pub(super) kind: String,
    pub(super) user: String,
}

#[derive(Debug)]
struct Known {
    session: String,
    realm: Realm,
}

impl Target {
    pub(super) fn is_window(&self) -> bool {
        self.kind == "page"
    }

    pub(super) fn has_documents(&self) -> bool {
        self.is_window() || self.kind == "iframe"
    }

    fn is_worker(&self) -> bool {
        self.kind.ends_with("worker")
    }
}

impl Targets {
    /// Notes what an event tells; true if anything has changed that is asked for here.
    pub(super) fn note(&mut self, event: &Value) -> bool {
        let (params, session) = (&event["params"], text(&event["sessionId"]));
        let frame = text(&params["frameId"]);
        match event["method"].as_str().unwrap_or_default() {
            "Target.attachedToTarget" => self.attached(session, params),
            "Target.detachedFromTarget" => self.detached(&text(&params["sessionId"])),
            "Runtime.executionContextCreated" => self.created(session, &params["context"]),
            "Runtime.executionContextDestroyed" => {
                self.retain(|known| known.realm.id != params["executionContextUniqueId"])
            }
            "Runtime.executionContextsCleared" => self.retain(|known| known.session != session),
            "Page.frameStartedNavigating" => self.starts(session, frame, params),
            // Of a frame in its own process this comes, of one in a new process the other.
            "Page.frameNavigated" => {
                self.comes(session, &text(&params["frame"]["id"]), &text(&params["frame"]["loaderId"]))
            }
            "Page.lifecycleEvent" => self.lives(session, &frame, &text(&params["loaderId"]), &params["name"]),
            "Page.frameStoppedLoading" => self.stops(&frame),
            "Page.javascriptDialogOpening" if params["type"] != "beforeunload" => self.asks(&session),
            "Page.javascriptDialogClosed" => self.has_asked(&session),
            "Page.frameDetached" if params["reason"] != "swap" => {
                self.loading.remove(&frame);
                self.under_way.navigating.remove(&frame).is_some()
            }
            _ => false,
        }
    }

    fn attached(&mut self, within: String, params: &Value) -> bool {
        let info = &params["targetInfo"];
        let (id, kind, user) = (text(&info["targetId"]), text(&info["type"]), text(&info["browserContextId"]));
        let target = Target { id, within, kind, user };
        self.sessions.insert(text(&params["sessionId"]), target);
        true
    }

    /// A session, and those of what stands in it: they end with it, and that is not told.
    pub(super) fn with_inner(&self, session: &str) -> Vec<String> {
        let mut all = vec![session.to_owned()];
        let mut at = 0;
        while let Some(outer) = all.get(at) {
            let inner = self.sessions.iter().filter(|(_, target)| target.within == *outer);
            let inner: Vec<_> = inner.map(|(session, _)| session.clone()).filter(|it| !all.contains(it)).collect();
            all.extend(inner);
            at += 1;
        }
        all
    }

    fn detached(&mut self, session: &str) -> bool {
        self.with_inner(session).iter().for_each(|session| self.forget(session));
        true
    }

    fn forget(&mut self, session: &str) {
        if let Some(target) = self.sessions.remove(session) {
            self.under_way.dialogs.remove(&target.id);
        }
        // The frames in it are not told one by one.
        for (frame, _) in self.loading.extract_if(.., |_, loading| loading.session == session) {
            self.under_way.navigating.remove(&frame);
        }
        self.realms.retain(|known| known.session != session);
    }

    fn created(&mut self, session: String, context: &Value) -> bool {
        let (about, realm) = (&context["auxData"], text(&context["uniqueId"]));
        if about["isDefault"] != true || !about["frameId"].is_string() {
            return false;
        }
        let frame = text(&about["frameId"]);
        // A frame that is on its way has scripts before it arrives, of the document that it leaves.
        if self.loading.get(&frame).is_some_and(|loading| loading.next.is_none()) {
            self.under_way.navigating.remove(&frame);
        }
        self.realms.push(Known { session, realm: Realm { frame, id: realm } });
        true
    }

    fn retain(&mut self, still: impl Fn(&Known) -> bool) -> bool {
        let before = self.realms.len();
        self.realms.retain(still);
        self.realms.len() != before
    }

    fn starts(&mut self, session: String, frame: String, params: &Value) -> bool {
        if params["navigationType"].as_str().is_some_and(|kind| kind.to_lowercase().ends_with("samedocument")) {
            return false;
        }
        let loading = self.loading.entry(frame.clone()).or_default();
        (loading.session, loading.next) = (session, Some(text(&params["loaderId"])));
        self.under_way.navigating.insert(frame, text(&params["url"]));
        true
    }

    /// A document takes the place of another.
    fn comes(&mut self, session: String, frame: &str, loader: &str) -> bool {
        let loading = self.loading.entry(frame.to_owned()).or_default();
        loading.session = session;
        if !loading.comes(loader) {
            return false;
        }
        // Those of the last document have been told to be gone; a window that was just opened keeps its first for the next.
        if self.realms.iter().any(|known| known.realm.frame == frame) {
            self.under_way.navigating.remove(frame);
        }
        true
    }

    fn lives(&mut self, session: String, frame: &str, loader: &str, stage: &Value) -> bool {
        match stage.as_str() {
            Some("commit") => self.comes(session, frame, loader),
            Some("load") => self.loading.get_mut(frame).is_some_and(|loading| loading.loads(loader)),
            _ => false,
        }
    }

    fn stops(&mut self, frame: &str) -> bool {
        let was_under_way = self.under_way.navigating.remove(frame).is_some();
        self.loading.get_mut(frame).is_some_and(Loading::stops) || was_under_way
    }

    fn asks(&mut self, session: &str) -> bool {
        let Some(target) = self.sessions.get(session) else { return false };
        self.under_way.dialogs.insert(target.id.clone())
    }

    fn has_asked(&mut self, session: &str) -> bool {
        self.sessions.get(session).is_some_and(|target| self.under_way.dialogs.remove(&target.id))
    }

    pub(super) fn under_way(&self) -> &UnderWay {
        &self.under_way
    }

    /// The document that is on its way to a frame.
    pub(super) fn next(&self, frame: &str) -> Option<&str> {
        self.loading.get(frame)?.next.as_deref()
    }

    /// Whether a document has come and loaded, or the one that has taken its place.
    pub(super) fn has_loaded(&self, frame: &str, loader: &str) -> bool {
        self.loading.get(frame).is_some_and(|loading| loading.has_loaded(loader))
    }

    /// Where scripts of documents run.
    pub(super) fn realms(&self) -> Vec<Realm> {
        self.realms.iter().map(|known| known.realm.clone()).collect()
    }

    /// The session in which a realm can be asked.
    pub(super) fn session_of(&self, realm: &str) -> Option<&str> {
        self.realms.iter().find(|known| known.realm.id == realm).map(|known| &*known.session)
    }

    /// The sessions of workers.
    pub(super) fn workers(&self) -> Vec<String> {
        let workers = self.sessions.iter().filter(|(_, target)| target.is_worker());
        workers.map(|(session, _)| session.clone()).collect()
    }

    pub(super) fn is_session(&self, session: &str) -> bool {
        self.sessions.contains_key(session)
    }

    pub(super) fn session(&self, session: &str) -> Option<&Target> {
        self.sessions.get(session)
    }

    /// The session of a window.
    pub(super) fn window(&self, handle: &str) -> Option<&str> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, target)| target.id == handle && target.is_window()).map(|(session, _)| &**session)
    }

    /// The first window.
    pub(super) fn any_window(&self) -> Option<&Target> {
        self.sessions.values().find(|target| target.is_window())
    }

    /// The sessions of a user context that have documents.
    pub(super) fn of_user(&self, user: &str) -> Vec<(String, Target)> {
        let of_user = |(_, target): &(&String, &Target)| target.user == user && target.has_documents();
        let sessions = self.sessions.iter().filter(of_user);
        sessions.map(|(session, target)| (session.clone(), target.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
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
        // As Chromium 156 was seen to tell it; the first realm is of the document that the frame leaves.
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
        // That of the document before, while it leaves.
        assert!(!targets(&[&events[..2], &[stopped, lives("l", "commit")]].concat()).has_loaded("f", "l"));
    }

    #[test]
    fn a_document_has_loaded_or_its_successor_has() {
        let events = [window(), lives("old", "commit"), lives("old", "load"), lives("l", "commit")];
        assert!(!targets(&events).has_loaded("f", "l"));
        let redirected = [&events[..], &[lives("next", "commit"), lives("l", "load")]].concat();
        assert!(!targets(&redirected).has_loaded("f", "l"));
        assert!(targets(&[&redirected[..], &[lives("next", "load")]].concat()).has_loaded("f", "l"));
        // It has not come at all.
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
}
