//! An HTTP server on a free port: plain or TLS, HTTP/1 or HTTP/2, with the routes that the tests need.

use bytes::Bytes;
use holdup::{Fixture, Setup, TestResult};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

pub type Body = BoxBody<Bytes, Infallible>;

/// An HTTP server. As a fixture it is `origin.test`, plain HTTP.
#[derive(Clone)]
pub struct Origin {
    pub address: SocketAddr,
    pub state: Arc<State>,
}

#[derive(Default)]
pub struct State {
    /// `METHOD path?query` of all requests, in the order of arrival.
    seen: Mutex<Vec<String>>,
    /// Number of requests without a response head so far.
    pub open: watch::Sender<usize>,
    pub connections: watch::Sender<usize>,
}

impl State {
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Fixture for Origin {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let origin = Self::plain().await;
        cx.mitm().host("origin.test", origin.address);
        Ok(origin)
    }
}

impl Origin {
    pub async fn plain() -> Self {
        Self::start(None).await
    }

    /// Starts a TLS server with a new certificate for `name`, which is returned as PEM.
    pub async fn tls(name: &str, alpn: &[&str]) -> (Self, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        let pem = certificate.pem();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        (Self::start(Some(TlsAcceptor::from(Arc::new(config)))).await, pem)
    }

    async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&origin.state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                state.connections.send_modify(|n| *n += 1);
                tokio::spawn(serve(stream, tls.clone(), Arc::clone(&state)));
            }
        });
        origin
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    let mut server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    server.http2().max_concurrent_streams(20_000);
    // Errors are expected here: clients may leave.
    let _ = match tls {
        None => {
            server
                .http1()
                .preserve_header_case(true)
                .serve_connection_with_upgrades(TokioIo::new(stream), service)
                .await
        }
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
            Err(_) => return,
        },
    };
}

/// Counts a request as open until its response head is ready, or its client has gone.
struct Open(Arc<State>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|n| *n -= 1);
    }
}

async fn answer(mut request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, Infallible> {
    let query = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    state.seen.lock().unwrap().push(format!("{} {query}", request.method()));
    state.open.send_modify(|n| *n += 1);
    let _open = Open(Arc::clone(&state));
    let param = request.uri().query().unwrap_or_default().to_owned();
    let mut response = match request.uri().path() {
        "/never" => std::future::pending().await,
        "/echo" => echo(request).await,
        "/text" => coded(b"the cat and the dog", &param),
        "/bytes" => Response::new(zeros(param.parse().unwrap())),
        "/events" => {
            let mut response = Response::new(full("data: one\n\n"));
            response.headers_mut().insert("content-type", "text/event-stream".parse().unwrap());
            response
        }
        "/trailers" => {
            let mut trailers = http::HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            trailers.insert("digest", "sha-256=old".parse().unwrap());
            let frames = [Ok(Frame::data(Bytes::from("the cat"))), Ok(Frame::trailers(trailers))];
            let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed());
            response.headers_mut().insert("trailer", "grpc-status, digest".parse().unwrap());
            response
        }
        "/count" => Response::new(full(count(request).await.to_string())),
        "/upgrade" => upgrade(&mut request),
        "/cached" => cached(&request),
        path => Response::new(full(format!("this is {path}"))),
    };
    if let Some(status) = param.strip_prefix("status=") {
        *response.status_mut() = StatusCode::from_bytes(status.as_bytes()).unwrap();
    }
    Ok(response)
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// Responds with the request as received: headers in their order, with their case.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut text = format!("{} {} {:?}\n", parts.method, parts.uri, parts.version);
    for (name, value) in &parts.headers {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    let body = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    let trailing = String::from_utf8_lossy(&body).into_owned();
    Response::new(full(format!("{text}\n{trailing}")))
}

async fn count(request: Request<Incoming>) -> usize {
    let mut body = request.into_body();
    let mut count = 0;
    while let Some(Ok(frame)) = body.frame().await {
        count += frame.data_ref().map_or(0, Bytes::len);
    }
    count
}

/// A text with a content-encoding.
fn coded(text: &[u8], coding: &str) -> Response<Body> {
    let body = match coding {
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        "deflate" => {
            let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(text).unwrap();
            out.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            brotli::BrotliCompress(&mut &text[..], &mut out, &brotli::enc::BrotliEncoderParams::default()).unwrap();
            out
        }
        "zstd" => ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest),
        _ => text.to_vec(),
    };
    let mut response = Response::new(full(body));
    response.headers_mut().insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    response.headers_mut().insert("etag", "\"1\"".parse().unwrap());
    if !coding.is_empty() {
        response.headers_mut().insert("content-encoding", coding.parse().unwrap());
    }
    response
}

/// Responds with 304 to a conditional request.
fn cached(request: &Request<Incoming>) -> Response<Body> {
    let known = request.headers().contains_key("if-none-match");
    let mut response = Response::new(full(if known { "" } else { "old" }));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert("etag", "\"old\"".parse().unwrap());
    response.headers_mut().insert("cache-control", "max-age=3600".parse().unwrap());
    response
}

fn zeros(count: usize) -> Body {
    const CHUNK: usize = 64 * 1024;
    let chunk = Bytes::from(vec![0; CHUNK]);
    let frames = (0..count.div_ceil(CHUNK)).map(move |i| Ok(Frame::data(chunk.slice(..CHUNK.min(count - i * CHUNK)))));
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}

/// Switches to a protocol that echoes bytes.
fn upgrade(request: &mut Request<Incoming>) -> Response<Body> {
    let upgraded = hyper::upgrade::on(request);
    tokio::spawn(async move {
        let mut io = TokioIo::new(upgraded.await.unwrap());
        let (mut read, mut write) = tokio::io::split(&mut io);
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", "upgrade".parse().unwrap());
    response.headers_mut().insert("upgrade", "echo".parse().unwrap());
    response
}
