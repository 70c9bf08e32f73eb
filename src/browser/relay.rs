//! The relay: a small reverse proxy between the WebDriver client and the driver, so that what the test does to the
//! browser stands in the same journal as what the page does on the wire. Any client can be pointed at it.

use super::command::{self, Elements};
use super::driver::Driver;
use super::error::last_words;
use crate::journal::{Event, Journal};
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// A relay that listens. Dropping it cuts its connections; the driver's session is none of its business.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    link: Arc<Link>,
    runtime: Handle,
    _serving: JoinSet<()>,
}

#[derive(Debug)]
struct Link {
    driver: Arc<Driver>,
    client: Client<HttpConnector, Full<Bytes>>,
    journal: Arc<Journal>,
    commands: AtomicU64,
    elements: Mutex<Elements>,
    /// Where each session that was begun here can be asked beside its commands.
    sockets: Mutex<BTreeMap<String, String>>,
}

impl Relay {
    /// Listens on a free loopback port.
    pub(super) async fn start(driver: Arc<Driver>, journal: Arc<Journal>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let (commands, elements, sockets) = (AtomicU64::new(1), Mutex::default(), Mutex::default());
        let link = Arc::new(Link { driver, client, journal, commands, elements, sockets });
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, Arc::clone(&link)));
        Ok(Self { address, link, runtime: Handle::current(), _serving: serving })
    }

    /// Sends a navigation to the driver past its client, which would wait for the answer.
    pub(super) fn begin_navigation(&self, session: &str, url: &str) {
        let body = Bytes::from(json!({ "url": url }).to_string());
        let request = Request::post(format!("/session/{session}/url"));
        if let Ok(request) = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(body) {
            let link = Arc::clone(&self.link);
            self.runtime.spawn(async move { drop(link.command(request).await) });
        }
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
    /// Journals a command, hands it on, and journals its answer.
    async fn command(&self, request: Request<Bytes>) -> Response<Bytes> {
        let id = self.commands.fetch_add(1, Ordering::Relaxed);
        let said: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let says = command::describe(request.method().as_str(), request.uri().path(), &said, &self.elements());
        self.journal.write(Event::Command { id, says });
        let is_post_to = |end: &str| request.method() == Method::POST && request.uri().path().ends_with(end);
        let (is_find, begins) = (is_post_to("/element"), is_post_to("/session"));
        let response = match self.send(request).await {
            Ok(response) => response,
            Err(why) => unknown_error(&why),
        };
        if is_find && let Ok(found) = serde_json::from_slice(response.body()) {
            command::remember(&said, &found, &mut self.elements());
        }
        if begins && let Some((session, socket)) = command::begun(response.body()) {
            self.sockets().insert(session, socket);
        }
        self.journal.write(Event::Commanded { id, status: response.status().as_u16() });
        response
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = format!("{}{path}", self.driver.url);
        let (mut parts, body) = request.into_parts();
        parts.uri = uri.parse().map_err(|error| format!("{uri} is no URL: {error}"))?;
        // The driver believes only in loopback names, and this is the one it is reached by.
        parts.headers.remove(header::HOST);
        let response = self.client.request(Request::from_parts(parts, Full::new(body))).await;
        let response = response.map_err(|error| self.lost(&error))?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| self.lost(&error))?.to_bytes();
        Ok(Response::from_parts(parts, body))
    }

    /// Why the driver does not answer.
    fn lost(&self, error: &dyn std::error::Error) -> String {
        let log = last_words(&self.driver.log());
        match self.driver.death() {
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

/// An error as a WebDriver client understands it.
fn unknown_error(message: &str) -> Response<Bytes> {
    let body = json!({"value": {"error": "unknown error", "message": message, "stacktrace": ""}}).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
