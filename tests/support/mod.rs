//! Shared by the test binaries: a real HTTP server to stand behind the proxy, and raw clients.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic)]

pub mod app;
pub mod handlers;
pub mod origin;
pub mod programs;
pub mod races;
pub mod random_delays;
pub mod raw;
pub mod site;
pub mod streams;

/// The text of the failure of a test body, as its author would read it.
pub fn failure_of(test: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(test).expect_err("the test was to fail");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).expect("a text")
}

/// Asks in a task of its own: the answer's status and text.
pub fn get(client: &holdup::Client, url: &str) -> tokio::task::JoinHandle<Result<(u16, String), reqwest::Error>> {
    let request = client.get(url);
    tokio::spawn(async move {
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    })
}
