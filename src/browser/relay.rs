//! The relay: a small reverse proxy between the WebDriver client and the driver, so that what the test does to the
//! browser stands in the same journal as what the page does on the wire. Any client can be pointed at it.

use super::bidi::BidiError;
use super::command::{self, Elements, Kind};
use super::driver::Driver;
use super::error::last_words;
use super::knot;
use super::turns::{Given, Turns};
use crate::journal::{Event, Journal};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A relay that listens. Dropping it cuts its connections; the driver's session is none of its business.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    link: Arc<Link>,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Link {
    driver: Arc<Driver>,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Of the test that has the session now.
    journal: Mutex<Arc<Journal>>,
    turns: Mutex<Turns>,
    /// The next command is our own, and part of what the test has had its turn for.
    own: AtomicBool,
    commands: AtomicU64,
    elements: Mutex<Elements>,
    /// Where each session that was begun here can be asked beside its commands.
    sockets: Mutex<BTreeMap<String, String>>,
    window: Mutex<Option<String>>,
}

impl Relay {
    /// Listens on a free loopback port.
    pub(super) async fn start(driver: Arc<Driver>, journal: Arc<Journal>, turns: Turns) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (commands, elements) = (AtomicU64::new(1), Mutex::default());
        let (sockets, window) = (Mutex::default(), Mutex::default());
        let (journal, turns) = (Mutex::new(journal), Mutex::new(turns));
        let link = Arc::new(Link {
            driver,
            client,
            journal,
            turns,
            own: AtomicBool::new(false),
            commands,
            elements,
            sockets,
            window,
        });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&link)));
        Ok(Self { address, link, _serving: serving })
    }

    /// Does something that goes another way than by a command, and is journalled like one.
    pub(super) async fn beside<T>(
        &self,
        says: String,
        turn: impl Future<Output = Option<Given>>,
        doing: impl Future<Output = Result<T, BidiError>>,
    ) -> Result<T, String> {
        let (link, journal) = (&self.link, self.link.journal());
        let _turn = turn.await;
        let id = link.begin(says.clone());
        let done = tokio::select! {
            done = doing => match done {
                Ok(done) => Ok(done),
                Err(BidiError::Closed) => Err(link.lost(&BidiError::Closed).await),
                Err(BidiError::Refused(why)) => Err(why),
            },
            knot = knot::tied(&journal, &says, ("POST", "url")), if !link.turns().are_conducted() => Err(knot),
        };
        journal.write(Event::Commanded { id, status: if done.is_ok() { 200 } else { 500 } });
        done
    }

    /// Asks for the turn of an action that goes another way than by a command.
    pub(super) fn turn(&self, says: &str) -> impl Future<Output = Option<Given>> + Send + use<> {
        self.link.turns().ask(Kind::Action, says, false)
    }

    /// The next command asks for no turn: it belongs to the one before.
    pub(super) fn next_is_our_own(&self) {
        self.link.own.store(true, Ordering::Relaxed);
    }

    /// Serves another test from now on.
    pub(super) fn serve(&self, journal: Arc<Journal>, turns: Turns) {
        *self.link.journal.lock().unwrap_or_else(PoisonError::into_inner) = journal;
        *self.link.turns.lock().unwrap_or_else(PoisonError::into_inner) = turns;
        self.link.elements().clear();
    }

    /// The window that the test has switched to, if it has.
    pub(super) fn window(&self) -> Option<String> {
        self.link.window.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a session can be asked beside its commands.
    pub(super) fn socket(&self, session: &str) -> Option<String> {
        self.link.sockets().get(session).cloned()
    }

    /// Ends a session, past whatever command its client is waiting for.
    pub(super) async fn end_session(&self, session: &str) {
        let request = Request::delete(format!("/session/{session}")).body(Bytes::new());
        if let Ok(request) = request {
            // A driver that does not answer is gone, and its browsers with it.
            drop(self.link.command(request).await);
        }
    }
}

async fn accept(listener: TcpListener, link: Arc<Link>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A lack of descriptors, which ends when a connection does.
            connections.join_next().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let link = Arc::clone(&link);
        connections.spawn(async move {
            let service = service_fn(|request| relay(&link, request));
            // A client that leaves ends its own connection only.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(link: &Link, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok(link.command(Request::from_parts(parts, body)).await.map(Full::new))
}

impl Link {
    /// Journals a command, hands it on when it is its turn, and journals its answer.
    async fn command(&self, request: Request<Bytes>) -> Response<Bytes> {
        let said: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let says = command::describe(request.method().as_str(), request.uri().path(), &said, &self.elements());
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let (journal, id) = (self.journal(), self.begin(says.clone()));
        let is_post_to = |end: &str| method == "POST" && path.ends_with(end);
        let response = self.in_turn(request, &says).await;
        if is_post_to("/element")
            && let Ok(found) = serde_json::from_slice(response.body())
        {
            command::remember(&path, &said, &found, &mut self.elements());
        }
        if response.status().is_success() && is_post_to("/window") {
            *self.window.lock().unwrap_or_else(PoisonError::into_inner) = said["handle"].as_str().map(str::to_owned);
        }
        if is_post_to("/session")
            && let Some((session, socket)) = command::begun(response.body())
        {
            self.sockets().insert(session, socket);
        }
        journal.write(Event::Commanded { id, status: response.status().as_u16() });
        response
    }

    /// Hands a command on when it is its turn: in a conducted test again, if it came too early, as long as something can
    /// still happen.
    async fn in_turn(&self, request: Request<Bytes>, says: &str) -> Response<Bytes> {
        let turns = self.turns();
        let kind = match self.own.swap(false, Ordering::Relaxed) {
            true => Kind::Session,
            false => command::kind(request.method().as_str(), request.uri().path()),
        };
        let mut turn = turns.ask(kind, says, false).await;
        loop {
            let mut response = self.watched(request.clone(), says).await;
            if !turns.are_conducted() || !is_early(&response) {
                return response;
            }
            // What stands there now is what a user would take.
            if let Some(request) = self.found_again(&request).await {
                response = self.watched(request, says).await;
            }
            drop(turn);
            if !is_early(&response) {
                return response;
            }
            turn = turns.ask(kind, says, true).await;
            if turn.is_none() {
                return response;
            }
        }
    }

    /// Hands a command on, and sees when it waits in vain.
    async fn watched(&self, request: Request<Bytes>, says: &str) -> Response<Bytes> {
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let can_wait = command::kind(&method, &path) != Kind::Session && !self.turns().are_conducted();
        let journal = self.journal();
        tokio::select! {
            response = self.send(request) => response.unwrap_or_else(|why| unknown_error(&why)),
            knot = knot::tied(&journal, says, (&method, &path)), if can_wait => unknown_error(&knot),
        }
    }

    /// The same command for what stands now where its element was found.
    async fn found_again(&self, request: &Request<Bytes>) -> Option<Request<Bytes>> {
        let path = request.uri().path();
        let old = command::element_of(path)?;
        let locator = self.elements().get(old).filter(|locator| locator.in_whole_page).cloned()?;
        let session = path.split("/element/").next()?;
        let said = json!({ "using": locator.using, "value": locator.value }).to_string();
        let find = Request::post(format!("{session}/element")).body(Bytes::from(said)).ok()?;
        let found: Value = serde_json::from_slice(self.send(find).await.ok()?.body()).ok()?;
        let new = command::found(&found)?;
        self.elements().insert(new.to_owned(), locator);
        let mut again = request.clone();
        *again.uri_mut() = path.replace(old, new).parse().ok()?;
        Some(again)
    }

    fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn turns(&self) -> Turns {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self, says: String) -> u64 {
        let id = self.commands.fetch_add(1, Ordering::Relaxed);
        self.journal().write(Event::Command { id, says });
        id
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = format!("{}{path}", self.driver.url);
        let (mut parts, body) = request.into_parts();
        parts.uri = uri.parse().map_err(|error| format!("{uri} is no URL: {error}"))?;
        // The driver believes only in loopback names, and this is the one it is reached by.
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

    /// Why the driver does not answer.
    async fn lost(&self, error: &(impl std::fmt::Display + Sync)) -> String {
        let death = self.driver.expected_death().await;
        let log = last_words(&self.driver.log());
        match death {
            Some(death) => format!("{death}; the next test gets a new one{log}"),
            None => format!("the driver at {} does not answer: {error}{log}", self.driver.url),
        }
    }

    fn sockets(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn elements(&self) -> std::sync::MutexGuard<'_, Elements> {
        self.elements.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a command came before the page was ready for it.
fn is_early(response: &Response<Bytes>) -> bool {
    !response.status().is_success()
        && serde_json::from_slice(response.body()).is_ok_and(|said| command::is_early(&said))
}

/// An error as a WebDriver client understands it.
fn unknown_error(message: &str) -> Response<Bytes> {
    let body = json!({"value": {"error": "unknown error", "message": message, "stacktrace": ""}}).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
