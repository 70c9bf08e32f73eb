//! Measures the figures of the README and of the notes, each beside a baseline from the same run: `cargo bench --bench
//! figures`.
//!
//! Nothing is asserted: the figures are for a person to read, measured on an otherwise idle machine.
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use holdup::{Upstream, prelude::*};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use once_cell::sync::OnceCell;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const ROUNDS: usize = 15;
const WHOLE: usize = 50;
const HELD: usize = 1000;

fn main() {
    // `cargo test --benches` passes `--test` and must not measure.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let origin = origin().await;
        // Runs all benchmarks, or the named ones: `cargo bench --bench figures -- rules`.
        let named: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
        let wanted = |name: &str| named.is_empty() || named.iter().any(|each| each == name);
        if wanted("start") {
            start(origin).await.unwrap();
        }
        if wanted("whole") {
            whole(origin).await.unwrap();
        }
        if wanted("tests") {
            // The runtime serves the origin meanwhile.
            tokio::task::spawn_blocking(move || tests(origin)).await.unwrap();
        }
        if wanted("kept") {
            kept(origin).await.unwrap();
        }
        if wanted("holding") {
            holding(origin).await.unwrap();
        }
        if wanted("release") {
            release(origin).await.unwrap();
        }
        if wanted("journal") {
            journal(origin).await.unwrap();
        }
        if wanted("rules") {
            rules(origin).await.unwrap();
        }
    });
}

async fn origin() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = hyper::service::service_fn(async |_| {
                hyper::Response::builder().body(Full::<bytes::Bytes>::from("<p>it</p>"))
            });
            let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            tokio::spawn(async move { builder.serve_connection(TokioIo::new(stream), service).await });
        }
    });
    address
}

fn median(mut all: Vec<Duration>) -> f64 {
    all.sort();
    all[all.len() / 2].as_secs_f64() * 1e3
}

/// Time from a cold start to the first intercepted page.
async fn start(origin: SocketAddr) -> TestResult {
    let (mut direct, mut proxy, mut browser) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(no_tls()).build()?;
        client.get(format!("http://{origin}/")).send().await?.text().await?;
        direct.push(began.elapsed());

        let began = Instant::now();
        let mitm = Mitm::start().await?;
        mitm.host("shop.test", Upstream::plain(origin));
        mitm.client()?.get("https://shop.test/").send().await?.text().await?;
        proxy.push(began.elapsed());
        mitm.stop().await?;

        let began = Instant::now();
        let mitm = Mitm::start().await?;
        mitm.host("shop.test", Upstream::plain(origin));
        let page = mitm.browser().await?;
        page.goto("https://shop.test/").await?;
        browser.push(began.elapsed());
        page.close().await;
        mitm.stop().await?;
    }
    println!("from nothing to the first page, median of {ROUNDS} (first: CA, driver start):");
    println!("  client, direct, plain HTTP         {:>8.2} ms", median(direct));
    println!("  proxy + client, intercepted HTTPS  {:>8.2} ms   (first {:.2})", median(proxy.clone()), ms(proxy[0]));
    println!(
        "  proxy + browser, intercepted HTTPS {:>8.2} ms   (first {:.2})",
        median(browser.clone()),
        ms(browser[0])
    );
    Ok(())
}

/// Time of each part of a test with a browser. The first round of each kind starts a driver and is left out.
async fn whole(origin: SocketAddr) -> TestResult {
    println!("a test with a browser, median of {WHOLE} (ms):");
    println!("  {:<15} {:>8} {:>8} {:>8} {:>8} {:>8}", "", "session", "page", "settled", "end", "whole");
    for kind in BrowserKind::ALL {
        let mut all: [Vec<Duration>; 5] = Default::default();
        for round in 0..=WHOLE {
            let mut at = vec![Instant::now()];
            let mitm = Mitm::start().await?;
            mitm.host("shop.test", Upstream::plain(origin));
            let browser = mitm.browser_of(kind).await?;
            at.push(Instant::now());
            browser.goto("https://shop.test/").await?;
            at.push(Instant::now());
            browser.settled().await?;
            at.push(Instant::now());
            browser.close().await;
            mitm.stop().await?;
            at.push(Instant::now());
            if round > 0 {
                let parts = at.windows(2).map(|pair| pair[1] - pair[0]).chain([at[0].elapsed()]);
                all.iter_mut().zip(parts).for_each(|(all, part)| all.push(part));
            }
        }
        let medians: String = all.into_iter().map(|all| format!(" {:>8.1}", median(all))).collect();
        println!("  {:<15}{medians}", kind.to_string());
    }
    Ok(())
}

/// When the parts of a test have begun and ended.
static PARTS: Mutex<Vec<Instant>> = Mutex::new(Vec::new());
static ORIGIN: OnceCell<SocketAddr> = OnceCell::new();

fn note() {
    PARTS.lock().unwrap().push(Instant::now());
}

async fn body(mitm: Mitm, browser: Browser) -> TestResult {
    note();
    mitm.host("shop.test", Upstream::plain(*ORIGIN.wait()));
    browser.goto("https://shop.test/").await?;
    note();
    browser.settled().await?;
    note();
    Ok(())
}

/// A test that is called `main` is a function.
mod shell {
    use holdup::prelude::*;

    #[mitm_test(browser = headless_shell)]
    pub(super) async fn main(mitm: Mitm, browser: Browser) -> TestResult {
        super::body(mitm, browser).await
    }
}

mod firefox {
    use holdup::prelude::*;

    #[mitm_test(browser = firefox)]
    pub(super) async fn main(mitm: Mitm, browser: Browser) -> TestResult {
        super::body(mitm, browser).await
    }
}

/// Time of each part of a `#[mitm_test]`: of the first of a process, and of the later ones, which use its browser.
fn tests(origin: SocketAddr) {
    ORIGIN.set(origin).unwrap();
    println!("a #[mitm_test] with a browser: the first, and the median of {WHOLE} (ms):");
    println!("  {:<15} {:>13} {:>13} {:>13} {:>13} {:>15}", "", "set-up", "page", "settled", "tear-down", "whole");
    for (name, test) in [("headless_shell", shell::main as fn()), ("firefox", firefox::main)] {
        let mut all: [Vec<Duration>; 5] = Default::default();
        for _ in 0..=WHOLE {
            PARTS.lock().unwrap().clear();
            note();
            test();
            note();
            let at = PARTS.lock().unwrap();
            let parts = at.windows(2).map(|pair| pair[1] - pair[0]).chain([at[4] - at[0]]);
            all.iter_mut().zip(parts).for_each(|(all, part)| all.push(part));
        }
        let of = |all: Vec<Duration>| format!(" {:>6.1} {:>6.1}", ms(all[0]), median(all[1..].to_vec()));
        println!("  {name:<15}{}", all.into_iter().map(of).collect::<String>());
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn no_tls() -> tokio_rustls::rustls::ClientConfig {
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(tokio_rustls::rustls::RootCertStore::empty())
        .with_no_client_auth()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Time of a request on kept connections, beside the same without a proxy. Client, proxy and server share one process.
async fn kept(origin: SocketAddr) -> TestResult {
    const TASKS: usize = 32;
    const EACH: usize = 100;
    let direct = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(no_tls()).build()?;
    let mitm = Mitm::start().await?;
    mitm.host("shop.test", Upstream::plain(origin));
    let clients = [
        ("direct, plain", direct, format!("http://{origin}/")),
        ("HTTP/1.1 over TLS", http1_client(&mitm)?, "https://shop.test/".to_owned()),
        ("HTTP/2 over TLS", (*mitm.client()?).clone(), "https://shop.test/".to_owned()),
    ];
    println!("{} requests, {TASKS} at a time, on kept connections, median of {ROUNDS}:", TASKS * EACH);
    let mut all = [vec![], vec![], vec![]];
    // The first round opens the connections.
    for round in 0..=ROUNDS {
        for ((_, client, url), all) in clients.iter().zip(&mut all) {
            let (mut asking, began) = (JoinSet::new(), Instant::now());
            for _ in 0..TASKS {
                let (client, url) = (client.clone(), url.clone());
                asking.spawn(async move {
                    for _ in 0..EACH {
                        client.get(&url).send().await?.bytes().await?;
                    }
                    Ok::<_, reqwest::Error>(())
                });
            }
            while let Some(done) = asking.join_next().await {
                done??;
            }
            if round > 0 {
                all.push(began.elapsed() / u32::try_from(TASKS * EACH)?);
            }
        }
    }
    let baseline = median(all[0].clone());
    for ((name, ..), all) in clients.iter().zip(all) {
        let each = median(all);
        println!("  {name:<22} {:>7.1} us a request, {:.2} x direct", each * 1e3, each / baseline);
    }
    mitm.stop().await?;
    Ok(())
}

/// Parks a thousand flows at once. Client, proxy and server share one process, so the memory is that of all three.
async fn holding(origin: SocketAddr) -> TestResult {
    println!("{HELD} flows held at once, then released:");
    for (name, url, http1) in
        [("one HTTP/2 connection", "https://shop.test/n", false), ("HTTP/1.1 over TLS", "https://shop.test/n", true)]
    {
        let mitm = Mitm::start().await?;
        mitm.host("shop.test", Upstream::plain(origin));
        let hold = mitm.hold::<Request>(filter!(path == "/n")).within(Duration::from_secs(60));
        let client = if http1 { http1_client(&mitm)? } else { (*mitm.client()?).clone() };
        let before = resident_kib();
        let began = Instant::now();
        let mut asking = JoinSet::new();
        for _ in 0..HELD {
            let request = client.get(url);
            asking.spawn(async move { request.send().await?.text().await });
        }
        let held = hold.take(HELD).await?;
        let (parked, grown) = (began.elapsed(), resident_kib().saturating_sub(before));
        let began = Instant::now();
        let deliveries: Vec<_> = held.into_iter().map(Held::release).collect();
        let mut delivered = 0;
        for delivery in deliveries {
            delivered += usize::from(delivery.within(Duration::from_secs(60)).await?.is_delivered());
        }
        let released = began.elapsed();
        while let Some(answer) = asking.join_next().await {
            answer??;
        }
        let each = grown as f64 / HELD as f64;
        println!(
            "  {name:<22} parked in {:>6.1} ms, released in {:>6.1} ms, delivered {delivered}, {each:.1} KiB each",
            ms(parked),
            ms(released)
        );
        mitm.stop().await?;
    }
    Ok(())
}

fn http1_client(mitm: &Mitm) -> TestResult<reqwest::Client> {
    let pem = reqwest::tls::Certificate::from_pem(mitm.ca_pem().as_bytes())?;
    let proxy = reqwest::Proxy::all(mitm.proxy_url())?;
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    Ok(reqwest::Client::builder().http1_only().proxy(proxy).tls_certs_only([pem]).build()?)
}

/// Time from the verdict until the client has read the response, and until the delivery resolves.
async fn release(origin: SocketAddr) -> TestResult {
    let mitm = Mitm::start().await?;
    mitm.host("shop.test", Upstream::plain(origin));
    let client = mitm.client()?;
    let mut plain = vec![];
    for _ in 0..200 {
        let began = Instant::now();
        client.get("https://shop.test/free").send().await?.text().await?;
        plain.push(began.elapsed());
    }
    let hold = mitm.hold::<Response>(filter!(path == "/n"));
    let (mut read, mut delivered) = (vec![], vec![]);
    for _ in 0..200 {
        let request = client.get("https://shop.test/n");
        let asking = tokio::spawn(async move { request.send().await?.text().await });
        let held = hold.next().await?;
        let began = Instant::now();
        held.release().await?;
        delivered.push(began.elapsed());
        asking.await??;
        read.push(began.elapsed());
    }
    println!("one flow, median of 200:");
    println!("  a request that nobody holds  {:>7.3} ms", median(plain));
    println!("  release to delivered         {:>7.3} ms", median(delivered));
    println!("  release to read by client    {:>7.3} ms", median(read));
    Ok(mitm.stop().await?)
}

/// Time to read a journal of many flows: what a report, a console or `exchanges()` does.
async fn journal(origin: SocketAddr) -> TestResult {
    const FLOWS: usize = 10_000;
    let mitm = Mitm::start().await?;
    mitm.host("shop.test", Upstream::plain(origin));
    let client = mitm.client()?;
    let before = resident_kib();
    for _ in 0..FLOWS / 100 {
        let mut asking = JoinSet::new();
        for _ in 0..100 {
            let request = client.get("https://shop.test/path/to/x");
            asking.spawn(async move { request.send().await?.text().await });
        }
        while let Some(answer) = asking.join_next().await {
            answer??;
        }
    }
    let each = resident_kib().saturating_sub(before) as f64 / FLOWS as f64;
    let (mut exchanges, mut entries) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        assert_eq!(mitm.exchanges().len(), FLOWS);
        exchanges.push(began.elapsed());
        let began = Instant::now();
        assert!(mitm.journal().len() > FLOWS);
        entries.push(began.elapsed());
    }
    println!("a journal of {FLOWS} flows, {each:.1} KiB each, median of {ROUNDS}:");
    println!("  as exchanges  {:>7.1} ms", median(exchanges));
    println!("  as entries    {:>7.1} ms", median(entries));
    Ok(mitm.stop().await?)
}

/// Throughput with many rules of which none matches.
async fn rules(origin: SocketAddr) -> TestResult {
    const RULES: usize = 10_000;
    println!("requests a second over one HTTP/2 connection, {RULES} rules that match none of them:");
    let mut none = 0.0;
    // The baseline runs before and after, because the speed of the machine may change meanwhile.
    for kind in ["no rules", "host ==", "path ==", "path ~", "url ~", "no rules"] {
        let mitm = Mitm::start().await?;
        mitm.host("shop.test", Upstream::plain(origin));
        for n in 0..RULES {
            let filter = match kind {
                "host ==" => filter!(host == { format!("host{n}.test") } && status == 500),
                "path ==" => filter!(path == { format!("/path/{n}") } && status == 500),
                "path ~" => filter!(path ~ { format!("^/path/{n}/[a-z]+$") } && status == 500),
                "url ~" => filter!(url ~ { format!("shop\\.test/path/{n}(/|$)") } && status == 500),
                _ => break,
            };
            mitm.respond::<Response>(filter, 200);
        }
        let client = mitm.client()?;
        let began = Instant::now();
        client.get("https://shop.test/first").send().await?.text().await?;
        let first = began.elapsed();
        let (began, mut asked) = (Instant::now(), 0);
        while began.elapsed() < Duration::from_secs(3) {
            let mut asking = JoinSet::new();
            for _ in 0..64 {
                let request = client.get("https://shop.test/path/to/x");
                asking.spawn(async move { request.send().await?.text().await });
            }
            asked += asking.len();
            while let Some(answer) = asking.join_next().await {
                answer??;
            }
        }
        let rate = asked as f64 / began.elapsed().as_secs_f64();
        if none == 0.0 {
            none = rate;
        }
        println!("  {kind:<10} {rate:>7.0}   {:>5.1} %   first {:>6.1} ms", rate / none * 100.0, ms(first));
        mitm.stop().await?;
    }
    Ok(())
}
