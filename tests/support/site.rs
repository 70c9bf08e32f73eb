//! A site that serves pages set by a test: `https://site.test`.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use holdup::{Fixture, Setup, TestResult};
use http_body_util::Full;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;

pub struct Site {
    pub address: SocketAddr,
    pages: Pages,
}

/// The headers and the body at each path.
type Pages = Arc<Mutex<BTreeMap<String, Page>>>;
type Page = (Vec<(String, String)>, String);

impl Site {
    /// Sets the page at a path. Every other path responds with its own name.
    pub fn page(&self, path: &str, html: &str) {
        self.page_with(path, &[], html);
    }

    /// Like [`Site::page`], with headers.
    pub fn page_with(&self, path: &str, headers: &[(&str, &str)], html: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.pages.lock().unwrap().insert(path.to_owned(), (headers, html_of(path, html)));
    }
}

impl Fixture for Site {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        cx.mitm().host("site.test", address);
        cx.mitm().host("other.test", address);
        let pages = Pages::default();
        let served = Arc::clone(&pages);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                let service = hyper::service::service_fn(move |mut request: Request<_>| {
                    let page = answer(&mut request, &served.lock().unwrap());
                    async { page }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service).with_upgrades());
            }
        });
        Ok(Self { address, pages })
    }
}

fn html_of(path: &str, text: &str) -> String {
    if path.contains('.') { text.to_owned() } else { format!("<!doctype html>{text}") }
}

fn answer(
    request: &mut Request<hyper::body::Incoming>,
    pages: &BTreeMap<String, Page>,
) -> http::Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    match path {
        "/socket" => return web_socket(request),
        "/redirect" => {
            return Response::builder().status(302).header("location", "/redirected").body(Full::default());
        }
        "/nothing" => return Response::builder().status(204).body(Full::default()),
        "/events" => {
            let events = Response::builder().header("content-type", "text/event-stream");
            return events.body(Full::from("data: one\n\ndata: two\n\n"));
        }
        _ => {}
    }
    let kind = match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript",
        Some((_, "css")) => "text/css",
        _ => "text/html; charset=utf-8",
    };
    let (headers, html) = pages.get(path).cloned().unwrap_or_else(|| (vec![], format!("this is {path}")));
    let answer = Response::builder().header("content-type", kind);
    let answer = answer.header("access-control-allow-origin", "*").header("access-control-allow-headers", "*");
    let answer = headers.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value));
    answer.body(Full::from(html))
}

/// Completes the handshake (RFC 6455, section 4.2.2), and sends `hi` in one text frame.
fn web_socket(request: &mut Request<hyper::body::Incoming>) -> http::Result<Response<Full<Bytes>>> {
    const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let key = [request.headers()["sec-websocket-key"].as_bytes(), MAGIC].concat();
    let accept = BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &key));
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        io.write_all(b"\x81\x02hi").await.unwrap();
        // Reads until the browser closes.
        let _ = tokio::io::copy(&mut io, &mut tokio::io::sink()).await;
    });
    let answer = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "websocket");
    answer.header("sec-websocket-accept", accept).body(Full::default())
}
