//! Rewrites `the` to `teh` in every page of a real browser, whatever its content-encoding.

#![allow(clippy::print_stdout, reason = "a program that shows something")]

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use holdup::prelude::*;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use std::io::{self, Write};

const PAGE: &[u8] = b"<!doctype html><meta charset=utf-8><p id=text>the cat, the dog \xe2\x80\x94 and the proxy</p>";
const CODINGS: [&str; 5] = ["identity", "gzip", "deflate", "br", "zstd"];

/// A server that responds to `/gzip` with gzip, and so on.
struct Library;

impl Fixture for Library {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("library.test", listener.local_addr()?);
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

fn answer(request: &Request<hyper::body::Incoming>) -> io::Result<Response<Full<bytes::Bytes>>> {
    let coding = request.uri().path().trim_start_matches('/');
    let mut response = Response::new(Full::from(coded(coding)?));
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/html"));
    if let Ok(coding) = HeaderValue::from_str(coding) {
        response.headers_mut().insert("content-encoding", coding);
    }
    Ok(response)
}

fn coded(coding: &str) -> io::Result<Vec<u8>> {
    match coding {
        "gzip" => with(GzEncoder::new(Vec::new(), Compression::default()), GzEncoder::finish),
        "deflate" => with(ZlibEncoder::new(Vec::new(), Compression::default()), ZlibEncoder::finish),
        "br" => with(brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22), |brotli| Ok(brotli.into_inner())),
        "zstd" => Ok(ruzstd::encoding::compress_to_vec(PAGE, ruzstd::encoding::CompressionLevel::Fastest)),
        _ => Ok(PAGE.to_vec()),
    }
}

fn with<W: Write>(mut encoder: W, finish: impl FnOnce(W) -> io::Result<Vec<u8>>) -> io::Result<Vec<u8>> {
    encoder.write_all(PAGE)?;
    finish(encoder)
}

#[mitm_test]
async fn main(browser: Browser, _library: Library) -> TestResult {
    let typo = rewrite!(content_type ~ "html", "the" => "teh");
    for coding in CODINGS {
        browser.goto(&format!("https://library.test/{coding}")).await?;
        let text = browser.text("#text").await?;
        println!("{coding:>8}: {text}");
        assert_eq!(text, "teh cat, teh dog \u{2014} and teh proxy");
    }
    typo.assert_applied()?;
    Ok(())
}
