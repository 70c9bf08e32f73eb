//! The relay: a small reverse proxy between the WebDriver client and the driver. It writes the test's commands to the
//! same journal as the page's requests. Any client can connect to it.

mod access;
mod begun;
mod command;
mod deadlock;
mod input;
mod link;
mod response;
mod turns;
mod user_context;
mod uses;

pub(crate) use command::Kind;
pub(crate) use link::ENDED;
pub(crate) use turns::{Turn, Turns};
pub(crate) use user_context::UserContext;

use crate::driver::Driver;
use crate::inspector::{Fault, Protocol};
use crate::journal::{Event, Journal};
use access::Access;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use link::Link;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use turns::Given;
use uses::Uses;

/// Returns the page's URL, and its text if the document is plain text.
const WHAT_IS_SHOWN: &str =
    "return [location.href, document.contentType == 'text/plain' ? document.body.innerText.slice(0, 1000) : '']";

/// A listening relay. Dropping it closes its connections but does not end the driver's session.
#[derive(Debug)]
pub(crate) struct Relay {
    url: String,
    link: Arc<Link>,
    uses: Arc<Uses>,
    _serving: JoinSet<()>,
}

impl Relay {
    /// Listens on a free loopback port.
    pub(crate) async fn start(driver: Arc<Driver>, journal: Arc<Journal>, turns: Turns) -> io::Result<Self> {
        Self::over(Link::new(driver, journal, turns)).await
    }

    /// Starts a relay for another test, which uses the first session that was created here. Its client begins that session
    /// as if it were new. Its windows are those of a user context: new ones are opened there, share what its first window
    /// has, and end with it.
    pub(crate) async fn next(&self, journal: Arc<Journal>, turns: Turns, context: UserContext) -> io::Result<Self> {
        let next = Self::over(self.link.next(journal, turns, context)).await?;
        if self.uses.are_changed() {
            next.uses.note_change();
        }
        Ok(next)
    }

    async fn over(link: Link) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let access = Arc::new(Access::new(listener.local_addr()?)?);
        let (url, link) = (access.url(), Arc::new(link));
        let uses = Arc::<Uses>::default();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, access, Arc::clone(&link), Arc::clone(&uses)));
        Ok(Self { url, link, uses, _serving: serving })
    }

    /// Returns the URL for clients. It contains a token, and requests without that are refused: a client that drives a
    /// browser can read all that it shows, and start programs.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Makes reports show these words in the place of an XPath.
    pub(crate) fn name(&self, xpath: &str, words: &str) {
        self.link.name(xpath, words);
    }

    /// Returns the URL of the driver.
    pub(crate) fn driver_url(&self) -> &str {
        self.link.driver_url()
    }

    /// Runs an operation that is not a WebDriver command, and journals it like one.
    pub(crate) async fn beside<T>(
        &self,
        says: String,
        turn: impl Future<Output = Option<Given>>,
        doing: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, String> {
        let (link, journal) = (&self.link, self.link.journal());
        if link.has_ended() {
            return Err(ENDED.to_owned());
        }
        let _turn = turn.await;
        let id = link.begin(says.clone());
        let done = tokio::select! {
            done = doing => match done {
                Ok(done) => Ok(done),
                Err(Fault::Closed) => Err(link.lost(&Fault::Closed).await),
                Err(Fault::Refused(why)) => Err(why),
            },
            deadlock = deadlock::detected(journal, &says, ("POST", "url")), if !link.turns().are_conducted() => Err(deadlock),
        };
        journal.write(Event::Commanded { id, status: if done.is_ok() { 200 } else { 500 } });
        done
    }

    /// Requests the turn of an action that is not a WebDriver command.
    pub(crate) fn turn(&self, says: &str) -> impl Future<Output = Option<Given>> + Send + use<> {
        self.link.turns().ask(Kind::Action, says, false)
    }

    /// Returns the URL of a session's page, and its text if the document is plain text. This is no command of the test;
    /// `says` is the command that it belongs to.
    pub(crate) async fn shown(&self, session: &str, says: &str) -> Result<(String, String), String> {
        let request = command::execute(session, WHAT_IS_SHOWN)?;
        // The page may have navigated to one that the test holds.
        let answer = match self.link.turns().are_conducted() {
            true => self.link.send(request).await?,
            false => self.link.watched(request, says, ("POST", "url")).await,
        };
        let said: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        match (said["value"][0].as_str(), said["value"][1].as_str()) {
            (Some(at), Some(text)) => Ok((at.to_owned(), text.to_owned())),
            _ => Err(said["value"]["message"].as_str().unwrap_or("the page does not say where it is").to_owned()),
        }
    }

    /// Makes a session act in this window; no command of a test.
    pub(crate) async fn switch(&self, session: &str, window: &str) -> Result<(), String> {
        let said = Bytes::from(json!({ "handle": window }).to_string());
        let request = Request::post(format!("/session/{session}/window")).body(said);
        let answer = self.link.send(request.map_err(|error| error.to_string())?).await?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(answer.body()).into_owned()),
        }
    }

    /// Releases the keys and buttons that the test has left pressed.
    pub(crate) async fn release_actions(&self, session: &str) -> bool {
        if !self.uses.have_acted() {
            return true;
        }
        let Ok(request) = Request::delete(format!("/session/{session}/actions")).body(Bytes::new()) else {
            return false;
        };
        self.link.send(request).await.is_ok_and(|answer| answer.status().is_success())
    }

    /// Returns whether another test finds the session as this one did: no command has changed more than the windows of
    /// its test, and none is in progress.
    pub(crate) fn is_unchanged(&self) -> bool {
        !self.uses.are_changed() && !self.is_busy()
    }

    /// Returns whether a command of the session is in progress.
    pub(crate) fn is_busy(&self) -> bool {
        self.uses.are_in_progress()
    }

    /// Counts the session as changed.
    pub(crate) fn note_change(&self) {
        self.uses.note_change();
    }

    /// Refuses all that comes from now on: the session is another test's.
    pub(crate) fn end(&self) {
        self.link.end();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.link.has_ended()
    }

    /// Returns whether anything can still change the pages of a conducted test. Of another test, that is not known.
    pub(crate) async fn is_anything_left(&self) -> bool {
        let turns = self.link.turns();
        !turns.are_conducted() || turns.ask(Kind::Question, "", true).await.is_some()
    }

    /// Returns the window that the test has switched to, if any.
    pub(crate) fn window(&self) -> Option<String> {
        self.link.window()
    }

    /// Returns how a session can be queried beside its commands.
    pub(crate) fn protocol(&self, session: &str) -> Option<Protocol> {
        self.link.protocol(session)
    }

    /// Ends a session, even while its client waits for another command.
    pub(crate) async fn end_session(&self, session: &str) {
        let request = Request::delete(format!("/session/{session}")).body(Bytes::new());
        if let Ok(request) = request {
            // A driver that does not respond has exited, and its browsers with it.
            if self.has_ended() {
                drop(self.link.forward(request).await);
            } else {
                drop(self.link.command(request).await);
            }
        }
    }
}

async fn accept(listener: TcpListener, access: Arc<Access>, link: Arc<Link>, uses: Arc<Uses>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // File descriptors have run out, until a connection ends, here or elsewhere in the process.
            if connections.join_next().await.is_none() {
                tokio::task::yield_now().await;
            }
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (access, link, uses) = (Arc::clone(&access), Arc::clone(&link), Arc::clone(&uses));
        connections.spawn(async move {
            let service = service_fn(|request| relay(&access, &link, &uses, request));
            // A client that disconnects ends only its own connection.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(
    access: &Access,
    link: &Link,
    uses: &Uses,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Err(why) = access.admit(&mut request) {
        return Ok(access::refusal(why).map(Full::new));
    }
    let is_own = link.is_own(request.uri().path());
    let _in_progress = is_own.then(|| uses.begin(request.method().as_str(), request.uri().path()));
    let (parts, body) = request.into_parts();
    match body.collect().await {
        Ok(body) => Ok(link.command(Request::from_parts(parts, body.to_bytes())).await.map(Full::new)),
        Err(error) => Ok(access::refusal(&format!("the command's body broke off: {error}")).map(Full::new)),
    }
}
