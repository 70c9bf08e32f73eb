//! The relay: a small reverse proxy between the WebDriver client and the driver, so that what the test does to the
//! browser stands in the same journal as what the page does on the wire. Any client can be pointed at it.

mod access;
mod command;
mod deadlock;
mod input;
mod link;
mod turns;

pub(crate) use command::Kind;
pub(crate) use turns::{Turn, Turns};

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

/// Where the page is, and its text if it is nothing but text.
const WHAT_IS_SHOWN: &str =
    "return [location.href, document.contentType == 'text/plain' ? document.body.innerText.slice(0, 1000) : '']";

/// A relay that listens. Dropping it cuts its connections; the driver's session is none of its business.
#[derive(Debug)]
pub(crate) struct Relay {
    url: String,
    link: Arc<Link>,
    _serving: JoinSet<()>,
}

impl Relay {
    /// Listens on a free loopback port.
    pub(crate) async fn start(driver: Arc<Driver>, journal: Arc<Journal>, turns: Turns) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let access = Arc::new(Access::new(listener.local_addr()?)?);
        let url = access.url();
        let link = Arc::new(Link::new(driver, journal, turns));
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, access, Arc::clone(&link)));
        Ok(Self { url, link, _serving: serving })
    }

    /// Where clients are pointed at. Who does not know it is not served: whoever drives a browser can read all that it shows,
    /// and start programs.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Where its driver listens.
    pub(crate) fn driver_url(&self) -> &str {
        self.link.driver_url()
    }

    /// Does something that goes another way than by a command, and is journalled like one.
    pub(crate) async fn beside<T>(
        &self,
        says: String,
        turn: impl Future<Output = Option<Given>>,
        doing: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, String> {
        let (link, journal) = (&self.link, self.link.journal());
        let _turn = turn.await;
        let id = link.begin(says.clone());
        let done = tokio::select! {
            done = doing => match done {
                Ok(done) => Ok(done),
                Err(Fault::Closed) => Err(link.lost(&Fault::Closed).await),
                Err(Fault::Refused(why)) => Err(why),
            },
            deadlock = deadlock::detected(&journal, &says, ("POST", "url")), if !link.turns().are_conducted() => Err(deadlock),
        };
        journal.write(Event::Commanded { id, status: if done.is_ok() { 200 } else { 500 } });
        done
    }

    /// Asks for the turn of an action that goes another way than by a command.
    pub(crate) fn turn(&self, says: &str) -> impl Future<Output = Option<Given>> + Send + use<> {
        self.link.turns().ask(Kind::Action, says, false)
    }

    /// Where the page of a session is, and its text if it is nothing but text. It is no command of the test.
    /// `says` is the command that it belongs to.
    pub(crate) async fn shown(&self, session: &str, says: &str) -> Result<(String, String), String> {
        let script = json!({ "script": WHAT_IS_SHOWN, "args": [] }).to_string();
        let request = Request::post(format!("/session/{session}/execute/sync")).body(Bytes::from(script));
        let request = request.map_err(|error| error.to_string())?;
        // The page may have gone on to one that the test holds.
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

    /// Serves another test from now on.
    pub(crate) fn serve(&self, journal: Arc<Journal>, turns: Turns) {
        self.link.serve(journal, turns);
    }

    /// The window that the test has switched to, if it has.
    pub(crate) fn window(&self) -> Option<String> {
        self.link.window()
    }

    /// How a session can be asked beside its commands.
    pub(crate) fn protocol(&self, session: &str) -> Option<Protocol> {
        self.link.protocol(session)
    }

    /// Ends a session, past whatever command its client is waiting for.
    pub(crate) async fn end_session(&self, session: &str) {
        let request = Request::delete(format!("/session/{session}")).body(Bytes::new());
        if let Ok(request) = request {
            // A driver that does not answer is gone, and its browsers with it.
            drop(self.link.command(request).await);
        }
    }
}

async fn accept(listener: TcpListener, access: Arc<Access>, link: Arc<Link>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // A lack of descriptors, which ends when a connection does.
            connections.join_next().await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (access, link) = (Arc::clone(&access), Arc::clone(&link));
        connections.spawn(async move {
            let service = service_fn(|request| relay(&access, &link, request));
            // A client that leaves ends its own connection only.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn relay(
    access: &Access,
    link: &Link,
    mut request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Err(why) = access.admit(&mut request) {
        return Ok(access::refusal(why).map(Full::new));
    }
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Ok(link.command(Request::from_parts(parts, body)).await.map(Full::new))
}
