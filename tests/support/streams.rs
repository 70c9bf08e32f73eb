//! A server whose streams the test controls: WebSockets at `/socket`, bodies at any other path.

use crate::support::origin::Body;
use crate::support::raw;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use holdup::{Fixture, Mitm, Setup, TestResult};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

pub use tokio_tungstenite::tungstenite::Message;

type ServerSocket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// A server of streams. As a fixture it is `origin.test`, plain HTTP.
#[derive(Clone)]
pub struct Streams {
    pub address: SocketAddr,
    sockets: Arc<Mutex<mpsc::UnboundedReceiver<ServerSocket>>>,
    bodies: Arc<Mutex<mpsc::UnboundedReceiver<Speaker>>>,
}

/// Sends the parts of a response body; dropping it ends the body.
pub struct Speaker {
    pub request: http::request::Parts,
    says: mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>,
}

impl Speaker {
    pub fn say(&self, text: impl Into<Bytes>) {
        // The client may have gone.
        let _ = self.says.send(Ok(Frame::data(text.into())));
    }

    /// Resolves when the response body is dropped.
    pub async fn unheard(&self) {
        self.says.closed().await;
    }
}

impl Fixture for Streams {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let streams = Self::start().await;
        cx.mitm().host("origin.test", streams.address);
        Ok(streams)
    }
}

impl Streams {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (socket, sockets) = mpsc::unbounded_channel();
        let (body, bodies) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (socket, body) = (socket.clone(), body.clone());
                let service = service_fn(move |request| answer(request, socket.clone(), body.clone()));
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, sockets: Arc::new(Mutex::new(sockets)), bodies: Arc::new(Mutex::new(bodies)) }
    }

    /// Waits for the next WebSocket, and returns the server's end.
    pub async fn socket(&self) -> ServerSocket {
        self.sockets.lock().await.recv().await.unwrap()
    }

    /// Waits for the next body, and returns the server's end.
    pub async fn body(&self) -> Speaker {
        self.bodies.lock().await.recv().await.unwrap()
    }

    /// Opens a WebSocket through the proxy, and returns the client's and the server's end.
    pub async fn pair(&self, mitm: &Mitm) -> (WebSocketStream<TcpStream>, ServerSocket) {
        let client = client(mitm, "origin.test").await;
        (client, self.socket().await)
    }
}

/// Opens a WebSocket to `host` through the proxy.
pub async fn client(mitm: &Mitm, host: &str) -> WebSocketStream<TcpStream> {
    let mut tcp = raw::connect(mitm).await;
    let connect = format!("CONNECT {host}:80 HTTP/1.1\r\nhost: {host}:80\r\n\r\n");
    let said = raw::ask(&mut tcp, connect.as_bytes(), "\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    tokio_tungstenite::client_async(format!("ws://{host}/socket"), tcp).await.unwrap().0
}

async fn answer(
    mut request: Request<Incoming>,
    sockets: mpsc::UnboundedSender<ServerSocket>,
    bodies: mpsc::UnboundedSender<Speaker>,
) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/socket" {
        let accept = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let io = TokioIo::new(upgrade.await.unwrap());
            let _ = sockets.send(WebSocketStream::from_raw_socket(io, Role::Server, None).await);
        });
        let answer = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
        return Ok(answer.header("sec-websocket-accept", accept).body(super::origin::full("")).unwrap());
    }
    let (says, said) = mpsc::unbounded_channel();
    let kind = request.uri().query().unwrap_or("text/event-stream").to_owned();
    let _ = bodies.send(Speaker { request: request.into_parts().0, says });
    let frames = futures_util::stream::unfold(said, |mut said| async move { Some((said.recv().await?, said)) });
    Ok(Response::builder().header("content-type", kind).body(BodyExt::boxed(StreamBody::new(frames))).unwrap())
}

pub async fn say<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>, text: &str) {
    socket.send(Message::text(text)).await.unwrap();
}

/// Returns the text of the next message, or the debug output of anything else.
pub async fn hear<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) -> String {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => text.to_string(),
        other => format!("{other:?}"),
    }
}
