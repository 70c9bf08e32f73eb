//! WebDriver BiDi, which every driver supports, wherever it runs.

use super::console::Console;
use super::socket::{self, Socket};
use super::{Fault, Frame, Picture, Realm, UnderWay, Until, Window, as_on_the_wire, text};
use crate::journal::Journal;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, watch};

#[derive(Debug)]
pub(super) struct Bidi {
    socket: Socket,
    under_way: watch::Receiver<UnderWay>,
    pub(super) console: Console,
    /// Whether user contexts have proxies, as far as that is known.
    own_proxies: AtomicBool,
    /// `ws://HOST:PORT/..`
    pub(super) url: String,
}

/// The credentials of a browser for the proxy.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) user: &'static str,
    pub(crate) password: String,
    /// Distinguishes the proxy's challenges from those of servers.
    pub(crate) journal: Arc<Journal>,
}

impl Login {
    fn answer(&self, request: &Value) -> Value {
        let url = request["url"].as_str().unwrap_or_default();
        let url = as_on_the_wire(url);
        let exchanges = self.journal.exchanges();
        let last = exchanges.iter().rev().find(|exchange| exchange.request.url() == url);
        // BiDi does not report who sent the challenge. A server's response has passed the proxy before.
        let by_server = last.and_then(|last| last.response.as_ref()).is_some_and(|answer| answer.status() == 401);
        if by_server {
            return json!({ "request": request["request"], "action": "default" });
        }
        let credentials = json!({ "type": "password", "username": self.user, "password": self.password });
        json!({ "request": request["request"], "action": "provideCredentials", "credentials": credentials })
    }
}

/// Events about navigations.
const NAVIGATIONS: [&str; 8] = [
    "browsingContext.navigationStarted",
    "browsingContext.navigationCommitted",
    "browsingContext.navigationAborted",
    "browsingContext.navigationFailed",
    "browsingContext.domContentLoaded",
    "browsingContext.load",
    "browsingContext.downloadWillBegin",
    "browsingContext.contextDestroyed",
];

/// Events about dialogs.
const DIALOGS: [&str; 2] = ["browsingContext.userPromptOpened", "browsingContext.userPromptClosed"];

/// The event of a proxy or server that requires credentials.
const CHALLENGE: &str = "network.authRequired";

impl Bidi {
    /// Connects to the `webSocketUrl` of a new session. `login` is used for the proxy's challenges.
    pub(super) async fn connect(url: &str, login: Option<Login>) -> Result<Self, String> {
        let (told, under_way) = watch::channel(UnderWay::default());
        let (asked, challenges) = mpsc::unbounded_channel();
        let console = Console::default();
        let logs = console.clone();
        let hear = move |_: &socket::Commands, mut event: Value| {
            logs.note(&event);
            if event["method"] == CHALLENGE {
                // Without a login there is no receiver and no subscription.
                let _ = asked.send(event["params"].take());
            } else {
                told.send_if_modified(|under_way| note(under_way, &event));
            }
        };
        let bidi = Self {
            socket: socket::connect(url, hear).await?,
            under_way,
            console,
            own_proxies: AtomicBool::default(),
            url: url.to_owned(),
        };
        match login {
            None => Ok(bidi),
            Some(login) => bidi.log_in(login, challenges).await.map_err(|error| format!("no login: {error}")),
        }
    }

    /// Answers the proxy's challenges with the login; others get the browser's default action.
    async fn log_in(mut self, login: Login, mut asked: mpsc::UnboundedReceiver<Value>) -> Result<Self, Fault> {
        self.command("session.subscribe", &json!({ "events": [CHALLENGE] })).await?;
        self.command("network.addIntercept", &json!({ "phases": ["authRequired"] })).await?;
        let commands = self.socket.commands.clone();
        self.socket.tasks.spawn(async move {
            while let Some(challenge) = asked.recv().await {
                drop(commands.send("network.continueWithAuth", &login.answer(&challenge["request"])));
            }
        });
        Ok(self)
    }

    pub(super) fn command(
        &self,
        method: &str,
        params: &Value,
    ) -> impl Future<Output = Result<Value, Fault>> + Send + use<> {
        self.socket.commands.send(method, params)
    }

    pub(super) fn under_way(&self) -> watch::Receiver<UnderWay> {
        self.under_way.clone()
    }

    pub(super) async fn install(&self, script: &str) -> Result<String, Fault> {
        // One by one, because no browser supports all of them.
        let events = NAVIGATIONS.into_iter().chain(DIALOGS).chain(["log.entryAdded"]);
        let subscribed = events.map(|event| self.command("session.subscribe", &json!({ "events": [event] })));
        drop(join_all(subscribed).await);
        self.add(script).await?;
        let tree = self.command("browsingContext.getTree", &json!({ "maxDepth": 0 })).await?;
        Ok(text(&tree["contexts"][0]["context"]))
    }

    pub(super) async fn add(&self, script: &str) -> Result<(), Fault> {
        self.command("script.addPreloadScript", &json!({ "functionDeclaration": script })).await.map(drop)
    }

    /// Returns whether a user context can have a proxy: a browser that ignores this accepts a kind that does not exist.
    pub(super) async fn has_own_proxies(&self) -> bool {
        let asked = json!({ "proxy": { "proxyType": "holdup" } });
        let has = match self.command("browser.createUserContext", &asked).await {
            Ok(made) => {
                drop(self.forget(&text(&made["userContext"])).await);
                false
            }
            Err(fault) => fault.to_string().starts_with("invalid argument"),
        };
        self.own_proxies.store(has, Ordering::Relaxed);
        has
    }

    pub(super) async fn open(&self, proxy: SocketAddr) -> Result<Window, Fault> {
        let proxy = proxy.to_string();
        let proxy = json!({ "proxyType": "manual", "httpProxy": proxy, "sslProxy": proxy });
        let own = match self.own_proxies.load(Ordering::Relaxed) {
            true => json!({ "proxy": proxy, "acceptInsecureCerts": true }),
            // The session's, which stays the same while one exploration uses it.
            false => json!({}),
        };
        let user = text(&self.command("browser.createUserContext", &own).await?["userContext"]);
        let handle = self.open_in(&user, "tab", true).await?;
        Ok(Window { user, handle })
    }

    pub(super) async fn open_in(&self, user: &str, kind: &str, background: bool) -> Result<String, Fault> {
        let window = json!({ "type": kind, "userContext": user, "background": background });
        Ok(text(&self.command("browsingContext.create", &window).await?["context"]))
    }

    pub(super) async fn windows_of_others(&self, user: &str) -> Result<BTreeSet<String>, Fault> {
        let tree = self.command("browsingContext.getTree", &json!({ "maxDepth": 0 })).await?;
        let windows = tree["contexts"].as_array().into_iter().flatten();
        Ok(windows.filter(|window| window["userContext"] != user).map(|window| text(&window["context"])).collect())
    }

    pub(super) async fn set_permission(&self, user: &str, site: &str, said: &Value) -> Result<(), Fault> {
        let (descriptor, state) = (&said["descriptor"], &said["state"]);
        let params = json!({ "descriptor": descriptor, "state": state, "origin": site, "userContext": user });
        self.command("permissions.setPermission", &params).await.map(drop)
    }

    pub(super) async fn forget(&self, user: &str) -> Result<(), Fault> {
        self.command("browser.removeUserContext", &json!({ "userContext": user })).await.map(drop)
    }

    pub(super) async fn activate(&self, window: &str) -> Result<(), Fault> {
        self.command("browsingContext.activate", &json!({ "context": window })).await.map(drop)
    }

    pub(super) async fn navigate(&self, window: &str, url: &str, until: Until) -> Result<(), Fault> {
        let wait = match until {
            Until::Begun => "none",
            Until::Loaded => "complete",
        };
        let params = json!({ "context": window, "url": url, "wait": wait });
        self.command("browsingContext.navigate", &params).await.map(drop)
    }

    pub(super) async fn url_of(&self, window: &str) -> Result<String, Fault> {
        let tree = self.command("browsingContext.getTree", &json!({ "root": window, "maxDepth": 0 })).await?;
        Ok(text(&tree["contexts"][0]["url"]))
    }

    /// A window with an open dialog does not reply.
    pub(super) async fn title_of(&self, window: &str) -> Result<String, Fault> {
        self.evaluate_in(window, "document.title").await
    }

    pub(super) async fn evaluate_in(&self, window: &str, script: &str) -> Result<String, Fault> {
        let target = json!({ "context": window });
        let params = json!({ "expression": script, "target": target, "awaitPromise": false });
        let said = self.command("script.evaluate", &params).await?;
        said["result"]["value"].as_str().map(str::to_owned).ok_or_else(|| Fault::Refused(said.to_string()))
    }

    /// Runs a script as if a user had acted.
    pub(super) async fn act_in(&self, window: &str, script: &str) -> Result<(), Fault> {
        let target = json!({ "context": window });
        let params = json!({ "expression": script, "target": target, "awaitPromise": false, "userActivation": true });
        self.command("script.evaluate", &params).await.map(drop)
    }

    pub(super) async fn picture(&self, window: &str, quality: u32) -> Result<Picture, Fault> {
        let take = |kind: &str| {
            let format = json!({ "type": kind, "quality": f64::from(quality) / 100.0 });
            self.command("browsingContext.captureScreenshot", &json!({ "context": window, "format": format }))
        };
        // A browser that does not know WebP refuses it, or sends PNG, which has no quality.
        match take("image/webp").await.and_then(|said| Picture::decode(&said["data"])) {
            Ok(picture) if picture.kind != "png" => Ok(picture),
            _ => Picture::decode(&take("image/jpeg").await?["data"]),
        }
    }

    pub(super) async fn windows_beside(&self, window: &str) -> Result<Vec<Frame>, Fault> {
        let tree = self.command("browsingContext.getTree", &json!({})).await?;
        let windows = tree["contexts"].as_array().map_or(&[][..], Vec::as_slice);
        let user = windows.iter().find(|known| known["context"] == window).map(|known| &known["userContext"]);
        Ok(windows.iter().filter(|known| Some(&known["userContext"]) == user).map(frame).collect())
    }

    pub(super) async fn realms(&self) -> Result<Vec<Realm>, Fault> {
        // Chromium never replies for the frame of a popup that has an opener; for its realm it does.
        let realms = self.command("script.getRealms", &json!({ "type": "window" })).await?;
        let own = realms["realms"].as_array().into_iter().flatten().filter(|realm| realm["sandbox"].is_null());
        Ok(own.map(|realm| Realm { frame: text(&realm["context"]), id: text(&realm["realm"]) }).collect())
    }

    pub(super) async fn workers(&self) -> Result<Vec<String>, Fault> {
        let realms = self.command("script.getRealms", &json!({})).await?;
        let realms = realms["realms"].as_array().into_iter().flatten();
        let workers = realms.filter(|realm| realm["type"].as_str().is_some_and(|kind| kind.ends_with("-worker")));
        Ok(workers.map(|worker| text(&worker["realm"])).collect())
    }

    pub(super) async fn evaluate(&self, realm: &str, script: &str) -> Result<Option<String>, Fault> {
        let params = json!({ "expression": script, "target": { "realm": realm }, "awaitPromise": true });
        let said = self.command("script.evaluate", &params).await?;
        match (said["result"]["value"].as_str(), said["result"]["type"].as_str()) {
            (Some(value), _) => Ok(Some(value.to_owned())),
            (None, Some("undefined")) => Ok(None),
            (None, _) => Err(Fault::Refused(said.to_string())),
        }
    }
}

/// Applies an event about navigations or dialogs; returns whether it was one.
fn note(under_way: &mut UnderWay, event: &Value) -> bool {
    let (method, params) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
    let Some(frame) = params["context"].as_str() else { return false };
    if let Some(at) = DIALOGS.iter().position(|dialog| *dialog == method) {
        // `beforeunload` is accepted without the test, as the capabilities request.
        if params["type"] == "beforeunload" {
            return false;
        }
        return match at {
            0 => under_way.dialogs.insert(frame.to_owned()),
            _ => under_way.dialogs.remove(frame),
        };
    }
    if !NAVIGATIONS.contains(&method) {
        return false;
    }
    match params["url"].as_str() {
        Some(url) if method == NAVIGATIONS[0] => under_way.navigating.insert(frame.to_owned(), url.to_owned()),
        _ => under_way.navigating.remove(frame),
    };
    if method == "browsingContext.contextDestroyed" {
        under_way.dialogs.remove(frame);
    }
    true
}

fn frame(context: &Value) -> Frame {
    let children = context["children"].as_array().into_iter().flatten().map(frame).collect();
    Frame { id: text(&context["context"]), url: text(&context["url"]), children }
}
