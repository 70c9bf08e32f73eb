//! Smuggling over HTTP/1, from clients and from servers.

use super::framing::{CHUNKS, headers};
use super::strict;
use crate::support::raw;
use futures_util::StreamExt;
use holdup::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How long the proxy may wait for more bytes of a row. Affects only how much of the response is checked.
pub const UNFINISHED: Duration = Duration::from_millis(100);
/// Concurrent rows.
pub const AT_ONCE: usize = 24;

/// Sends the bytes of a row, and reads until the proxy closes or waits for more.
pub async fn send(mitm: &Mitm, says: &str) -> String {
    let mut stream = raw::connect(mitm).await;
    // The proxy may close before everything is sent.
    let _ = stream.write_all(says.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(UNFINISHED, stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Asserts that the server has seen no ambiguous message, and that the proxy has recorded each request.
#[track_caller]
pub fn assert_unambiguous(mitm: &Mitm, seen: &strict::Seen, rows: usize) {
    assert_eq!(seen.ambiguous(), Vec::<String>::new());
    let known: std::collections::BTreeSet<_> =
        mitm.exchanges().iter().map(|one| one.request.path().to_owned()).collect();
    let unknown: Vec<_> = seen.paths().into_iter().filter(|path| !known.contains(path)).collect();
    assert_eq!(unknown, Vec::<String>::new(), "the rules have not seen these");
    assert!(seen.paths().len() > 10, "of {rows} rows only {:?} came through", seen.paths());
}

#[mitm_test(timeout = "120s")]
async fn requests(mitm: Mitm) -> TestResult {
    let (address, seen) = strict::server().await;
    mitm.host("strict.test", address);
    let mut rows = Vec::new();
    for header in headers() {
        for version in ["1.1", "1.0"] {
            // Valid as five bytes, as chunks, or as no body, depending on the reader.
            for body in ["hello", "5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n"] {
                rows.push((version, format!("{header}\r\n\r\n{body}")));
            }
        }
    }
    rows.extend(CHUNKS.iter().map(|chunks| ("1.1", format!("transfer-encoding: chunked\r\n\r\n{chunks}"))));
    let count = rows.len();
    assert!(count >= 1_000, "{count} rows");
    let sending = rows.into_iter().enumerate().map(|(n, (version, row))| {
        let smuggled =
            format!("GET http://strict.test/s{n} HTTP/1.1\r\nhost: strict.test\r\nconnection: close\r\n\r\n");
        let says = format!("POST http://strict.test/r{n} HTTP/{version}\r\nhost: strict.test\r\n{row}{smuggled}");
        let mitm = &mitm;
        async move { send(mitm, &says).await }
    });
    futures_util::stream::iter(sending).buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
    assert_unambiguous(&mitm, &seen, count);
    Ok(())
}

/// The server sends the response of a row, followed by a response to no request.
#[mitm_test(timeout = "120s")]
async fn answers(mitm: Mitm) -> TestResult {
    const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nx-smuggled: yes\r\ncontent-length: 8\r\n\r\nsmuggled";
    let bodies = ["hello", "5\r\nhello\r\n0\r\n\r\n", ""];
    let with_headers = headers().into_iter().flat_map(|header| bodies.map(|body| format!("{header}\r\n\r\n{body}")));
    let in_chunks = CHUNKS.iter().map(|chunks| format!("transfer-encoding: chunked\r\n\r\n{chunks}"));
    let rows: Arc<Vec<_>> = Arc::new(with_headers.chain(in_chunks).collect());
    assert!(rows.len() >= 500, "{} rows", rows.len());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("server.test", listener.local_addr()?);
    let says = Arc::clone(&rows);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let says = Arc::clone(&says);
            tokio::spawn(async move {
                let head = raw::read_until(&mut stream, "\r\n\r\n").await;
                let row: usize = head.split('/').nth(1).and_then(|row| row.parse().ok()).unwrap_or_default();
                let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{}{SMUGGLED}", says[row]).as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    let asking = rows.iter().enumerate().map(|(n, row)| {
        let ask = |which| format!("GET http://server.test/{n}/{which} HTTP/1.1\r\nhost: server.test\r\n");
        let says = format!("{}\r\n{}connection: close\r\n\r\n", ask(1), ask(2));
        let mitm = &mitm;
        async move { (row, send(mitm, &says).await.to_ascii_lowercase()) }
    });
    let answers: Vec<_> = futures_util::stream::iter(asking).buffer_unordered(AT_ONCE).collect().await;
    let mut delivered = 0;
    for (row, answer) in answers {
        // A body without a length extends to the end of the connection, whatever it contains.
        let heads = heads(&answer);
        assert!(heads.len() <= 2, "{row:?} gave {answer}");
        for head in heads {
            assert!(!head.contains("x-smuggled"), "{row:?} gave {answer}");
            let said = head.matches("\ncontent-length:").count() + head.matches("\ntransfer-encoding:").count();
            assert!(said <= 1, "{row:?} gave {answer}");
            delivered += usize::from(head.starts_with("http/1.1 200"));
        }
    }
    assert!(delivered > 50, "only {delivered} came through");
    Ok(())
}

/// The heads of responses, as a client parses them.
pub fn heads(answers: &str) -> Vec<String> {
    let (mut heads, mut rest) = (Vec::new(), answers);
    while let Some((head, body)) = rest.split_once("\r\n\r\n") {
        heads.push(head.to_owned());
        let length =
            head.split("\ncontent-length: ").nth(1).and_then(|value| value.lines().next()?.parse::<usize>().ok());
        rest = match length {
            Some(length) => body.get(length..).unwrap_or_default(),
            None if head.contains("\ntransfer-encoding: chunked") => behind_chunks(body).unwrap_or_default(),
            None => "",
        };
    }
    heads
}

/// The rest after a chunked body without trailers; `None` if it has no end.
fn behind_chunks(mut body: &str) -> Option<&str> {
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        body = rest.get(size..)?.strip_prefix("\r\n")?;
        if size == 0 {
            return Some(body);
        }
    }
}
