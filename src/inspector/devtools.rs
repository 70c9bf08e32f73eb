//! Chrome's DevTools protocol, spoken directly to a Chromium on this machine. Chromedriver's BiDi is a page of its own
//! that translates to this protocol, which costs half of the processor time of a small test.

mod contexts;

use super::console::Console;
use super::socket::{self, Commands, Socket};
use super::targets::{Target, Targets};
use super::{Calls, Fault, Frame, Picture, Realm, UnderWay, Until, text};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The file in the profile to which the browser writes its port.
const PORT: &str = "DevToolsActivePort";
/// Timeout for the file: a browser that has a session has written it by then.
const WRITTEN: Duration = Duration::from_secs(2);
/// How long a worker's script may take to run. Some browsers do not report when it has run.
const RUN: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(5);

#[derive(Debug)]
pub(super) struct DevTools {
    socket: Socket,
    targets: watch::Receiver<Targets>,
    under_way: watch::Receiver<UnderWay>,
    calls: watch::Receiver<Calls>,
    pub(super) console: Console,
    /// Runs first in each document.
    script: Arc<Mutex<String>>,
    /// `ws://127.0.0.1:PORT/..`
    pub(super) url: String,
}

impl DevTools {
    /// Connects to the browser of a profile folder. Returns `None` if its port cannot be seen from here.
    pub(super) async fn connect(profile: &Path) -> Option<Self> {
        let url = tokio::time::timeout(WRITTEN, address(profile)).await.ok()?;
        let script = Arc::<Mutex<String>>::default();
        let (told, targets) = watch::channel(Targets::default());
        let (moves, under_way) = watch::channel(UnderWay::default());
        let (asks, calls) = watch::channel(Calls::default());
        let (first, console) = (Arc::clone(&script), Console::default());
        let logs = console.clone();
        let hear = move |commands: &Commands, event: Value| {
            if event["method"] == "Target.attachedToTarget" {
                meet(commands, &event["params"], &lock(&first));
            }
            if event["method"] == "Target.detachedFromTarget" {
                let ended = told.borrow().with_inner(&text(&event["params"]["sessionId"]));
                ended.iter().for_each(|session| commands.give_up(session));
                asks.send_if_modified(|calls| calls.forget(&ended));
            }
            logs.note(&event);
            asks.send_if_modified(|calls| calls.note(&event));
            let changed = told.send_if_modified(|targets| targets.note(&event));
            if event["method"] == "Page.javascriptDialogOpening" && event["params"]["type"] == "beforeunload" {
                // As the WebDriver recommendation defines it. Other dialogs are left to the test.
                let session = text(&event["sessionId"]);
                drop(commands.send_to(Some(&session), "Page.handleJavaScriptDialog", &json!({ "accept": true })));
            }
            if changed {
                moves.send_replace(told.borrow().under_way().clone());
            }
        };
        let socket = socket::connect(&url, hear).await.ok()?;
        Some(Self { socket, targets, under_way, calls, console, script, url })
    }

    fn command(&self, method: &str, params: &Value) -> impl Future<Output = Result<Value, Fault>> + Send + use<> {
        self.socket.commands.send(method, params)
    }

    /// Sends a command to the session of a window.
    fn to_window(
        &self,
        handle: &str,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<Value, Fault>> + Send + use<> {
        let session = self.targets.borrow().window(handle).map(str::to_owned);
        let sent = session.map(|session| self.socket.commands.send_to(Some(&session), method, params));
        async move {
            match sent {
                Some(sent) => sent.await,
                None => Err(closed()),
            }
        }
    }

    pub(super) fn under_way(&self) -> watch::Receiver<UnderWay> {
        self.under_way.clone()
    }

    pub(super) fn calls(&self) -> watch::Receiver<Calls> {
        self.calls.clone()
    }

    pub(super) async fn install(&self, script: &str) -> Result<String, Fault> {
        lock(&self.script).push_str(&format!("({script})();\n"));
        self.command("Target.setAutoAttach", &each_is_met()).await?;
        let first = self.until(|targets| targets.any_window().map(|window| window.id.clone())).await?;
        // Its reply comes after those to the commands that `meet` has sent.
        self.to_window(&first, "Page.getFrameTree", &json!({})).await?;
        Ok(first)
    }

    /// In windows that are opened from now on, and in the later documents of the others.
    pub(super) async fn add(&self, script: &str) -> Result<(), Fault> {
        let source = format!("({script})();\n");
        lock(&self.script).push_str(&source);
        let windows = self.targets.borrow().with_documents();
        let params = json!({ "source": source });
        let added = windows.iter().map(|session| {
            self.socket.commands.send_to(Some(session), "Page.addScriptToEvaluateOnNewDocument", &params)
        });
        join_all(added).await.into_iter().try_for_each(|added| added.map(drop))
    }

    /// Waits until the events so far satisfy a condition.
    async fn until<T>(&self, told: impl Fn(&Targets) -> Option<T>) -> Result<T, Fault> {
        let mut targets = self.targets.clone();
        loop {
            if let Some(told) = told(&targets.borrow_and_update()) {
                return Ok(told);
            }
            targets.changed().await.map_err(|_| Fault::Closed)?;
        }
    }

    pub(super) async fn navigate(&self, window: &str, url: &str, until: Until) -> Result<(), Fault> {
        let before = self.targets.borrow().next(window).map(str::to_owned);
        let navigating = self.to_window(window, "Page.navigate", &json!({ "url": url }));
        if until == Until::Begun {
            let begun = |targets: &Targets| (targets.next(window) != before.as_deref()).then_some(());
            return tokio::select! {
                said = navigating => said.map(drop),
                begun = self.until(begun) => begun,
            };
        }
        let said = navigating.await?;
        match (said["errorText"].as_str(), said["loaderId"].as_str()) {
            (Some(error), _) if !error.is_empty() => Err(Fault::Refused(error.to_owned())),
            (_, Some(loader)) => {
                let loaded = |targets: &Targets| match targets.window(window) {
                    Some(_) => targets.has_loaded(window, loader).then_some(Ok(())),
                    None => Some(Err(closed())),
                };
                self.until(loaded).await?
            }
            // A navigation within the same document.
            (_, None) => Ok(()),
        }
    }

    pub(super) async fn url_of(&self, window: &str) -> Result<String, Fault> {
        let said = self.command("Target.getTargetInfo", &json!({ "targetId": window })).await?;
        Ok(text(&said["targetInfo"]["url"]))
    }

    pub(super) async fn title_of(&self, window: &str) -> Result<String, Fault> {
        let said = self.command("Target.getTargetInfo", &json!({ "targetId": window })).await?;
        Ok(text(&said["targetInfo"]["title"]))
    }

    pub(super) async fn evaluate_in(&self, window: &str, script: &str) -> Result<String, Fault> {
        let params = json!({ "expression": script, "returnByValue": true });
        let said = self.to_window(window, "Runtime.evaluate", &params).await?;
        said["result"]["value"].as_str().map(str::to_owned).ok_or_else(|| Fault::Refused(said.to_string()))
    }

    /// Runs a script as if a user had acted.
    pub(super) async fn act_in(&self, window: &str, script: &str) -> Result<(), Fault> {
        let params = json!({ "expression": script, "userGesture": true });
        self.to_window(window, "Runtime.evaluate", &params).await.map(drop)
    }

    pub(super) async fn picture(&self, window: &str, width: u32, quality: u32) -> Result<Picture, Fault> {
        let metrics = self.to_window(window, "Page.getLayoutMetrics", &json!({})).await?;
        let view = &metrics["cssVisualViewport"];
        let wide = view["clientWidth"].as_f64().unwrap_or_default();
        let clip = json!({
            "x": view["pageX"],
            "y": view["pageY"],
            "width": view["clientWidth"],
            "height": view["clientHeight"],
            "scale": (f64::from(width) / wide.max(1.0)).min(1.0),
        });
        let params = json!({ "format": "webp", "quality": quality, "clip": clip, "optimizeForSpeed": true });
        Picture::decode(&self.to_window(window, "Page.captureScreenshot", &params).await?["data"])
    }

    pub(super) async fn windows_beside(&self, window: &str) -> Result<Vec<Frame>, Fault> {
        let sessions = {
            let targets = self.targets.borrow();
            let user = targets.window(window).and_then(|session| targets.session(session)).map(|target| &*target.user);
            let mut sessions = targets.of_user(user.unwrap_or_default());
            // A frame whose next document is held does not reply.
            let leaves =
                |target: &Target| !target.is_window() && targets.under_way().navigating.contains_key(&target.id);
            sessions.retain(|(_, target)| !leaves(target));
            sessions
        };
        let trees = sessions
            .iter()
            .map(|(session, _)| self.socket.commands.send_to(Some(session), "Page.getFrameTree", &json!({})));
        let (mut windows, mut inner) = (vec![], BTreeMap::<_, Vec<_>>::new());
        for ((_, target), tree) in sessions.iter().zip(join_all(trees).await) {
            let tree = &tree?["frameTree"];
            if target.is_window() {
                windows.push(frame(tree));
            } else {
                inner.entry(text(&tree["frame"]["parentId"])).or_default().push(frame(tree));
            }
        }
        // Frames of other sites have trees of their own.
        windows.iter_mut().for_each(|window| put_in(window, &mut inner));
        Ok(windows)
    }

    pub(super) fn realms(&self) -> Vec<Realm> {
        self.targets.borrow().realms()
    }

    pub(super) async fn workers(&self, started: u64) -> Result<Vec<String>, Fault> {
        let run = self.until(|targets| targets.workers_have_run(started).then_some(()));
        drop(tokio::time::timeout(RUN, run).await);
        self.until(Targets::workers).await
    }

    pub(super) async fn evaluate(&self, realm: &str, script: &str) -> Result<Option<String>, Fault> {
        let mut params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        let session = {
            let targets = self.targets.borrow();
            match targets.session_of(realm) {
                Some(session) => {
                    params["uniqueContextId"] = json!(realm);
                    session.to_owned()
                }
                // A worker has one realm, which is identified by its session.
                None if targets.is_session(realm) => realm.to_owned(),
                None => return Err(Fault::Refused("the document has gone".to_owned())),
            }
        };
        let said = self.socket.commands.send_to(Some(&session), "Runtime.evaluate", &params).await?;
        match (said["result"]["value"].as_str(), said["result"]["type"].as_str()) {
            (Some(value), _) if said["exceptionDetails"].is_null() => Ok(Some(value.to_owned())),
            (None, Some("undefined")) if said["exceptionDetails"].is_null() => Ok(None),
            _ => Err(Fault::Refused(said.to_string())),
        }
    }
}

fn lock(script: &Mutex<String>) -> MutexGuard<'_, String> {
    // Each change is one push.
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

fn closed() -> Fault {
    Fault::Refused("the window has been closed".to_owned())
}

/// Waits until the browser has written the address at which it listens.
async fn address(profile: &Path) -> String {
    let mut looking = tokio::time::interval(LOOK_EVERY);
    loop {
        let written = std::fs::read_to_string(profile.join(PORT)).unwrap_or_default();
        // The file has two lines; until the second is complete, the address is not known.
        if let Some((port, path)) = written.split_once('\n')
            && path.starts_with("/devtools/browser/")
        {
            return format!("ws://127.0.0.1:{port}{}", path.trim_end());
        }
        looking.tick().await;
    }
}

/// Attaches to each window, frame and worker, and pauses it until it has been set up.
fn each_is_met() -> Value {
    json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true })
}

/// Sets up a paused target: enables its events, installs the script in its documents, and resumes it.
fn meet(commands: &Commands, params: &Value, script: &str) {
    let (session, kind) = (text(&params["sessionId"]), text(&params["targetInfo"]["type"]));
    // Errors are ignored: a target that lacks one command may support the others, and one that has gone has no events.
    let say = |method: &str, params: Value| drop(commands.send_to(Some(&session), method, &params));
    if kind == "page" || kind == "iframe" {
        say("Page.enable", json!({}));
        say("Page.setLifecycleEventsEnabled", json!({ "enabled": true }));
        say("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script, "runImmediately": true }));
        say("Runtime.enable", json!({}));
        say("Log.enable", json!({}));
        // Bodies are never read, so none are kept.
        say("Network.enable", json!({ "maxTotalBufferSize": 0, "maxResourceBufferSize": 0 }));
    }
    if kind.ends_with("worker") {
        // Reports when the worker starts.
        say("Runtime.enable", json!({}));
        say("Inspector.enable", json!({}));
    }
    say("Target.setAutoAttach", each_is_met());
    say("Runtime.runIfWaitingForDebugger", json!({}));
}

fn frame(tree: &Value) -> Frame {
    let children = tree["childFrames"].as_array().into_iter().flatten().map(frame).collect();
    Frame { id: text(&tree["frame"]["id"]), url: text(&tree["frame"]["url"]), children }
}

/// Adds frames to their parents, by the parents' ids.
fn put_in(frame: &mut Frame, inner: &mut BTreeMap<String, Vec<Frame>>) {
    frame.children.extend(inner.remove(&frame.id).unwrap_or_default());
    frame.children.iter_mut().for_each(|child| put_in(child, inner));
}
