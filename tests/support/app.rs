//! The server of the races: one small application for all of them.

use bytes::Bytes;
use holdup::{Fixture, Setup, TestResult};
use http_body_util::Full;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::sync::{Arc, Mutex};

/// State of the server, new in each execution.
#[derive(Default)]
struct State {
    page: String,
    count: usize,
    deleted: bool,
    /// The number of the token that can be exchanged for a new one.
    token: usize,
}

pub struct App(Arc<Mutex<State>>);

impl App {
    pub fn serve(&self, page: &str) {
        self.0.lock().unwrap().page = page.to_owned();
    }
}

impl Fixture for App {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("app.test", listener.local_addr()?);
        let state = Arc::<Mutex<State>>::default();
        let served = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                let service = hyper::service::service_fn(move |request: Request<_>| {
                    let answer = answer(&request, &mut served.lock().unwrap());
                    async { answer }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Ok(Self(state))
    }
}

fn answer(request: &Request<hyper::body::Incoming>, state: &mut State) -> http::Result<Response<Full<Bytes>>> {
    let query = request.uri().query().unwrap_or_default();
    let path = request.uri().path();
    let refused = match path {
        "/private" => query == "token=0",
        "/refresh" => query != format!("token={}", state.token),
        _ => false,
    };
    if refused {
        return Response::builder().status(401).body(Full::default());
    }
    let (kind, text) = match (request.method().as_str(), path) {
        (_, "/say") => ("text/plain", query.trim_start_matches("text=").to_owned()),
        ("POST", "/count") => {
            state.count += 1;
            ("text/plain", state.count.to_string())
        }
        ("DELETE", "/item") => {
            state.deleted = true;
            ("text/plain", String::new())
        }
        (_, "/private") => ("text/plain", "welcome".to_owned()),
        (_, "/refresh") => {
            state.token += 1;
            ("text/plain", state.token.to_string())
        }
        (_, "/script") => {
            let says = percent_encoding::percent_decode_str(query.trim_start_matches("says="));
            ("text/javascript", says.decode_utf8_lossy().into_owned())
        }
        (_, "/items") => ("text/plain", if state.deleted { "none" } else { "one item" }.to_owned()),
        _ => ("text/html; charset=utf-8", state.page.clone()),
    };
    Response::builder().header("content-type", kind).body(Full::from(text))
}
