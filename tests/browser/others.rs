//! Clients and drivers other than the built-in ones.

use crate::apart::{self, Apart};
use crate::support::site::Site;
use holdup::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use thirtyfour::prelude::*;
use thirtyfour::session::http::{Body, HttpClient};

/// An HTTP client for thirtyfour: its own one comes only with a second TLS provider.
struct Plain(reqwest::Client);

#[async_trait::async_trait]
impl HttpClient for Plain {
    async fn send(&self, request: http::Request<Body<'_>>) -> WebDriverResult<http::Response<bytes::Bytes>> {
        let (parts, body) = request.into_parts();
        let asking = self.0.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        let asking = match body {
            Body::Empty => asking,
            Body::Json(value) => asking.body(value.to_string()),
        };
        let answer = asking.send().await.expect("the relay answers");
        let status = answer.status();
        let mut response = http::Response::new(answer.bytes().await.expect("a body"));
        *response.status_mut() = status;
        Ok(response)
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(Self(self.0.clone()))
    }
}

/// Thirtyfour drives its own session through the relay: its actions are in the journal, and its flows are held.
#[mitm_test(browser = headless_shell)]
async fn thirtyfour_drives_a_held_page(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    site.page("/", "<button id=go onclick=\"fetch('/call').then(() => this.textContent = 'done')\">go</button>");
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in mitm.chromium_args().iter().map(String::as_str).chain(["--headless=new"]) {
        capabilities.add_arg(argument)?;
    }
    let tls = holdup_client_without_tls();
    let driver = WebDriver::builder(browser.webdriver_url(), capabilities).client(Plain(tls)).await?;
    driver.goto("https://site.test/").await?;
    let hold = hold!(path == "/call");
    let button = driver.find(By::Css("#go")).await?;
    button.click().await?;
    let call = hold.next().await?;
    assert_eq!(button.text().await?, "go");
    assert!(call.release().await?.is_delivered());
    driver.query(By::Css("#go")).with_text("done").first().await?;
    driver.quit().await?;
    Ok(())
}

/// A client that connects to the relay only.
pub fn holdup_client_without_tls() -> reqwest::Client {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let tls = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider);
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(tokio_rustls::rustls::RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap()
}

/// A page cannot drive its own browser, under whatever name it requests the relay.
#[mitm_test]
async fn a_page_cannot_use_the_relay(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    site.page("/", "<p>");
    browser.goto("https://site.test/").await?;
    let url = url::Url::parse(&browser.webdriver_url())?;
    let port = url.port().expect("a port");
    mitm.host("rebound.test", ([127, 0, 0, 1], port));
    for at in
        [format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"), format!("http://rebound.test:{port}")]
    {
        for page in ["https://site.test/".to_owned(), format!("{at}/")] {
            // Also from the relay's own origin, where the page is the refusal itself.
            drop(browser.goto(&page).await);
            let asked = format!("return fetch('{at}/status').then(r => r.status + ' ' + r.type, () => 'refused')");
            let said = browser.eval::<serde_json::Value>(&asked).await?;
            assert!(said == "refused" || said == "502 basic", "{page} asks {at}: {said}");
        }
    }
    // A request that knows the URL but has an `origin` header comes from a page.
    let status = reqwest::Client::builder()
        .no_proxy()
        .tls_backend_preconfigured(crate::support::raw::tls_config(&mitm.ca_pem(), &[]))
        .build()?
        .get(format!("{}status", browser.webdriver_url()))
        .header("origin", "https://site.test")
        .send()
        .await?
        .status();
    assert_eq!(status, 403);
    Ok(())
}

/// The loopback ports on which the drivers and browsers of this process listen.
fn ports_of_browsers() -> BTreeSet<u16> {
    let mut inodes = BTreeSet::new();
    for process in apart::marked(&std::env::var(apart::MARK).unwrap()) {
        let (process, name) = process.split_once(' ').unwrap();
        if ["chrom", "headless"].iter().any(|program| name.starts_with(program)) {
            let process = std::path::Path::new(process);
            let links = std::fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
            inodes.extend(links.filter_map(|link| Some(std::fs::read_link(link.path()).ok()?.display().to_string())));
        }
    }
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    let listening = rows.filter(|row| row[3] == "0A" && inodes.contains(&format!("socket:[{}]", row[9])));
    listening.map(|row| u16::from_str_radix(row[1].rsplit(':').next().unwrap(), 16).unwrap()).collect()
}

/// Whether a listener on `port` responded.
fn is_answered(one: &Exchange, port: u16) -> bool {
    one.request.target().port == port && one.outcome.as_ref().is_some_and(Outcome::is_delivered)
}

/// A page reaches neither its own driver and DevTools nor those of tests that run beside it.
#[test]
fn a_page_cannot_use_the_driver_or_the_inspector() {
    if apart::is("driven") {
        return driven();
    }
    let said = Apart::new("others::a_page_cannot_use_the_driver_or_the_inspector", "driven").output();
    assert!(said.contains("1 passed"), "{said}");
}

#[mitm_test(browser = headless_shell)]
async fn driven(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    if !apart::is("driven") {
        return Ok(());
    }
    let beside = Mitm::start().await?;
    let other = beside.browser_of(BrowserKind::HeadlessShell).await?;
    site.page("/", "<p>");
    let ports = ports_of_browsers();
    assert!(ports.len() >= 3, "a driver and two browsers: {ports:?}");
    for port in ports {
        mitm.host("rebound.test", ([127, 0, 0, 1], port));
        for at in ["127.0.0.1", "localhost", "rebound.test"].map(|host| format!("http://{host}:{port}")) {
            browser.goto("https://site.test/").await?;
            for ask in [
                format!("fetch('{at}/json/version')"),
                format!("fetch('{at}/session', {{ method: 'POST', body: '{{}}' }})"),
            ] {
                let asked = format!("return {ask}.then(r => r.status + ' ' + r.type, () => 'refused')");
                let said = browser.eval::<serde_json::Value>(&asked).await?;
                assert_eq!(said, "refused", "{ask}");
                assert!(mitm.exchanges().iter().all(|one| !is_answered(one, port)), "{ask}");
            }
        }
    }
    other.close().await;
    beside.stop().await?;
    Ok(())
}
