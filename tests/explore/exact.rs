//! What a search tells: how many orders there are, what it left out, and what it keeps.

use crate::support::app::App;
use crate::support::races::{SEARCH, play};
use crate::support::site::Site;
use crate::support::streams::Streams;
use futures_util::{SinkExt, StreamExt};
use holdup::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs one of the tests below in a separate process, with a corpus in `package`. Returns whether it passed, and its output.
fn apart(test: &str, package: &Path, env: &[(&str, &str)]) -> (bool, String) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", &format!("exact::{test}"), "--nocapture"]).env("CARGO_MANIFEST_DIR", package);
    child.env("CI", "").env("HOLDUP_ARTIFACTS", package.join("artifacts")).env("HOLDUP_CORPUS", "1");
    child.env("HOLDUP_TEST_APART", "1").envs(env.iter().copied());
    let output = child.env_remove("RUST_BACKTRACE").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// What a test prints that passes.
fn summary_of(test: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (passed, said) = apart(test, folder.path(), &[]);
    assert!(passed, "{said}");
    said.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

const THREE_ACTIONS: &str = "<button id=a onclick=\"fetch('/one')\">a</button><button id=b>b</button>";

#[mitm_test(explore)]
async fn one_answer_and_three_actions(browser: Browser, site: Site) -> TestResult {
    site.page("/", THREE_ACTIONS);
    browser.goto("https://site.test/").await?;
    browser.click("#a").await?;
    browser.click("#b").await?;
    Ok(())
}

/// A page that shows the time, a random id, and a suggestion.
const RESTLESS: &str = "<input id=q><p id=out></p><p id=clock></p><p id=ticket></p><script>
    clock.textContent = new Date().toTimeString().slice(0, 8);
    ticket.textContent = 'ticket ' + Math.floor(Math.random() * 1e5);
    q.oninput = async () => {
        const answer = await fetch('/search/' + q.value);
        out.id = 'out-' + crypto.randomUUID();
        document.querySelector('p').textContent = await answer.text();
    };</script>";

#[mitm_test(explore)]
async fn a_suggestion_beside_a_clock(browser: Browser, site: Site) -> TestResult {
    site.page("/", RESTLESS);
    browser.goto("https://site.test/").await?;
    browser.type_into("#q", "a").await?;
    browser.type_into("#q", "b").await?;
    browser.settled().await?;
    Ok(())
}

#[test]
fn all_orders_are_tried_once_and_outcomes_are_what_a_reader_sees() {
    let said = summary_of("one_answer_and_three_actions");
    assert!(said.contains("all 2 orders tried, 3 executions") && said.contains(", 1 distinct outcome"), "{said}");
    let said = summary_of("a_suggestion_beside_a_clock");
    assert!(said.contains("all 3 orders tried, 4 executions") && said.contains(", 2 distinct outcomes"), "{said}");
    assert!(said.contains("no part of an outcome, since two natural executions differ there: p#ticket"), "{said}");
}

/// A server whose socket sends two messages when it is asked, and a page that shows the last.
async fn two_messages(mitm: &Mitm, browser: &Browser, site: &Site) -> TestResult {
    let streams = Streams::start().await;
    mitm.host("streams.test", streams.address);
    site.page(
        "/",
        "<p id=out>-</p><script>
        const socket = new WebSocket('wss://streams.test/socket');
        socket.onopen = () => socket.send('go');
        socket.onmessage = message => out.textContent = JSON.parse(message.data).text</script>",
    );
    let serving = tokio::spawn(async move {
        let mut socket = streams.socket().await;
        while socket.next().await.is_some_and(|message| message.is_ok_and(|message| !message.is_text())) {}
        for text in [r#"{"type": "older", "text": "older"}"#, r#"{"type": "newer", "text": "newer"}"#] {
            drop(socket.send(text.into()).await);
        }
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
    });
    browser.goto("https://site.test/").await?;
    browser.settled().await?;
    let shown = browser.text("#out").await?;
    serving.abort();
    assert_eq!(shown, "newer");
    Ok(())
}

#[mitm_test(explore(max = 20))]
async fn messages_of_a_socket(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    two_messages(&mitm, &browser, &site).await
}

#[mitm_test(explore(unordered(host == "streams.test")))]
async fn messages_of_a_cluster(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
    if std::env::var_os("HOLDUP_TEST_APART").is_none() {
        return Ok(());
    }
    two_messages(&mitm, &browser, &site).await
}

#[test]
fn no_network_reorders_the_messages_of_a_socket() {
    let said = summary_of("messages_of_a_socket");
    assert!(said.contains("there is only one order"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let (passed, said) = apart("messages_of_a_cluster", folder.path(), &[]);
    assert!(
        !passed
            && said.contains(
                "the WebSocket message older of //streams.test/socket reaches the page after the WebSocket message newer of "
            ),
        "{said}"
    );
}

#[mitm_test(explore)]
async fn a_search(browser: Browser, app: App) -> TestResult {
    if std::env::var_os("HOLDUP_TEST_APART").is_none() {
        return Ok(());
    }
    play(&SEARCH, false, browser, app).await
}

#[mitm_test(explore(never("r:GET /say?text=a#1 > r:GET /say?text=ab#1")))]
async fn a_search_whose_server_keeps_the_order(browser: Browser, app: App) -> TestResult {
    play(&SEARCH, false, browser, app).await
}

#[test]
fn what_is_found_is_kept_and_executed_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tests/holdup-regressions/explore.exact.txt");
    let (passed, said) = apart("a_search", folder.path(), &[("CI", "true")]);
    assert!(
        !passed && said.contains("add this line to tests/holdup-regressions/explore.exact.txt: cc a_search h1;"),
        "{said}"
    );
    assert!(!file.exists(), "nothing is written in a CI job");
    let (passed, said) = apart("a_search", folder.path(), &[]);
    assert!(
        !passed && said.contains("race: a_search failed in 1 of ") && said.contains("  kept:    in tests/holdup-"),
        "{said}"
    );
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("cc a_search h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1 # the response to"), "{kept}");
    let (passed, said) = apart("a_search", folder.path(), &[]);
    assert!(
        !passed
            && said
                .contains("race: a_search failed again in the order of tests/holdup-regressions/explore.exact.txt:2 ("),
        "{said}"
    );
    fs::write(&file, kept.replace("text=ab#1", "text=old#1")).unwrap();
    let (passed, said) = apart("a_search_whose_server_keeps_the_order", folder.path(), &[]);
    assert!(passed, "it is a line of another test: {said}");
    fs::write(
        &file,
        kept.replace("text=ab#1", "text=old#1").replace("a_search", "a_search_whose_server_keeps_the_order"),
    )
    .unwrap();
    let (passed, said) = apart("a_search_whose_server_keeps_the_order", folder.path(), &[]);
    assert!(
        passed && said.contains(":2 does not fit the test any more: r:GET /say?text=old#1 did not happen"),
        "{said}"
    );
    fs::write(&file, kept.replace("h1;ff", "h7;ff")).unwrap();
    let (passed, said) = apart("a_search", folder.path(), &[]);
    assert!(!passed && said.contains("explore.exact.txt:2 cannot be read: a schedule begins with `h1;`"), "{said}");
    let (passed, said) = apart("a_search", folder.path(), &[("HOLDUP_CORPUS", "0")]);
    assert!(!passed && said.contains("failed in 1 of ") && !said.contains("kept:"), "{said}");
}

/// Each execution opens a window, and sees no other's.
#[mitm_test(explore(max = 5), browsers = all)]
async fn windows_are_those_of_the_execution(browser: Browser, site: Site) -> TestResult {
    site.page("/", "<button id=a onclick=\"fetch('/one')\">a</button><p id=out></p><script>
        out.textContent = document.cookie + localStorage.seen; document.cookie = 'seen=1'; localStorage.seen = 1</script>");
    browser.goto("https://site.test/").await?;
    browser.click("#a").await?;
    let window = browser.new_window(true).await?;
    browser.switch_to_window(window.handle).await?;
    browser.goto("https://site.test/").await?;
    assert_eq!(browser.text("#out").await?, "seen=11", "it shares what the first window has");
    let windows = browser.windows().await?.len();
    assert!(windows <= 4, "the session's first, its two, and the next execution's: {windows}");
    Ok(())
}

/// A bar that moves as long as a call is open, by a timer that sets itself again.
fn page_with(library: &str, body: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/zoo/node_modules");
    let script =
        fs::read_to_string(folder.join(library)).expect("the libraries are not here: `cargo xtask zoo` fetches them");
    format!("<script>{}</script>{body}", script.replace("</script", "<\\/script"))
}

#[mitm_test(explore(max = 20))]
async fn a_page_with_nprogress(browser: Browser, site: Site) -> TestResult {
    site.page("/", &page_with("nprogress/nprogress.js", "<button id=a>a</button><button id=b>b</button><p id=out></p><script>
        const load = async what => { NProgress.start(); out.append(await (await fetch('/' + what)).text() + ' '); NProgress.done(); };
        a.onclick = () => load('one'); b.onclick = () => load('two');</script>"));
    browser.goto("https://site.test/").await?;
    browser.click("#a").await?;
    browser.click("#b").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?.split(' ').filter(|word| *word == "this").count(), 2);
    Ok(())
}

#[mitm_test(explore(max = 20))]
async fn a_page_with_unpoly(browser: Browser, site: Site) -> TestResult {
    let links = "<a id=a href=/one up-follow up-target=#out>a</a> <a id=b href=/two up-follow up-target=#out>b</a><p id=out>-</p>";
    site.page("/", &page_with("unpoly/unpoly.js", links));
    for page in ["one", "two"] {
        site.page(&format!("/{page}"), &format!("<p id=out>{page}</p>"));
    }
    browser.goto("https://site.test/").await?;
    browser.click("#a").await?;
    browser.click("#b").await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "two");
    Ok(())
}

#[test]
fn a_progress_bar_stops_no_search() {
    for test in ["a_page_with_nprogress", "a_page_with_unpoly"] {
        let said = summary_of(test);
        assert!(!said.contains("did not settle") && said.contains("orders tried"), "{said}");
    }
}

/// In an execution, a wait ends when nothing is left that could change the page.
#[mitm_test(explore(max = 8), timeout = "12s")]
async fn a_wait_for_what_never_comes_ends_early(browser: Browser, site: Site) -> TestResult {
    site.page(
        "/",
        "<button id=a onclick=\"fetch('/one').then(() => out.textContent = 'one')\">a</button><p id=out>-</p>",
    );
    browser.goto("https://site.test/").await?;
    browser.click("#a").await?;
    browser.wait_text("#out", "one").await?;
    // Five seconds each, if they were waited out: more than the timeout.
    assert!(browser.wait_text("#out", "never").await.is_err());
    assert!(browser.wait_until("window.never").await.is_err());
    assert!(browser.wait("#never").await.is_err());
    Ok(())
}
