//! Shared by the test binaries: HTTP servers behind the proxy, and raw clients.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod app;
pub mod console;
pub mod handlers;
pub mod nodejs;
pub mod origin;
pub mod programs;
pub mod races;
pub mod random_delays;
pub mod raw;
pub mod site;
pub mod streams;

/// Runs a test body that must fail, and returns the failure text that its author reads.
///
/// # Panics
///
/// Panics if the body succeeds.
pub fn failure_of(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(test).expect_err("the test was to fail");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).expect("a text")
}

/// Waits until every flow has ended, and returns how: a client may have its response a moment before.
pub async fn outcomes(mitm: &holdup::Mitm) -> Vec<holdup::Outcome> {
    loop {
        let ended: Option<Vec<_>> = mitm.exchanges().into_iter().map(|exchange| exchange.outcome).collect();
        match ended {
            Some(outcomes) => return outcomes,
            None => tokio::task::yield_now().await,
        }
    }
}

/// Sends a GET request in a new task, which returns the status and the text of the response.
pub fn get(client: &holdup::Client, url: &str) -> tokio::task::JoinHandle<Result<(u16, String), reqwest::Error>> {
    let request = client.get(url);
    tokio::spawn(async move {
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    })
}
