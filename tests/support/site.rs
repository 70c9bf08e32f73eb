//! A site that serves the pages a test writes: `https://site.test`.

use bytes::Bytes;
use holdup::{Fixture, Setup, TestResult};
use http_body_util::Full;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

pub struct Site {
    pub address: SocketAddr,
    pages: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Site {
    /// From now on this is at that path. Every other path answers with its own name.
    pub fn page(&self, path: &str, html: &str) {
        self.pages.lock().unwrap().insert(path.to_owned(), format!("<!doctype html>{html}"));
    }
}

impl Fixture for Site {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        cx.mitm().host("site.test", address);
        let pages = Arc::<Mutex<BTreeMap<String, String>>>::default();
        let served = Arc::clone(&pages);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Arc::clone(&served);
                let service = hyper::service::service_fn(move |request: Request<_>| {
                    let page = answer(&request, &served.lock().unwrap());
                    async { page }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self { address, pages })
    }
}

fn answer(
    request: &Request<hyper::body::Incoming>,
    pages: &BTreeMap<String, String>,
) -> http::Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    let html = pages.get(path).cloned().unwrap_or_else(|| format!("this is {path}"));
    Response::builder().header("content-type", "text/html; charset=utf-8").body(Full::from(html))
}
