//! Sends recorded requests again.

use super::Mitm;
use crate::flow::{Content, Exchange, FlowId, Place, Request, Response, StageName, coding};
use crate::journal::{Event, Journal};
use crate::report::Failure;
use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{self, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long the flow whose request is sent again may take to end.
const ENDED: Duration = Duration::from_secs(5);
/// The most bytes that the body of a response is decoded to.
const DECODED: usize = 64 * 1024 * 1024;

/// A request that is sent again: see [`Mitm::resend`]. Awaiting it sends it.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent until it is awaited"]
pub struct Resend {
    mitm: Mitm,
    of: FlowId,
    request: Result<Request, String>,
    place: Place,
}

impl Mitm {
    /// Sends the request of a flow again, to the same server, with the same headers and body.
    ///
    /// It is a new flow of this proxy: rules act on it, and the journal has it. [`Resend::edit`] changes it before;
    /// [`resend_all`](Self::resend_all) sends several at once.
    ///
    /// ```
    /// # use holdup::prelude::*;
    /// # async fn example(mitm: Mitm) -> TestResult {
    /// let save = mitm.exchanges().into_iter().find(|flow| flow.request.path() == "/save").expect("it was saved");
    /// let again = mitm.resend(&save).edit(|request| request.set_body("{\"id\": 8}")).await?;
    /// assert_eq!(again.status(), 409);
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn resend(&self, exchange: &Exchange) -> Resend {
        Resend { mitm: self.clone(), of: exchange.id, request: head(exchange), place: Place::here() }
    }

    /// Sends several requests again, and returns their responses in the same order.
    ///
    /// Each is sent as soon as the one before has left for its server, and none waits for a response: so they are under way
    /// at the same time, and are sent in this order. (Each has its own connection: a server may see them in another.) One
    /// that a rule parks at its request lets the next wait; one that gets its response from a rule does not leave, and the
    /// next follows when it has ended.
    ///
    /// # Errors
    /// As awaiting a [`Resend`]; the others may have been sent.
    pub async fn resend_all(&self, all: impl IntoIterator<Item = Resend>) -> Result<Vec<Response>, Failure> {
        // Dropping it closes the connections.
        let (mut tasks, mut responses) = (JoinSet::new(), Vec::new());
        for resend in all {
            let from = self.log().since(u64::MAX).1;
            let sending = resend.start().await?;
            let (client, response) = (sending.client, sending.response.shared());
            tasks.spawn(response.clone());
            tokio::select! {
                () = left(self.log(), client, from) => {}
                // Not every request becomes a flow.
                _ = response.clone() => {}
            }
            responses.push(response);
        }
        futures_util::future::try_join_all(responses).await
    }
}

impl Resend {
    /// Changes the request before it is sent.
    pub fn edit(mut self, change: impl FnOnce(&mut Request)) -> Self {
        if let Ok(request) = &mut self.request {
            change(request);
        }
        self
    }

    async fn start(self) -> Result<Sending, Failure> {
        let Self { mitm, of, request, place } = self;
        let failed = move |why: String| Failure::bare(format!("the request could not be sent again: {why}")).at(place);
        let mut request = request.map_err(failed)?;
        let is_bare = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let said = request.header("content-length").and_then(|length| length.parse().ok());
        if request.body().is_none() && !(is_bare && said.is_none()) {
            let is_past = request.client.is_none();
            request.content = Content::Read(body(mitm.log(), of, said, is_past).await.map_err(failed)?);
        }
        let url = request.url();
        let wire = on_the_wire(&mitm, request).map_err(|error| failed(error.to_string()))?;
        let connect = async {
            let tcp = TcpStream::connect(mitm.address()).await?;
            let client = tcp.local_addr()?;
            let (sender, connection) = http1::handshake(TokioIo::new(tcp)).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((client, sender, connection))
        };
        let (client, mut sender, connection) = connect.await.map_err(|error| failed(error.to_string()))?;
        let response = Box::pin(async move {
            let asking = async {
                let response = sender.send_request(wire).await?;
                let (head, body) = response.into_parts();
                Ok::<_, hyper::Error>((head, body.collect().await?.to_bytes()))
            };
            // The connection ends after the response.
            let (answer, _) = tokio::join!(asking, connection);
            let (head, body) = answer.map_err(|error| failed(format!("no response came to {url}: {error}")))?;
            let content = Content::Read(coding::decode(&head.headers, body.clone(), DECODED).unwrap_or(body));
            Ok(Response { status: head.status, version: head.version, headers: head.headers, content, elapsed: None })
        });
        Ok(Sending { client, response })
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, Failure>> + Send>>;

/// Resolves to the response, whatever its status, with its whole body.
///
/// Dropping the future closes the connection.
///
/// # Errors
/// When the proxy no longer has the request's body (see [`Mitm::keep_bodies`]), when it opened a WebSocket, or when no
/// response comes.
impl IntoFuture for Resend {
    type Output = Result<Response, Failure>;
    type IntoFuture = Answer;

    fn into_future(self) -> Answer {
        Box::pin(async move { self.start().await?.response.await })
    }
}

/// A request that is sent when its response is polled.
struct Sending {
    client: SocketAddr,
    response: Answer,
}

/// Returns the request of an exchange, or why it cannot be sent again. Its body follows unless it was read, or is edited.
fn head(exchange: &Exchange) -> Result<Request, String> {
    let mut request = Request::clone(&exchange.request);
    let has_switched = exchange.response.as_ref().is_some_and(|response| response.status().as_u16() == 101);
    if has_switched || request.header("sec-websocket-key").is_some() {
        return Err(format!("{} opened a WebSocket", exchange.id));
    }
    if request.body().is_some() {
        // It was read, and so decoded.
        request.headers.remove(header::CONTENT_ENCODING);
    }
    Ok(request)
}

/// Returns the body of a request, which is known when its flow has ended. `is_past`: the flow was loaded from a recording, and
/// the journal has its body, even an empty one, unless the recording was cut there.
async fn body(journal: &Journal, id: FlowId, said: Option<u64>, is_past: bool) -> Result<Bytes, String> {
    let mut kept = None;
    let reading = journal.until(0, |event| match event {
        Event::Body { flow, stage: StageName::Request, start, size } if *flow == id => {
            kept = Some((start.clone(), *size));
            None
        }
        Event::Ended { flow, .. } if *flow == id => Some(kept.take()),
        _ => None,
    });
    let Ok(kept) = tokio::time::timeout(ENDED, reading).await else {
        return Err(format!("{id} is under way, and its body is known when it has ended: set it with `edit`"));
    };
    if kept.is_none() && is_past {
        return Err(format!("the recording has no whole body of {id}: set it with `edit`"));
    }
    let (start, size) = kept.unwrap_or_default();
    let size = size.max(said.unwrap_or(0));
    if (start.len() as u64) < size {
        let kept = start.len();
        return Err(format!(
            "of the body of {id}, {kept} of {size} bytes were kept: `mitm.keep_bodies(each, all)` keeps more"
        ));
    }
    Ok(start)
}

/// Returns the request as a client of a proxy sends it.
fn on_the_wire(mitm: &Mitm, request: Request) -> http::Result<hyper::Request<Full<Bytes>>> {
    let body = request.body().cloned().unwrap_or_default();
    let is_edited = matches!(request.content, Content::Edited(_));
    let mut wire = hyper::Request::builder().method(request.method.clone()).uri(request.url()).body(Full::new(body))?;
    *wire.headers_mut() = request.headers;
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT] {
        wire.headers_mut().remove(name);
    }
    if is_edited {
        wire.headers_mut().remove(header::CONTENT_ENCODING);
    }
    wire.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    if let Some(credential) = mitm.0.proxy.credential() {
        wire.headers_mut().insert(header::PROXY_AUTHORIZATION, HeaderValue::try_from(credential.header())?);
    }
    Ok(wire)
}

/// Resolves when the flow of a client has left for its server, or has ended.
async fn left(journal: &Journal, client: SocketAddr, from: u64) {
    let mut id = None;
    let has_left = |event: &Event| match event {
        Event::Began { flow, request } if request.client == Some(client) => {
            id = Some(*flow);
            None
        }
        Event::Sent { flow } | Event::Ended { flow, .. } => (Some(*flow) == id).then_some(()),
        _ => None,
    };
    journal.until(from, has_left).await;
}
