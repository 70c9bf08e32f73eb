//! Handles each command: journals it, forwards it when it is its turn, and journals its response.

use super::begun::Begun;
use super::command::{self, Elements, Kind};
use super::deadlock;
use super::input::Input;
use super::response::{is_early, json_bytes, unknown_error};
use super::turns::Turns;
use super::user_context::UserContext;
use crate::driver::{Driver, log_tail};
use crate::inspector::Protocol;
use crate::journal::{Event, Journal};
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Why commands are refused after a test.
pub(crate) const ENDED: &str =
    "the test that had this browser has ended\n  help: take a `Browser` as an argument of each test that uses one";

/// Forwards commands to the driver.
#[derive(Debug)]
pub(super) struct Link {
    driver: Arc<Driver>,
    client: Client<HttpConnector, Full<Bytes>>,
    journal: Arc<Journal>,
    turns: Turns,
    commands: AtomicU64,
    elements: Mutex<Elements>,
    /// How each session that was created here can be queried beside its commands.
    protocols: Mutex<BTreeMap<String, Protocol>>,
    window: Mutex<Option<String>>,
    /// Of the test, if it has its own.
    context: Option<UserContext>,
    begun: Begun,
    has_ended: AtomicBool,
    /// What reports show in the place of an XPath.
    names: Mutex<BTreeMap<String, String>>,
}

/// The outcome of carrying out a command by actions.
enum ByActions {
    Done(Response<Bytes>),
    /// The page is not ready yet.
    NotYet,
    /// Actions cannot carry out the command.
    Never,
}

impl ByActions {
    /// Leaves elements that have gone or moved to the driver. Any other error (an open dialog) it would report too.
    fn failed(response: Response<Bytes>) -> Self {
        let said: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        match command::is_early(&said) || said["value"]["error"] == "move target out of bounds" {
            true => Self::Never,
            false => Self::Done(response),
        }
    }
}

impl Link {
    pub(super) fn new(driver: Arc<Driver>, journal: Arc<Journal>, turns: Turns) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self {
            driver,
            client: Client::builder(TokioExecutor::new()).build(connector),
            journal,
            turns,
            commands: AtomicU64::new(1),
            elements: Mutex::default(),
            protocols: Mutex::default(),
            window: Mutex::default(),
            context: None,
            begun: Begun::default(),
            has_ended: AtomicBool::default(),
            names: Mutex::default(),
        }
    }

    /// Makes reports show these words in the place of an XPath.
    pub(super) fn name(&self, xpath: &str, words: &str) {
        lock(&self.names).insert(xpath.to_owned(), words.to_owned());
    }

    fn in_words(&self, says: String) -> String {
        lock(&self.names).iter().fold(says, |says, (xpath, words)| says.replace(xpath, words))
    }

    /// Returns a link for another test, which has this user context, and uses the first session that was created here.
    pub(super) fn next(&self, journal: Arc<Journal>, turns: Turns, context: UserContext) -> Self {
        // In one journal, the numbers continue.
        let is_same = Arc::ptr_eq(&self.journal, &journal);
        let commands = if is_same { self.commands.load(Ordering::Relaxed) } else { 1 };
        let next = Self::new(Arc::clone(&self.driver), journal, turns);
        Self { context: Some(context), begun: self.begun.kept(), commands: AtomicU64::new(commands), ..next }
    }

    /// Refuses all that comes from now on: the session is another test's.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::SeqCst);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Returns whether a command is for the test's own session.
    pub(super) fn is_own(&self, path: &str) -> bool {
        self.context.as_ref().is_none_or(|context| context.is_about(path))
    }

    /// Returns the window that the test has switched to, if any.
    pub(super) fn window(&self) -> Option<String> {
        lock(&self.window).clone()
    }

    /// Returns how a session that was created here can be queried beside its commands.
    pub(super) fn protocol(&self, session: &str) -> Option<Protocol> {
        lock(&self.protocols).get(session).cloned()
    }

    pub(super) fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// Journals the start of an operation; returns the id for its end.
    pub(super) fn begin(&self, says: String) -> u64 {
        let id = self.commands.fetch_add(1, Ordering::Relaxed);
        self.journal.write(Event::Command { id, says });
        id
    }

    /// Forwards a command when it is its turn, journals it then, and its response.
    pub(super) async fn command(&self, request: Request<Bytes>) -> Response<Bytes> {
        let said: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        if let Some(said) = self.begun.answer(&method, &path) {
            return json_bytes(said);
        }
        let is_secret = self.types_secret(&method, &path).await;
        let says = self.in_words(command::describe(&method, &path, &said, &lock(&self.elements), is_secret));
        let is_post_to = |end: &str| method == "POST" && path.ends_with(end);
        let (id, response) = self.in_turn(request, &says).await;
        if is_post_to("/element")
            && let Ok(found) = serde_json::from_slice(response.body())
        {
            command::remember(&path, &said, &found, &mut lock(&self.elements));
        }
        if response.status().is_success() && is_post_to("/window") {
            *lock(&self.window) = said["handle"].as_str().map(str::to_owned);
        }
        if is_post_to("/session")
            && let Some((session, protocol)) = command::begun(response.body())
        {
            lock(&self.protocols).insert(session, protocol);
            self.begun.note(response.body());
        }
        self.journal.write(Event::Commanded { id, status: response.status().as_u16() });
        response
    }

    /// Returns whether a command types into a secret field. The page decides; if it cannot, the field's locator does.
    async fn types_secret(&self, method: &str, path: &str) -> bool {
        let Some(element) = command::typed_into(method, path) else { return false };
        let by_name = || {
            let elements = lock(&self.elements);
            elements.get(element).is_none_or(|locator| locator.value.to_ascii_lowercase().contains("pass"))
        };
        let asked = async {
            let session = path.split("/element/").next()?;
            let ask = json!({ "script": command::IS_SECRET, "args": [{ command::ELEMENT: element }] }).to_string();
            let ask = Request::post(format!("{session}/execute/sync")).body(Bytes::from(ask)).ok()?;
            let said: Value = serde_json::from_slice(self.send(ask).await.ok()?.body()).ok()?;
            said["value"].as_bool()
        };
        asked.await.unwrap_or_else(by_name)
    }

    /// Journals and forwards a command when it is its turn. In an explored test, a command that came too early is repeated
    /// as long as something can still happen. Returns the command's id and the response.
    async fn in_turn(&self, request: Request<Bytes>, says: &str) -> (u64, Response<Bytes>) {
        let turns = &self.turns;
        let kind = command::kind(request.method().as_str(), request.uri().path());
        let mut turn = turns.ask(kind, says, false).await;
        let id = self.begin(says.to_owned());
        if !turns.are_conducted() {
            let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
            return (id, self.watched(request, says, (&method, &path)).await);
        }
        loop {
            if let Some(response) = self.tried(&request).await {
                return (id, response);
            }
            drop(turn);
            turn = turns.ask(kind, says, true).await;
            if turn.is_none() {
                // The driver reports what is wrong.
                return (id, self.by_driver(&request).await);
            }
        }
    }

    /// Forwards a command, and fails it on a deadlock. `says` and `method_path` describe it in the explanation.
    pub(super) async fn watched(
        &self,
        request: Request<Bytes>,
        says: &str,
        method_path: (&str, &str),
    ) -> Response<Bytes> {
        let can_wait = command::kind(request.method().as_str(), request.uri().path()) != Kind::Session;
        tokio::select! {
            response = self.sent(request) => response,
            deadlock = deadlock::detected(&self.journal, says, method_path), if can_wait => unknown_error(&deadlock),
        }
    }

    /// Carries out a command; returns `None` if it came too early.
    async fn tried(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let response = match self.by_actions(request).await {
            ByActions::Done(response) => response,
            // The element that matches now may be ready.
            ByActions::NotYet => self.sent(self.found_again(request).await?).await,
            ByActions::Never => self.by_driver(request).await,
        };
        (!is_early(&response)).then_some(response)
    }

    /// Has the driver carry out a command; if the element has gone, for the one that matches now, as a user would.
    async fn by_driver(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let response = self.sent(request.clone()).await;
        if !is_early(&response) {
            return response;
        }
        match self.found_again(request).await {
            Some(again) => self.sent(again).await,
            None => response,
        }
    }

    /// Carries out a command by actions, which is faster than the driver, if possible.
    async fn by_actions(&self, request: &Request<Bytes>) -> ByActions {
        let said: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let input = Input::of(request.method().as_str(), request.uri().path(), &said);
        let Some(input) = input else { return ByActions::Never };
        let post = |command: &str, body: &Value| {
            let request = Request::post(format!("{}/{command}", input.session)).body(Bytes::from(body.to_string()));
            async move { self.send(request.ok()?).await.ok() }
        };
        // If the driver does not respond, the next attempt reports it.
        let Some(looked) = post("execute/sync", &input.look).await else { return ByActions::Never };
        if !looked.status().is_success() {
            return ByActions::failed(looked);
        }
        let looked: Value = serde_json::from_slice(looked.body()).unwrap_or_default();
        match (&looked["value"], post("actions", &input.actions)) {
            (Value::Bool(false), _) => ByActions::NotYet,
            (Value::Bool(true), acting) => match acting.await {
                Some(acted) if acted.status().is_success() => ByActions::Done(acted),
                Some(failed) => ByActions::failed(failed),
                None => ByActions::Never,
            },
            _ => ByActions::Never,
        }
    }

    /// Returns the same command for the element that its locator finds now, if that is another one.
    async fn found_again(&self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        let path = request.uri().path();
        let old = command::element_of(path)?;
        let locator = lock(&self.elements).get(old).filter(|locator| locator.in_whole_page).cloned()?;
        let session = path.split("/element/").next()?;
        let said = json!({ "using": locator.using, "value": locator.value }).to_string();
        let find = Request::post(format!("{session}/element")).body(Bytes::from(said)).ok()?;
        let found: Value = serde_json::from_slice(self.send(find).await.ok()?.body()).ok()?;
        let new = command::found(&found).filter(|new| *new != old)?;
        lock(&self.elements).insert(new.to_owned(), locator);
        let mut again = request.clone();
        *again.uri_mut() = path.replace(old, new).parse().ok()?;
        Some(again)
    }

    /// Forwards a command regardless of turns; a failure becomes a WebDriver error response.
    async fn sent(&self, request: Request<Bytes>) -> Response<Bytes> {
        let context = self.context.as_ref().filter(|context| context.is_about(request.uri().path()));
        let sent = match context {
            Some(context) => context.carry_out(request, |request| self.send(request)).await,
            None => self.send(request).await,
        };
        sent.unwrap_or_else(|why| unknown_error(&why))
    }

    /// Forwards a command regardless of turns.
    pub(super) async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        match self.has_ended() {
            true => Err(ENDED.to_owned()),
            false => self.forward(request).await,
        }
    }

    /// Forwards a command, even if the test has ended.
    pub(super) async fn forward(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = format!("{}{path}", self.driver.url);
        let (mut parts, body) = request.into_parts();
        parts.uri = uri.parse().map_err(|error| format!("{uri} is not a URL: {error}"))?;
        // The driver accepts only loopback names, and the client sets the one in the driver's URL.
        parts.headers.remove(header::HOST);
        let response = self.client.request(Request::from_parts(parts, Full::new(body))).await;
        let (parts, body) = match response {
            Ok(response) => response.into_parts(),
            Err(error) => return Err(self.lost(&error).await),
        };
        match body.collect().await {
            Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
            Err(error) => Err(self.lost(&error).await),
        }
    }

    pub(super) fn driver_url(&self) -> &str {
        &self.driver.url
    }

    /// Returns why the driver does not respond.
    pub(super) async fn lost(&self, error: &(impl std::fmt::Display + Sync)) -> String {
        let death = self.driver.expected_death().await;
        let log = log_tail(&self.driver.log());
        match death {
            Some(death) => format!("{death}; the next test gets a new one{log}"),
            None => format!("the driver at {} does not answer: {error}{log}", self.driver.url),
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one assignment, so a panic leaves the state valid.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
