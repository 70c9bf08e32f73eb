//! The zoo: races of published libraries.
//!
//! The version with the bug fails under the recorded order, the one without it does not. Without that order, the
//! explorer finds it in the former, and nothing in the latter.

#[allow(dead_code, reason = "what is fetched is the business of xtask")]
mod cases;
mod server;

use crate::support::{failure_of, random_delays};
use cases::{Act, Case, Flow, Step};
use holdup::prelude::*;
use holdup::{Message, ServerEvent};
use serde_json::Value;
use server::Zoo;
use std::time::Duration;

/// Performs an action of the user.
async fn act(browser: &Browser, act: Act) -> TestResult {
    match act {
        Act::Click(css) => browser.click(css).await?,
        Act::Type(css, keys) => browser.type_into(css, keys).await?,
        Act::Back => browser.back().await?,
    }
    Ok(())
}

async fn seen(browser: &Browser, case: &Case) -> TestResult<Value> {
    Ok(browser.eval::<Value>(&format!("return {}", case.seen)).await?)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Performs the actions of the user, and checks the result.
async fn play(browser: Browser, case: &Case) -> TestResult {
    random_delays::delays();
    browser.goto("https://zoo.test/").await?;
    for each in case.acts {
        act(&browser, *each).await?;
    }
    random_delays::settle(&browser).await;
    let seen = seen(&browser, case).await?;
    assert!(case.right.iter().any(|right| value(right) == seen), "the page shows {seen}");
    Ok(())
}

/// A hold for one flow of a case.
enum Holding {
    Answer(Hold<Response>),
    Message(Hold<Message>),
    Event(Hold<ServerEvent>),
}

impl Holding {
    fn new(mitm: &Mitm, flow: &Flow) -> Self {
        match flow {
            Flow::Answer(method, url, nth) => {
                // Some libraries add a cache-busting parameter.
                let url = format!("{}([?&]_=.*)?$", regex::escape(&format!("https://zoo.test{url}")));
                let filter = filter!(method == { method } && url ~ { url } && occurrence == { nth });
                Self::Answer(mitm.hold(filter).optional())
            }
            Flow::Message(text) => Self::Message(mitm.hold(filter!(message contains { text })).optional()),
            Flow::Event(text) => Self::Event(mitm.hold(filter!(data contains { text })).optional()),
        }
    }

    fn remove(self) {
        match self {
            Self::Answer(hold) => hold.remove(),
            Self::Message(hold) => hold.remove(),
            Self::Event(hold) => hold.remove(),
        }
    }

    /// Releases the flow, if it is parked.
    async fn release(&self) -> TestResult {
        async fn first<S: holdup::Stage>(hold: &Hold<S>) -> TestResult {
            if let Ok(Ok(held)) = tokio::time::timeout(Duration::ZERO, hold.next()).await {
                held.release().await?;
            }
            Ok(())
        }
        match self {
            Self::Answer(hold) => first(hold).await,
            Self::Message(hold) => first(hold).await,
            Self::Event(hold) => first(hold).await,
        }
    }
}

/// Plays the recorded order with holds of the test, and returns what the page shows in the end.
async fn record(mitm: &Mitm, browser: &Browser, case: &Case) -> TestResult<Value> {
    let holds: Vec<_> = case.flows.iter().map(|(name, flow)| (*name, Holding::new(mitm, flow))).collect();
    browser.goto("https://zoo.test/").await?;
    browser.settled().await?;
    for step in case.racing {
        match step {
            Step::Do(what) => act(browser, *what).await?,
            Step::Release(name) => holds.iter().find(|(known, _)| known == name).unwrap().1.release().await?,
        }
        browser.settled().await?;
    }
    let seen = seen(browser, case).await?;
    // Some versions request repeatedly.
    holds.into_iter().for_each(|(_, hold)| hold.remove());
    Ok(seen)
}

macro_rules! zoo {
    ($($name:ident: $case:literal $(, $option:ident($($filter:tt)*))?;)*) => {
        $(mod $name {
            use super::*;

            #[mitm_test]
            async fn breaks_in_the_recorded_order(mitm: Mitm, browser: Browser, zoo: Zoo<$case, 0>) -> TestResult {
                assert_eq!(record(&mitm, &browser, zoo.0).await?, value(zoo.0.wrong), "{}", zoo.0.source);
                Ok(())
            }

            #[mitm_test]
            async fn does_not_break_where_it_is_mended(mitm: Mitm, browser: Browser, zoo: Zoo<$case, 1>) -> TestResult {
                let seen = record(&mitm, &browser, zoo.0).await?;
                assert!(zoo.0.right.iter().any(|right| value(right) == seen), "the page shows {seen}");
                Ok(())
            }

            #[test]
            fn is_found() {
                #[mitm_test(explore(time = "300s" $(, $option($($filter)*))?), timeout = "120s")]
                async fn body(browser: Browser, zoo: Zoo<$case, 0>) -> TestResult {
                    play(browser, zoo.0).await
                }
                let text = failure_of(body);
                println!("{text}");
                assert!(text.starts_with("race: body failed in 1 of "), "{text}");
            }

            #[mitm_test(explore(max = 20, time = "300s" $(, $option($($filter)*))?), timeout = "120s")]
            async fn is_not_found_where_it_is_mended(browser: Browser, zoo: Zoo<$case, 1>) -> TestResult {
                play(browser, zoo.0).await
            }
        })*
    };
}

zoo! {
    algolia_escape: 0;
    algolia_order: 1;
    apollo_back: 2;
    bootstrap_table: 3;
    fancytree_remove: 4;
    htmx_replace: 5;
    inertia_back: 6;
    // A node of the server pushes differences while another replies with the state.
    phoenix_presence: 7, unordered(path ~ "^/socket");
    pjax_clicks: 8;
    rtk_query_invalidate: 9;
    swr_refresh: 10;
    turbo_refresh: 11;
    vueuse_state: 12;
}
