//! The server of one case: its page, the files of its packages, and its scripted responses.

use super::cases::{ALL, Answer, Case};
use crate::support::origin::Body;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use holdup::{Fixture, Setup, TestResult};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// The server of a case as `https://zoo.test`: side 0 has the bug.
pub struct Zoo<const CASE: usize, const SIDE: usize>(pub &'static Case);

#[derive(Clone)]
struct Served {
    case: &'static Case,
    side: usize,
    /// Number of requests so far, by method and URL.
    counts: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl<const CASE: usize, const SIDE: usize> Fixture for Zoo<CASE, SIDE> {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let served = Served { case: ALL[CASE], side: SIDE, counts: Arc::default() };
        assert!(served.folder().exists(), "the packages of the zoo are not here: `cargo xtask zoo` fetches them");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("zoo.test", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = served.clone();
                let service = service_fn(move |request| {
                    let answer = served.answer(request);
                    async { Ok::<_, Infallible>(answer) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service).with_upgrades());
            }
        });
        Ok(Self(ALL[CASE]))
    }
}

impl Served {
    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("target/zoo").join(self.case.folder(self.side))
    }

    fn answer(&self, mut request: Request<Incoming>) -> Response<Body> {
        if let Some(key) = request.headers().get("sec-websocket-key") {
            let accept = derive_accept_key(key.as_bytes());
            tokio::spawn(talk(hyper::upgrade::on(&mut request), self.case.reply));
            let answer = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
            return answer.header("sec-websocket-accept", accept).body(whole("")).unwrap();
        }
        let url = request.uri().path_and_query().unwrap().to_string();
        if let Some((kind, body)) = self.file(request.uri().path()) {
            return Response::builder().header("content-type", kind).body(whole(body)).unwrap();
        }
        let nth = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(format!("{} {url}", request.method())).or_default();
            *count += 1;
            *count
        };
        let Some(Answer { kind, headers, body }) = (self.case.serve)(request.method().as_str(), &url, nth) else {
            return Response::builder().status(404).body(whole("there is no such thing")).unwrap();
        };
        let mut answer = Response::builder().header("content-type", kind);
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        answer.body(if kind == "text/event-stream" { endless(body) } else { whole(body) }).unwrap()
    }

    /// The page and its files.
    fn file(&self, path: &str) -> Option<(&'static str, Bytes)> {
        if path == "/" {
            return Some(("text/html", format!("<!doctype html><meta charset=utf-8>{}", self.case.page).into()));
        }
        let of_package = self.case.files.iter().find(|(at, _)| *at == path).map(|(_, files)| files[self.side]);
        let file = match of_package {
            Some(file) => self.folder().join("node_modules").join(file),
            None if path == "/bundle.js" => self.folder().join("bundle.js"),
            None => return None,
        };
        Some(("text/javascript", std::fs::read(file).unwrap().into()))
    }
}

fn whole(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).boxed()
}

/// A body that sends a text, and never ends.
fn endless(body: String) -> Body {
    let first = futures_util::stream::once(async { Ok(Frame::data(body.into())) });
    BodyExt::boxed(StreamBody::new(first.chain(futures_util::stream::pending())))
}

async fn talk(upgrade: hyper::upgrade::OnUpgrade, reply: fn(&str) -> Vec<String>) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        for text in message.to_text().map(reply).unwrap_or_default() {
            // The page may have gone.
            let _ = socket.send(text.into()).await;
        }
    }
}
