//! Verifies a hotfix before rollout: a local file replaces the production script in a real browser.
//!
//! Production sends its script compressed, cached for a year, and revalidated; the local file is served all the same.

#![allow(clippy::print_stdout, reason = "a program that shows something")]

use flate2::{Compression, write::GzEncoder};
use holdup::prelude::*;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use std::io::Write;

const PAGE: &str = "<p id=price></p><script src=/static/app.js></script>";
const BROKEN: &str = "price.textContent = 'price: ' + undefined";
const FIX: &str = "examples/hotfix.js";

/// Stands in for the production server.
struct Production;

impl Fixture for Production {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("www.shop.example", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = hyper::service::service_fn(async |request| answer(&request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self)
    }
}

fn answer(request: &Request<hyper::body::Incoming>) -> std::io::Result<Response<Full<bytes::Bytes>>> {
    let (html, script) = (request.uri().path() == "/", request.uri().path() == "/static/app.js");
    let mut response = Response::new(Full::from(if html { PAGE } else { "" }));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(if html { "text/html" } else { "text/javascript" }));
    if script {
        headers.insert("cache-control", HeaderValue::from_static("max-age=31536000, immutable"));
        headers.insert("etag", HeaderValue::from_static("\"broken\""));
        if request.headers().contains_key("if-none-match") {
            *response.status_mut() = http::StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(BROKEN.as_bytes())?;
        *response.body_mut() = Full::from(gzip.finish()?);
    }
    Ok(response)
}

#[mitm_test]
async fn main(browser: Browser, _production: Production) -> TestResult {
    browser.goto("https://www.shop.example/").await?;
    println!("production shows {:?}", browser.text("#price").await?);

    let fix = replace!(url ~ "/static/app.*\\.js$", FIX);
    browser.refresh().await?; // the old script is in the browser's cache
    assert_eq!(browser.text("#price").await?, "price: 42");
    browser.goto("https://www.shop.example/").await?;
    assert_eq!(browser.text("#price").await?, "price: 42");
    fix.assert_applied()?;
    println!("with the hotfix it shows {:?}", browser.text("#price").await?);
    Ok(())
}
