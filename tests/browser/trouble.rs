//! A missing driver, a driver that dies, a browser that does not start: each failure says what to do.

use crate::apart::{self, Apart};
use crate::support::failure_of;
use crate::support::site::Site;
use holdup::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[mitm_test(browser = headless_shell)]
async fn any_body(_browser: Browser) {}

#[mitm_test(browser = firefox)]
async fn any_firefox(_browser: Browser) {}

#[test]
fn no_driver() {
    if apart::is("no driver") {
        return any_body();
    }
    let said = Apart::new("trouble::no_driver", "no driver").env("HOLDUP_CHROMEDRIVER", "/no/such/driver").output();
    assert!(said.contains("HOLDUP_CHROMEDRIVER is /no/such/driver, which does not exist"), "{said}");
    let mut apart = Apart::new("trouble::no_driver", "no driver").env("HOLDUP_CHROMEDRIVER", "/bin/true");
    let said = apart.output();
    assert!(said.contains("/bin/true ended during its start, with exit status: 0"), "{said}");
    apart.wait_until_gone();
}

#[test]
fn no_firefox_driver() {
    if apart::is("no geckodriver") {
        return any_firefox();
    }
    let mut apart = Apart::new("trouble::no_firefox_driver", "no geckodriver").env("HOLDUP_GECKODRIVER", "/no/such");
    let said = apart.output();
    assert!(said.contains("HOLDUP_GECKODRIVER is /no/such, which does not exist"), "{said}");
}

#[test]
fn a_browser_that_nobody_knows() {
    if apart::is("unknown browser") {
        #[mitm_test]
        async fn body(_browser: Browser) {}
        return body();
    }
    let mut apart =
        Apart::new("trouble::a_browser_that_nobody_knows", "unknown browser").env("HOLDUP_BROWSER", "mosaic");
    let said = apart.output();
    assert!(said.contains("HOLDUP_BROWSER is \"mosaic\"; it takes headless_shell, chromium, firefox"), "{said}");
}

#[test]
fn a_browser_that_does_not_start() {
    if apart::is("no browser") {
        return any_body();
    }
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken-chromium");
    fs::write(&broken, "#!/bin/sh\necho no display >&2\nexit 1\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    let mut apart = Apart::new("trouble::a_browser_that_does_not_start", "no browser").env("HOLDUP_CHROMIUM", &broken);
    let said = apart.output();
    assert!(
        said.contains("setting up `Browser` failed: ") && said.contains("broken-chromium did not start within"),
        "{said}"
    );
    assert!(said.contains("for the test\n  at tests/browser/trouble.rs:"), "{said}");
    assert!(said.contains("the driver's last lines"), "{said}");
    apart.wait_until_gone();
}

/// Hides the DevTools port, as sandboxed packages of Chromium do.
const HIDES_ITS_PORT: &str = r#"#!/bin/sh
for switch do
  shift
  [ "$switch" = --remote-debugging-port=0 ] || set -- "$@" "$switch"
done
for browser in chromium-headless-shell chrome-headless-shell chromium google-chrome; do
  command -v "$browser" >/dev/null && exec "$browser" "$@"
done
"#;

#[test]
fn a_browser_that_hides_where_it_listens() {
    #[mitm_test(browser = headless_shell)]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p id=it></p><script>fetch('/x').then(() => it.textContent = 'it')</script>");
        site.page("/x", "x");
        browser.goto("https://site.test/").await?;
        browser.settled().await?;
        assert_eq!(browser.text("#it").await?, "it");
        Err(Failure::new("it was asked"))?
    }
    if apart::is("hides") {
        return body();
    }
    let folder = tempfile::tempdir().unwrap();
    let hiding = folder.path().join("chromium-headless-shell");
    fs::write(&hiding, HIDES_ITS_PORT).unwrap();
    fs::set_permissions(&hiding, fs::Permissions::from_mode(0o755)).unwrap();
    let mut apart =
        Apart::new("trouble::a_browser_that_hides_where_it_listens", "hides").env("HOLDUP_CHROMIUM", &hiding);
    let said = apart.output();
    // The first session showed that DevTools is not reachable.
    assert!(said.contains("it was asked") && said.matches("browser: new session").count() == 2, "{said}");
    apart.wait_until_gone();
}

#[test]
fn a_driver_that_dies_in_mid_test_is_named_and_replaced() {
    #[mitm_test]
    async fn body(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p id=it>it</p>");
        browser.goto("https://site.test/").await?;
        kill_driver();
        let error = browser.text("#it").await.expect_err("no driver");
        let text = error.to_string();
        assert!(text.contains("driver (pid ") && text.contains("has ended with signal: 9"), "{text}");
        let next = mitm.browser().await?;
        next.goto("https://site.test/").await?;
        assert_eq!(next.text("#it").await?, "it");
        next.close().await;
        Ok(())
    }
    if apart::is("dies") {
        return body();
    }
    let mut apart = Apart::new("trouble::a_driver_that_dies_in_mid_test_is_named_and_replaced", "dies");
    let said = apart.output();
    assert!(said.contains("1 passed"), "{said}");
    apart.wait_until_gone();
}

/// Kills the driver that this process started.
fn kill_driver() {
    let me = std::process::id().to_string();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let status = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = status.rsplit(')').next().unwrap_or_default().split_whitespace().nth(1).map(str::to_owned);
        if parent.as_deref() == Some(&me) && apart::name_of(Path::new(&entry.path())).ends_with("driver") {
            let pid = entry.file_name();
            assert!(std::process::Command::new("kill").arg("-KILL").arg(pid).status().unwrap().success());
        }
    }
}

#[test]
fn a_page_that_does_not_load_is_an_error() {
    #[mitm_test]
    async fn body(browser: Browser) -> TestResult {
        abort!(host == "gone.test", reset);
        browser.goto("https://gone.test/").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("https://gone.test/ did not load") && text.contains("aborted"), "{text}");
}

#[test]
fn a_page_that_the_proxy_could_not_fetch_is_an_error() {
    #[mitm_test]
    async fn body(browser: Browser) -> TestResult {
        respond!(path == "/serach", 503);
        browser.goto("https://nobody.test/search").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("https://nobody.test/search did not load: holdup could not fetch this"), "{text}");
    assert!(
        text.contains("these rules matched no flow:\n  respond!(path == \"/serach\", 503) of tests/browser/"),
        "{text}"
    );
    assert!(text.contains("nearest: #1 GET https://nobody.test/search"), "{text}");
}

#[test]
fn a_text_that_is_not_shown_is_told_with_what_was() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p id=it></p><script>setTimeout(() => it.textContent = 'late', 50)</script>");
        browser.goto("https://site.test/").await?;
        browser.wait_text("#none", "").await.expect_err("nothing there is not an empty text");
        browser.wait_text("#it", "late").await?;
        browser.wait_text("#it", "later").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("#it did not show \"later\" within 5s, but \"late\""), "{text}");
}

#[test]
fn an_element_that_does_not_appear_is_named() {
    #[mitm_test]
    async fn body(browser: Browser, site: Site) -> TestResult {
        site.page("/", "<p>");
        browser.goto("https://site.test/").await?;
        browser.click("#missing").await?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(
        text.contains("find #missing within 5s: it did not appear in time\n  at tests/browser/trouble.rs:"),
        "{text}"
    );
    assert_eq!(text.matches("find #missing, answered 404").count(), 1, "again and again is told once: {text}");
}
