//! The windows, frames and workers of a browser, as DevTools' events report them. Pure (no I/O).

use super::loading::Loading;
use super::{Realm, UnderWay, text};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The current targets. Windows, frames of other sites and workers are *targets*; each has its own session.
#[derive(Debug, Default)]
pub(super) struct Targets {
    sessions: BTreeMap<String, Target>,
    realms: Vec<Known>,
    loading: BTreeMap<String, Loading>,
    under_way: UnderWay,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// For a window, also its handle and the id of its outermost frame.
    pub(super) id: String,
    /// The session of the target that contains it; empty for a window.
    within: String,
    pub(super) kind: String,
    pub(super) user: String,
    /// For a worker: whether scripts can run in it, and whether its own has run.
    begun: bool,
    has_run: bool,
    /// For a window or frame: how many workers its document has started, as far as they have been reported.
    workers: u64,
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
    /// Applies an event; returns whether anything has changed.
    pub(super) fn note(&mut self, event: &Value) -> bool {
        let (params, session) = (&event["params"], text(&event["sessionId"]));
        let frame = text(&params["frameId"]);
        match event["method"].as_str().unwrap_or_default() {
            "Target.attachedToTarget" => self.attached(session, params),
            "Target.detachedFromTarget" => self.detached(&text(&params["sessionId"])),
            "Runtime.executionContextCreated" => self.created(session, &params["context"]),
            "Inspector.workerScriptLoaded" => {
                self.sessions.get_mut(&session).is_some_and(|worker| !std::mem::replace(&mut worker.has_run, true))
            }
            "Runtime.executionContextDestroyed" => {
                self.retain(|known| known.realm.id != params["executionContextUniqueId"])
            }
            "Runtime.executionContextsCleared" => {
                if let Some(target) = self.sessions.get_mut(&session) {
                    target.workers = 0;
                }
                self.retain(|known| known.session != session)
            }
            "Page.frameStartedNavigating" => self.starts(session, frame, params),
            // Sent for a frame in its own process; a frame in a new process has the other event.
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
        let target = Target { id, within, kind, user, begun: false, has_run: false, workers: 0 };
        if target.is_worker()
            && let Some(starter) = self.sessions.get_mut(&target.within)
        {
            starter.workers += 1;
        }
        self.sessions.insert(text(&params["sessionId"]), target);
        true
    }

    /// Returns a session and those inside it, which end with it without events of their own.
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
        // Its frames are not reported one by one.
        for (frame, _) in self.loading.extract_if(.., |_, loading| loading.session == session) {
            self.under_way.navigating.remove(&frame);
        }
        self.realms.retain(|known| known.session != session);
    }

    fn created(&mut self, session: String, context: &Value) -> bool {
        if let Some(worker) = self.sessions.get_mut(&session).filter(|target| target.is_worker()) {
            return !std::mem::replace(&mut worker.begun, true);
        }
        let (about, realm) = (&context["auxData"], text(&context["uniqueId"]));
        if about["isDefault"] != true || !about["frameId"].is_string() {
            return false;
        }
        let frame = text(&about["frameId"]);
        // A navigating frame can have realms before its document is committed, of the document that it leaves.
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

    /// Commits a document in a frame.
    fn comes(&mut self, session: String, frame: &str, loader: &str) -> bool {
        let loading = self.loading.entry(frame.to_owned()).or_default();
        loading.session = session;
        if !loading.comes(loader) {
            return false;
        }
        // The realms of the previous document have been destroyed by now; a window that was just opened keeps its
        // first.
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

    /// Returns the document that a frame is navigating to.
    pub(super) fn next(&self, frame: &str) -> Option<&str> {
        self.loading.get(frame)?.next.as_deref()
    }

    /// Returns whether a document has been committed and it, or the one that replaced it, has loaded.
    pub(super) fn has_loaded(&self, frame: &str, loader: &str) -> bool {
        self.loading.get(frame).is_some_and(|loading| loading.has_loaded(loader))
    }

    /// Returns the realms of documents.
    pub(super) fn realms(&self) -> Vec<Realm> {
        self.realms.iter().map(|known| known.realm.clone()).collect()
    }

    /// Returns the session in which a realm can be queried.
    pub(super) fn session_of(&self, realm: &str) -> Option<&str> {
        self.realms.iter().find(|known| known.realm.id == realm).map(|known| &*known.session)
    }

    /// Returns the sessions of workers once each has started: Chromium terminates a page if a script is evaluated in a
    /// worker that is about to start.
    pub(super) fn workers(&self) -> Option<Vec<String>> {
        let workers = self.sessions.iter().filter(|(_, target)| target.is_worker());
        workers.map(|(session, target)| target.begun.then(|| session.clone())).collect()
    }

    /// Returns whether this many workers have been reported and each current one has run its script. Chromium before
    /// 139 does not report the latter.
    pub(super) fn workers_have_run(&self, started: u64) -> bool {
        let met: u64 = self.sessions.values().map(|target| target.workers).sum();
        met >= started && self.sessions.values().all(|target| !target.is_worker() || target.has_run)
    }

    pub(super) fn is_session(&self, session: &str) -> bool {
        self.sessions.contains_key(session)
    }

    pub(super) fn session(&self, session: &str) -> Option<&Target> {
        self.sessions.get(session)
    }

    /// Returns the session of a window.
    pub(super) fn window(&self, handle: &str) -> Option<&str> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, target)| target.id == handle && target.is_window()).map(|(session, _)| &**session)
    }

    /// Returns the first window.
    pub(super) fn any_window(&self) -> Option<&Target> {
        self.sessions.values().find(|target| target.is_window())
    }

    /// Returns the windows of all other user contexts.
    pub(super) fn windows_of_others(&self, user: &str) -> BTreeSet<String> {
        let others = self.sessions.values().filter(|target| target.is_window() && target.user != user);
        others.map(|target| target.id.clone()).collect()
    }

    /// Returns the sessions of all windows and frames.
    pub(super) fn with_documents(&self) -> Vec<String> {
        let sessions = self.sessions.iter().filter(|(_, target)| target.has_documents());
        sessions.map(|(session, _)| session.clone()).collect()
    }

    /// Returns the sessions of a user context that have documents.
    pub(super) fn of_user(&self, user: &str) -> Vec<(String, Target)> {
        let of_user = |(_, target): &(&String, &Target)| target.user == user && target.has_documents();
        let sessions = self.sessions.iter().filter(of_user);
        sessions.map(|(session, target)| (session.clone(), target.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
