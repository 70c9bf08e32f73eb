//! Measures whether `settled` misses anything, and how long it takes: `cargo bench --bench settle -- [trials]`.
//!
//! `HOLDUP_BROWSER` selects the browser, `THROTTLE=8` slows down the scripts of Chromium, and `HANDLERS=image,iframe`
//! runs only these handlers. Each trial releases one response, waits for the settled page, and checks whether the page
//! has processed it.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use holdup::prelude::*;
use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use support::handlers::{HANDLERS, page};
use support::site::Site;

const SHOWN: &str = "const out = document.querySelector('#out'); return [out.textContent, Number(out.dataset.at)]";

#[derive(Default)]
struct Figures {
    missed: usize,
    settled: Vec<f64>,
    /// Time from the end of the handler, by the system clock.
    over: Vec<f64>,
}

#[mitm_test(timeout = "600m")]
async fn main(browser: Browser, site: Site) -> TestResult {
    let trials = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(320_usize);
    let wanted = std::env::var("HANDLERS").unwrap_or_default();
    let is_wanted = |name: &&str| wanted.is_empty() || wanted.split(',').any(|each| each == *name);
    let handlers: Vec<_> = HANDLERS.into_iter().filter(|(name, _)| is_wanted(name)).collect();
    site.page("/", &page());
    site.page("/api.js", "export default 1");
    browser.goto("https://site.test/").await?;
    throttle(&browser).await?;
    let hold = hold!(path == "/api" || path == "/api.js");
    let mut all: BTreeMap<&str, Figures> = BTreeMap::new();
    for trial in 0..trials {
        let (name, _) = handlers[trial % handlers.len()];
        browser.run(&format!("window.run('{name}')")).await?;
        let held = hold.next().await?;
        let began = Instant::now();
        if name == "aborted" {
            browser.run("window.abort()").await?;
        } else {
            held.release().await?;
        }
        browser.settled().await?;
        let (took, ended) = (began.elapsed(), SystemTime::now().duration_since(UNIX_EPOCH)?);
        let shown = browser.eval::<serde_json::Value>(SHOWN).await?;
        let figures = all.entry(name).or_default();
        if shown[0] == "!" {
            figures.over.push(ended.as_secs_f64() * 1e3 - shown[1].as_f64().unwrap_or_default());
        } else {
            figures.missed += 1;
        }
        figures.settled.push(took.as_secs_f64() * 1e3);
    }
    let missed: usize = all.values().map(|figures| figures.missed).sum();
    println!("{}: {missed} of {trials} missed", browser.kind());
    println!("  {:<12} {:>7} {:>12} {:>22}", "handler", "missed", "settled (ms)", "over the handler (ms)");
    for (name, mut figures) in all {
        let (settled, over) = (median(&mut figures.settled), median(&mut figures.over));
        println!("  {name:<12} {:>7} {settled:>12.1} {over:>22.1}", figures.missed);
    }
    Ok(())
}

/// Throttles the CPU through DevTools, with a request to the relay beside the test's own client.
async fn throttle(browser: &Browser) -> TestResult {
    let Ok(rate) = std::env::var("THROTTLE") else { return Ok(()) };
    let session = browser.session_id().await?.unwrap_or_default();
    let url = format!("{}session/{session}/goog/cdp/execute", browser.webdriver_url());
    let body = format!(r#"{{"cmd": "Emulation.setCPUThrottlingRate", "params": {{"rate": {rate}}}}}"#);
    let curl = std::process::Command::new("curl").args(["-sS", "--fail", "-d", &body, &url]).status()?;
    assert!(curl.success(), "no throttling");
    Ok(())
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or_default()
}
