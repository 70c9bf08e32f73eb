//! Recordings as flows of the past.

use crate::support::failure_of;
use crate::support::origin::Origin;
use holdup::prelude::*;

const GOLDEN: &str = "tests/it/recorded/golden.har";

#[mitm_test]
async fn a_recording_is_in_the_journal(mitm: Mitm) -> TestResult {
    let flows = mitm.load(GOLDEN)?;
    assert_eq!(flows.len(), mitm.exchanges().len());
    let line = |path: &str| flows.iter().find(|flow| flow.request.path() == path).map(ToString::to_string);
    assert_eq!(line("/old").as_deref(), Some("#6 GET http://shop.test/old -> 302"));
    assert_eq!(line("/gone").as_deref(), Some("#9 GET http://shop.test/gone (client gone)"));
    // It is recorded again as it was.
    let again = concat!(env!("CARGO_TARGET_TMPDIR"), "/loaded.har");
    mitm.save(again)?;
    mitm.stop().await?;
    let lines = |flows: Vec<Exchange>| flows.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(lines(Mitm::start().await?.load(again)?), lines(flows));
    Ok(())
}

#[mitm_test]
async fn a_recorded_request_is_sent_again(mitm: Mitm, origin: Origin) -> TestResult {
    mitm.host("shop.test", origin.address);
    let flows = mitm.load(GOLDEN)?;
    let find = |path: &str| flows.iter().find(|flow| flow.request.path() == path).expect("it was recorded");
    let saved = mitm.resend(find("/save")).await?;
    assert_eq!(saved.status(), 200);
    assert_eq!(origin.state.seen(), ["POST /save"]);
    let socket = mitm.resend(find("/socket")).await.expect_err("it was a WebSocket").to_string();
    assert!(socket.contains("opened a WebSocket"), "{socket}");
    Ok(())
}

#[test]
fn what_is_no_recording_is_an_error_at_its_line() {
    #[mitm_test]
    async fn reads(mitm: Mitm) -> TestResult {
        mitm.load("Cargo.toml")?;
        Ok(())
    }
    let text = failure_of(reads);
    assert!(text.contains("Cargo.toml cannot be replayed") && text.contains("tests/it/loading.rs:"), "{text}");
}
