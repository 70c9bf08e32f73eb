//! Runs the proxy under load for minutes, with misbehaving clients, and counts what is left behind. Run by `cargo xtask
//! soak`.

#![allow(clippy::print_stdout, reason = "a table for whoever runs it")]

use crate::leaks::{Left, left};
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, yield_now};

/// Misbehaving connections at once.
const BAD: usize = 200;

/// Bytes that a client sends before it stops.
const BEGINNINGS: [&[u8]; 14] = [
    b"",
    b"GET http://origin.test/te",
    b"GET http://origin.test/text HTTP/1.1\r\nhost: origin.test\r\n",
    b"POST http://origin.test/echo HTTP/1.1\r\nhost: origin.test\r\ncontent-length: 1000\r\n\r\nhalf",
    b"POST http://origin.test/echo HTTP/1.1\r\nhost: origin.test\r\ntransfer-encoding: chunked\r\n\r\n0000",
    b"GET http://origin.test/bytes?1000000 HTTP/1.1\r\nhost: origin.test\r\n\r\n",
    b"GET http://origin.test/never HTTP/1.1\r\nhost: origin.test\r\n\r\n",
    b"GET http://origin.test/held HTTP/1.1\r\nhost: origin.test\r\n\r\n",
    b"CONNECT origin.test:443 HTTP/1.1\r\nhost: origin.test:443\r\n\r\n",
    b"CONNECT origin.test:443 HTTP/1.1\r\nhost: origin.test:443\r\n\r\n\x16\x03\x01\x02\x00\x01\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x16\x03\x01\x00\xff\x01",
    b"\0\0\0\0\r\n\r\n",
];

/// Runs one client: it sends a beginning, reads a little or nothing, and closes or resets.
async fn misbehave(mitm: &Mitm, n: usize) {
    let Ok(mut stream) = TcpStream::connect(mitm.address()).await else { return };
    let _ = stream.write_all(BEGINNINGS[n % BEGINNINGS.len()]).await;
    for _ in 0..n % 50 {
        yield_now().await;
    }
    if n.is_multiple_of(3) {
        let _ = tokio::time::timeout(Duration::from_millis(20), stream.read(&mut [0; 100])).await;
    }
    if n.is_multiple_of(2) {
        // Makes the close a reset.
        let _ = stream.set_zero_linger();
    }
}

async fn round(mitm: &Mitm, client: &Client) -> TestResult {
    let mut bad = JoinSet::new();
    for n in 0..BAD {
        let mitm = mitm.clone();
        bad.spawn(async move { misbehave(&mitm, n).await });
    }
    // Well-behaved clients are served meanwhile.
    for n in 0..20 {
        let answer = client.get(format!("https://origin.test/{n}")).send().await?;
        assert_eq!(answer.text().await?, format!("this is /{n}"));
    }
    bad.join_all().await;
    Ok(())
}

/// Waits until every flow has an outcome.
async fn at_rest(mitm: &Mitm) {
    while mitm.exchanges().iter().any(|one| one.outcome.is_none()) {
        yield_now().await;
    }
}

#[mitm_test(timeout = "240m")]
#[ignore = "takes minutes: `cargo xtask soak`"]
async fn in_a_process_of_its_own(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let minutes: u64 = std::env::var("HOLDUP_SOAK_MINUTES").ok().and_then(|said| said.parse().ok()).unwrap_or(1);
    let _held = hold!(path == "/held").optional();
    mitm.limit_journal(16 << 20);
    round(&mitm, &client).await?;
    at_rest(&mitm).await;
    let (began, before) = (Instant::now(), left());
    println!("minute  rounds  flows under way  tasks  descriptors  MiB");
    let (mut rounds, mut minute) = (0, 0);
    show(minute, rounds, 0, &before);
    while minute < minutes {
        round(&mitm, &client).await?;
        rounds += 1;
        if began.elapsed() >= Duration::from_secs(60 * (minute + 1)) {
            minute += 1;
            at_rest(&mitm).await;
            show(minute, rounds, mitm.exchanges().iter().filter(|one| one.outcome.is_none()).count(), &left());
        }
    }
    while holdup::__private::tasks() > before.tasks || left().descriptors > before.descriptors {
        yield_now().await;
    }
    let after = left();
    show(minute, rounds, 0, &after);
    // Allows for the limit of the journal and memory that the allocator keeps.
    assert!(after.kilobytes < before.kilobytes + 64 * 1024, "{before:?} {after:?}");
    Ok(())
}

fn show(minute: u64, rounds: u32, under_way: usize, left: &Left) {
    let Left { tasks, descriptors, kilobytes } = left;
    println!("{minute:>6}  {rounds:>6}  {under_way:>15}  {tasks:>5}  {descriptors:>11}  {:>3}", kilobytes / 1024);
}
