//! Schedules that are replayed and pinned, and orders that are no race.

use crate::support::app::App;
use crate::support::failure_of;
use crate::support::races::{CONFIG, SEARCH, play};
use holdup::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const STALE: &str = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1";

#[test]
fn a_pinned_schedule_fails_until_the_page_is_mended() {
    #[mitm_test(schedule = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1")]
    async fn broken(browser: Browser, app: App) -> TestResult {
        play(&SEARCH, false, browser, app).await
    }
    #[mitm_test(schedule = "h1;ff;r:GET /say?text=a#1 > r:GET /say?text=ab#1")]
    async fn mended(browser: Browser, app: App) -> TestResult {
        play(&SEARCH, true, browser, app).await
    }
    assert!(failure_of(broken).contains("left: String(\"a\")"));
    mended();
}

#[test]
fn what_is_printed_can_be_pasted() {
    #[mitm_test(explore(time = "300s"), timeout = "120s")]
    async fn explored(browser: Browser, app: App) -> TestResult {
        play(&SEARCH, false, browser, app).await
    }
    #[mitm_test]
    async fn pasted(browser: Browser, app: App) -> TestResult {
        app.serve(&SEARCH.page_of(false));
        // before the first request
        let first = hold!(response: method == GET && path == "/say" && query("text") == "ab");
        let second = hold!(response: method == GET && path == "/say" && query("text") == "a");
        browser.goto("https://app.test/").await?;
        // .. what the user does ..
        browser.type_into("#q", "a").await?;
        browser.type_into("#q", "b").await?;
        first.next().await?.release().processed().await?;
        second.next().await?.release().processed().await?;
        browser.settled().await?;
        assert_eq!(browser.text("#out").await?, "ab");
        Ok(())
    }
    let text = failure_of(explored);
    assert!(text.contains(&format!("HOLDUP_SCHEDULE='{STALE}' cargo test orders::explored -- --exact")), "{text}");
    let code = text.split("without `explore`:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    for line in code.lines() {
        assert!(include_str!("orders.rs").contains(line.trim()), "{line} is not in the test below\n{code}");
    }
    // The same race, without the explorer.
    let text = failure_of(pasted);
    assert!(text.contains("left: \"a\"\n right: \"ab\""), "{text}");
}

#[test]
fn a_schedule_that_does_not_fit_says_what_is_missing() {
    #[mitm_test(schedule = "h1;ff;r:GET /gone#1 > a1")]
    async fn body(browser: Browser, app: App) -> TestResult {
        play(&SEARCH, true, browser, app).await
    }
    #[mitm_test(schedule = "h2;ff")]
    async fn unreadable(browser: Browser, app: App) -> TestResult {
        play(&SEARCH, true, browser, app).await
    }
    let text = failure_of(body);
    assert!(
        text.contains("does not fit the test any more: r:GET /gone#1 did not happen\n  at tests/explore/orders.rs:"),
        "{text}"
    );
    assert!(text.contains("what happened: a1, a2, r:GET /say?text=a#1, a3, r:GET /say?text=ab#1"), "{text}");
    assert!(failure_of(unreadable).contains("bad schedule: a schedule begins with `h1;`"));
}

const RANDOM: &str = "<!doctype html><p id=out></p><script>
    fetch('/say?text=' + Math.random()).then(() => { out.textContent = 'there'; })</script>";

#[test]
fn what_no_order_controls_is_told_as_such() {
    #[mitm_test(explore)]
    async fn body(browser: Browser, app: App) -> TestResult {
        app.serve(RANDOM);
        browser.goto("https://app.test/").await?;
        assert_eq!(browser.text("#out").await?, "there");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("cannot be explored: two runs in the same order differ at step 2"), "{text}");
    assert!(text.contains("r:GET /say?text=0.") && text.contains("appeared only in run 1"), "{text}");
    assert!(!text.contains("race:"), "{text}");
}

#[mitm_test(explore(ignore(path == "/say"), max = 8))]
async fn what_is_ignored_is_left_alone(browser: Browser, app: App) -> TestResult {
    app.serve(RANDOM);
    browser.goto("https://app.test/").await?;
    browser.wait_text("#out", "there").await?;
    Ok(())
}

#[test]
fn a_test_that_fails_anyway_is_not_explored() {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    #[mitm_test(explore)]
    async fn body(browser: Browser, app: App) -> TestResult {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        play(&SEARCH, true, browser.clone(), app).await?;
        assert_eq!(browser.text("#out").await?, "wrong anyway");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("wrong anyway") && text.contains("nothing was explored"), "{text}");
    assert_eq!(EXECUTIONS.load(Ordering::Relaxed), 1);
}

#[test]
fn chance_is_no_race() {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    #[mitm_test(explore)]
    async fn body(browser: Browser, app: App) -> TestResult {
        let third = EXECUTIONS.fetch_add(1, Ordering::Relaxed) == 2;
        play(&CONFIG, true, browser, app).await?;
        assert!(!third, "by random_delays");
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("is flaky under this order: 1 of 3 executions failed"), "{text}");
    assert!(!text.contains("race:") && text.contains("by random_delays"), "{text}");
}

#[mitm_test(explore(max = 12), browser = headless_shell)]
async fn executions_share_nothing(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><p id=out></p><script>
        out.textContent = [document.cookie, localStorage.length, sessionStorage.length].join();
        document.cookie = 'seen=1';
        localStorage.seen = sessionStorage.seen = 1;
        navigator.serviceWorker?.register('/nothing.js').catch(() => {});
        fetch('/say?text=1');</script>",
    );
    browser.goto("https://app.test/").await?;
    assert_eq!(browser.text("#out").await?, ",0,0");
    Ok(())
}

/// The full search tries every order.
#[test]
fn every_order_is_tried_when_all_are_wanted() {
    static ORDERS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    #[mitm_test(explore(full, time = "300s"), timeout = "120s")]
    async fn body(browser: Browser, app: App) -> TestResult {
        app.serve(
            "<!doctype html><button id=go>go</button><p id=out></p><script>
            for (const name of 'ab') fetch('/say?text=' + name).then(() => { out.textContent += name; });
            go.onclick = () => { out.textContent += '!'; }</script>",
        );
        browser.goto("https://app.test/").await?;
        browser.click("#go").await?;
        let shown = browser.text("#out").await?;
        ORDERS.lock().unwrap().insert(shown);
        Ok(())
    }
    body();
    let orders = ORDERS.lock().unwrap().iter().cloned().collect::<Vec<_>>();
    assert_eq!(orders, ["!ab", "!ba", "a!b", "ab!", "b!a", "ba!"]);
}

/// A flow that the test holds itself is released by the test, whatever the explorer orders.
#[mitm_test(explore(max = 6), timeout = "120s")]
async fn a_test_may_hold_for_itself(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><p id=out></p><script>
        fetch('/say?text=mine').then(() => { out.textContent += 'mine'; });
        fetch('/say?text=yours').then(() => { out.textContent += 'yours,'; });</script>",
    );
    let mine = hold!(path == "/say" && query("text") == "mine");
    browser.goto("https://app.test/").await?;
    let held = mine.next().await?;
    assert_eq!(browser.text("#out").await?, "yours,");
    held.release().await?;
    assert_eq!(browser.text("#out").await?, "yours,mine");
    Ok(())
}

/// A request that a page makes long after it was quiet is delivered to a test that waits for its effect.
#[mitm_test(explore(max = 3, time = "300s"), timeout = "120s")]
async fn what_comes_late_is_found(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><div id=out></div><script>
        setTimeout(() => fetch('/say?text=late').then(answer => answer.text()).then(text => {
            out.innerHTML = '<p id=late>' + text;
        }), 1500)</script>",
    );
    browser.goto("https://app.test/").await?;
    assert_eq!(browser.text("#late").await?, "late");
    Ok(())
}

/// A flow parked by a hold of the test blocks nothing else.
#[mitm_test(explore(max = 6, time = "300s"), timeout = "120s")]
async fn a_test_goes_on_with_what_it_holds(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><button id=a>a</button><button id=b>b</button><p id=out></p><script>
        for (const button of [a, b]) button.onclick = async () => {
            const text = await (await fetch('/say?text=' + button.id)).text();
            out.textContent += text;
        }</script>",
    );
    let late = hold!(response: path == "/say" && query("text") == "a");
    browser.goto("https://app.test/").await?;
    browser.click("#a").await?;
    let held = late.next().await?;
    browser.click("#b").await?;
    assert_eq!(browser.text("#out").await?, "b");
    held.release().await?;
    browser.settled().await?;
    assert_eq!(browser.text("#out").await?, "ba");
    Ok(())
}

/// A response may render the page anew between finding an element and clicking it.
#[mitm_test(explore(max = 2, time = "300s"), timeout = "120s")]
async fn what_was_rendered_anew_is_clicked_all_the_same(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><div id=all></div><script>
        const load = async name => render(await (await fetch('/say?text=' + name)).text());
        const render = text => {
            all.innerHTML = '<p id=out>' + text + '</p><button id=a>a</button><button id=b>b</button>';
            for (const button of all.querySelectorAll('button')) button.onclick = () => load(button.id);
        };
        render('');</script>",
    );
    browser.goto("https://app.test/").await?;
    browser.click("#a").await?;
    browser.click("#b").await?;
    assert_eq!(browser.text("#out").await?, "b");
    Ok(())
}

/// Going back before the next page has arrived leaves the site: no page can prevent that.
#[mitm_test(explore(max = 8, time = "300s"), timeout = "120s")]
async fn leaving_the_site_is_no_race(browser: Browser, app: App) -> TestResult {
    app.serve(
        "<!doctype html><button id=go>go</button><p id=out>one</p><script>
        go.onclick = async () => {
            const text = await (await fetch('/say?text=two')).text();
            history.pushState(null, '', '/two');
            out.textContent = text;
        };
        onpopstate = () => { out.textContent = 'one'; };</script>",
    );
    browser.goto("https://app.test/").await?;
    browser.click("#go").await?;
    browser.back().await?;
    assert_eq!(browser.text("#out").await?, "one");
    Ok(())
}
