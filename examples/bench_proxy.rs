//! A bare proxy that a benchmark harness starts and compares with other proxies.
//!
//! It reads these environment variables: `PORT`; `CA_OUT` (file for the CA certificate); `UPSTREAM_CA` (certificate to
//! trust); `HOLD_REGEX` (paths to hold at the response, released by a line `release` on standard input); `RULES`
//! (number of rules that never match); `RECORD` (a file that the flows are recorded into); `MANY` (start this many proxies, stop them, and print the times).
#![allow(clippy::print_stdout, reason = "a program that reports")]

use holdup::{Config, prelude::*};
use std::env;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};

fn number<N: std::str::FromStr>(name: &str) -> Option<N> {
    env::var(name).ok()?.parse().ok()
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

/// Starts `count` proxies, stops them, and prints time and memory per proxy.
async fn many(count: u32) -> TestResult {
    let (before, began) = (resident_kib(), Instant::now());
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Mitm::start().await?);
    }
    let (up, after, ending) = (began.elapsed(), resident_kib(), Instant::now());
    for mitm in all {
        mitm.stop().await?;
    }
    let each = |time: Duration| time.as_secs_f64() * 1e3 / f64::from(count);
    let memory = (after.saturating_sub(before)) as f64 / f64::from(count);
    let (start, stop) = (each(up), each(ending.elapsed()));
    println!("{{\"start_ms\":{start:.4},\"stop_ms\":{stop:.4},\"kib_per_proxy\":{memory:.1}}}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> TestResult {
    if let Some(count) = number("MANY") {
        return many(count).await;
    }
    let mitm = Mitm::start_with(Config::default().port(number("PORT").unwrap_or(0))).await?;
    if let Ok(file) = env::var("UPSTREAM_CA") {
        mitm.trust_upstream(&std::fs::read_to_string(file)?)?;
    }
    for i in 0..number("RULES").unwrap_or(0u32) {
        let host = format!("rule{i}.example");
        mitm.respond::<Request>(filter!(scheme == "https" && host == { host }), 500);
    }
    if let Ok(file) = env::var("RECORD") {
        mitm.save(file)?;
    }
    let hold = env::var("HOLD_REGEX").ok().map(|held| mitm.hold::<Response>(filter!(path ~ {held})));
    if let Ok(file) = env::var("CA_OUT") {
        std::fs::write(file, mitm.ca_pem())?;
    }
    println!("listening on {}", mitm.address());
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        if let (Some(hold), "release") = (&hold, line.trim()) {
            hold.release_all();
        }
    }
    // Standard input is closed: serve until the process is killed.
    std::future::pending().await
}
