//! Smuggling over HTTP/2, from clients and from servers. Frames are written by hand, since no library sends these.

use super::http1::{AT_ONCE, UNFINISHED, assert_unambiguous, heads, send};
use super::strict;
use crate::support::raw;
use futures_util::StreamExt;
use holdup::prelude::*;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Fields<'a> = &'a [(&'a str, &'a str)];

/// Fields that HTTP/2 forbids (RFC 9113, section 8.2), or that HTTP/1 parses differently.
const FIELDS: [Fields<'_>; 44] = [
    &[("transfer-encoding", "chunked")],
    &[("transfer-encoding", "xchunked")],
    &[("transfer-encoding", "identity")],
    &[("transfer-encoding", "chunked"), ("content-length", "5")],
    &[("transfer-encoding ", "chunked")],
    &[("connection", "close")],
    &[("connection", "content-length"), ("content-length", "5")],
    &[("keep-alive", "timeout=5")],
    &[("proxy-connection", "keep-alive")],
    &[("upgrade", "h2c")],
    &[("te", "gzip")],
    &[("te", "trailers")],
    &[("trailer", "content-length")],
    &[("content-length", "5")],
    &[("content-length", "4")],
    &[("content-length", "6")],
    &[("content-length", "05")],
    &[("content-length", "+5")],
    &[("content-length", "5, 5")],
    &[("content-length", "")],
    &[("content-length", "five")],
    &[("content-length", "5"), ("content-length", "5")],
    &[("content-length", "5"), ("content-length", "6")],
    &[("content-length ", "5")],
    &[("x", "a\r\nx-smuggled: yes")],
    &[("x", "a\nx-smuggled: yes")],
    &[("x", "a\rx-smuggled: yes")],
    &[("x", "a\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: strict.test\r\n\r\n")],
    &[("x", "a\0b")],
    &[("x", " a ")],
    &[("x\r\nx-smuggled", "yes")],
    &[("x: a\r\nx-smuggled", "yes")],
    &[("x\n", "a")],
    &[("x\0", "a")],
    &[("x\u{7f}", "a")],
    &[("x y", "a")],
    &[("x:y", "a")],
    &[("X-Upper", "a")],
    &[("", "a")],
    &[(" x", "a")],
    &[(":x", "a")],
    &[(":status", "200")],
    &[("cookie", "a=b"), ("cookie", "c=d")],
    &[("expect", "100-continue")],
];

/// Pseudo-header fields, each with an invalid or unusual value.
const PSEUDO: [(&str, &str); 30] = [
    (":path", ""),
    (":path", "*"),
    (":path", "x"),
    (":path", "//evil.test/"),
    (":path", "http://evil.test/"),
    (":path", "/a HTTP/1.1\r\nx-smuggled: yes"),
    (":path", "/a\r\n\r\nGET /smuggled HTTP/1.1\r\n"),
    (":path", "/a b"),
    (":path", "/a#b"),
    (":path", "/a\0"),
    (":path", "/a\u{e9}"),
    (":method", ""),
    (":method", "get"),
    (":method", "PO ST"),
    (":method", "GET /smuggled HTTP/1.1\r\nhost: strict.test\r\n\r\nPOST"),
    (":method", "CONNECT"),
    (":method", "HEAD"),
    (":scheme", ""),
    (":scheme", "http"),
    (":scheme", "ftp"),
    (":scheme", "https://strict.test/smuggled"),
    (":scheme", "https\r\nx: y"),
    (":authority", ""),
    (":authority", "evil.test"),
    (":authority", "strict.test:80"),
    (":authority", "user@strict.test"),
    (":authority", "strict.test/smuggled"),
    (":authority", "strict.test\r\nx-smuggled: yes"),
    (":authority", "strict.test, evil.test"),
    (":authority", "strict.test evil.test"),
];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Encodes fields as HPACK literals without indexing (RFC 7541, section 6.2.2).
fn block<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.into_iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// A message with or without a body of five bytes.
fn message(stream: u32, block: &[u8], body: bool) -> Vec<u8> {
    let end = if body { 0 } else { END_STREAM };
    let mut all = frame(HEADERS, END_HEADERS | end, stream, block);
    if body {
        all.extend(frame(DATA, END_STREAM, stream, b"hello"));
    }
    all
}

async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, u8)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    stream.read_exact(&mut vec![0; length as usize]).await.ok()?;
    Some((head[3], head[4]))
}

/// Sends a request, and reads until a stream or the connection ends.
async fn ask(mitm: &Mitm, block: &[u8], body: bool) {
    let mut stream = raw::tunnel(mitm, "strict.test", &["h2"]).await;
    let says = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &message(1, block, body)].concat();
    let _ = stream.write_all(&says).await;
    let reading = async {
        while let Some((kind, flags)) = next_frame(&mut stream).await {
            let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
            if ends || matches!(kind, RST_STREAM | GOAWAY) {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(UNFINISHED, reading).await;
}

#[mitm_test(timeout = "120s")]
async fn requests(mitm: Mitm) -> TestResult {
    let (address, seen) = strict::server().await;
    mitm.host("strict.test", address);
    mitm.host("evil.test", address);
    let mut rows = Vec::new();
    for body in [true, false] {
        for (n, fields) in FIELDS.iter().enumerate() {
            let path = format!("/f{n}{body}");
            let own =
                [(":method", "POST"), (":scheme", "https"), (":authority", "strict.test"), (":path", path.as_str())];
            rows.push((block(own.into_iter().chain(fields.iter().copied())), body));
        }
        for (n, (name, value)) in PSEUDO.iter().enumerate() {
            let path = format!("/p{n}{body}");
            let own =
                [(":method", "POST"), (":scheme", "https"), (":authority", "strict.test"), (":path", path.as_str())];
            let said = own.map(|(own, ought)| (own, if own == *name { value } else { ought }));
            rows.push((block(said), body));
            rows.push((block(own.into_iter().chain([(*name, *value)])), body));
            rows.push((block(own.into_iter().filter(|(own, _)| own != name)), body));
        }
    }
    let count = rows.len();
    assert!(count >= 260, "{count} rows");
    let sending = rows.iter().map(|(block, body)| ask(&mitm, block, *body));
    futures_util::stream::iter(sending).buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
    assert_unambiguous(&mitm, &seen, count);
    assert!(
        !seen.paths().iter().any(|path| path.contains("smuggled") && !path.starts_with("http")),
        "{:?}",
        seen.paths()
    );
    Ok(())
}

/// Responds to one request with the row `next`.
async fn answer(mut stream: TcpStream, rows: &[Vec<u8>], next: usize) -> Option<()> {
    stream.read_exact(&mut [0; PREFACE.len()]).await.ok()?;
    while next_frame(&mut stream).await?.0 != HEADERS {}
    let says = [frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, 1, 0, &[]), rows[next].clone()].concat();
    stream.write_all(&says).await.ok()?;
    while next_frame(&mut stream).await.is_some() {}
    Some(())
}

#[mitm_test(timeout = "120s")]
async fn answers(mitm: Mitm) -> TestResult {
    let mut rows = Vec::new();
    for body in [true, false] {
        for fields in FIELDS {
            rows.push(message(1, &block([(":status", "200")].into_iter().chain(fields.iter().copied())), body));
        }
        for status in ["", "99", "1000", "abc", "200 OK", "100", "101", "204", "304"] {
            rows.push(message(1, &block([(":status", status), ("content-length", "5")]), body));
        }
    }
    assert!(rows.len() >= 100, "{} rows", rows.len());
    let rows = Arc::new(rows);
    let mut delivered = 0;
    for n in 0..rows.len() {
        // Each row has its own server, so that rows cannot affect each other.
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let name = format!("s{n}.test");
        mitm.host(&name, Upstream::h2c(listener.local_addr()?));
        let says = Arc::clone(&rows);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &says, n).await;
            }
        });
        let answer =
            send(&mitm, &format!("GET http://{name}/ HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n")).await;
        for head in heads(&answer.to_ascii_lowercase()) {
            assert!(!head.contains("\nx-smuggled"), "{:?} gave {answer}", String::from_utf8_lossy(&rows[n]));
            let said = head.matches("\ncontent-length:").count() + head.matches("\ntransfer-encoding:").count();
            assert!(said <= 1, "{:?} gave {answer}", String::from_utf8_lossy(&rows[n]));
            delivered += usize::from(head.starts_with("http/1.1 200"));
        }
    }
    assert!(delivered > 10, "only {delivered} came through");
    Ok(())
}
