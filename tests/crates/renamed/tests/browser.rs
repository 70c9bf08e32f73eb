use h::prelude::*;
use thirtyfour::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PAGE: &str = "<!doctype html><title>renamed</title>";

/// A fixture of this crate: a small server.
struct Site;

impl Fixture for Site {
    async fn set_up(cx: &mut Setup) -> TestResult<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        cx.mitm().host("site.test", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n", PAGE.len());
                let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{PAGE}").as_bytes()).await;
            }
        });
        Ok(Self)
    }
}

#[mitm_test]
async fn every_verb_knows_the_name(mitm: Mitm) -> TestResult {
    hold!(path == "/x" && port in 1..3).optional().remove();
    h::watch!(response: "~s ~c 500");
    delay!(path == "/x", 300ms).remove();
    abort!(path == "/x", reset).remove();
    respond!(path == "/x", json!({ "a": 1 })).remove();
    edit!(path == "/x", |request| request.set_path_and_query("/y")).remove();
    mitm.hold::<Request>(filter!(path == "/x")).optional().remove();
    Ok(())
}

#[mitm_test(explore(max = 2, ignore(path == "/favicon.ico")))]
async fn an_explored_test_knows_the_name(browser: Browser, _site: Site) -> TestResult {
    browser.goto("https://site.test/").await?;
    assert_eq!(browser.title().await?, "renamed");
    Ok(())
}

#[mitm_test]
async fn thirtyfour_drives_a_page_that_is_held(mitm: Mitm, browser: Browser, _site: Site) -> TestResult {
    let mut capabilities = DesiredCapabilities::chrome();
    for argument in mitm.chromium_args() {
        capabilities.add_arg(&argument)?;
    }
    capabilities.add_arg("--headless=new")?;
    let driver = WebDriver::new(browser.webdriver_url(), capabilities).await?;
    let hold = hold!(path == "/");
    let going = tokio::spawn({
        let driver = driver.clone();
        async move { driver.goto("https://site.test/").await }
    });
    hold.next().await?.release();
    going.await??;
    assert_eq!(driver.title().await?, "renamed");
    driver.quit().await?;
    Ok(())
}
