//! Requests that are sent again.

use crate::support::failure_of;
use crate::support::origin::Origin;
use holdup::FlowId;
use holdup::prelude::*;

/// Sends a request with a body, and returns its flow.
async fn saved(mitm: &Mitm) -> TestResult<Exchange> {
    let client = mitm.client()?;
    let save = client.post("https://origin.test/echo").header("x-try", "1").body("{\"id\": 7}");
    assert!(save.send().await?.text().await?.ends_with("{\"id\": 7}"));
    let all = mitm.exchanges();
    Ok(all.into_iter().next_back().expect("a flow"))
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(response.body().map_or(&[], |body| body)).into_owned()
}

#[mitm_test]
async fn a_request_is_sent_again_with_its_body_or_with_changes(mitm: Mitm, origin: Origin) -> TestResult {
    let save = saved(&mitm).await?;
    let again = mitm.resend(&save).await?;
    assert!(again.status() == 200 && text(&again).ends_with("{\"id\": 7}"), "{}", text(&again));
    let changed = mitm.resend(&save).edit(|request| {
        request.headers_mut().insert("x-try", http::HeaderValue::from_static("2"));
        request.set_body("{\"id\": 8}");
    });
    let changed = text(&changed.await?);
    assert!(changed.contains("x-try: 2") && changed.ends_with("{\"id\": 8}"), "{changed}");
    assert_eq!(origin.state.seen(), ["POST /echo"; 3]);
    Ok(())
}

#[mitm_test]
async fn rules_act_on_what_is_sent_again(mitm: Mitm, _origin: Origin) -> TestResult {
    let save = saved(&mitm).await?;
    respond!(method == POST && path == "/echo", 409);
    assert_eq!(mitm.resend(&save).await?.status(), 409);
    Ok(())
}

fn path_of(mitm: &Mitm, flow: FlowId) -> Option<String> {
    Some(mitm.exchanges().iter().find(|it| it.id == flow)?.request.path().to_owned())
}

/// Both are under way at the same time, and leave in the order in which they are named.
#[mitm_test]
async fn several_are_under_way_at_once_in_a_chosen_order(mitm: Mitm, _origin: Origin) -> TestResult {
    let client = mitm.client()?;
    for path in ["/a", "/b"] {
        client.get(format!("https://origin.test{path}")).send().await?.text().await?;
    }
    let flows = mitm.exchanges();
    let answers = hold!(response: path == "/a" || path == "/b");
    let sending = mitm.resend_all([mitm.resend(&flows[1]), mitm.resend(&flows[0])]);
    let (responses, held) = tokio::join!(sending, async {
        let held = answers.take(2).await?;
        // Each has its own connection, so the server may see them in the other order.
        let sent = mitm.journal().into_iter().filter(|entry| entry.text().ends_with(" sent to the upstream"));
        let urls: Vec<_> = sent.skip(2).filter_map(|entry| path_of(&mitm, entry.flow()?)).collect();
        assert_eq!(urls, ["/b", "/a"]);
        for one in held.into_iter().rev() {
            one.release().await?;
        }
        Ok::<_, Failure>(())
    });
    held?;
    assert_eq!(responses?.iter().map(text).collect::<Vec<_>>(), ["this is /b", "this is /a"]);
    Ok(())
}

#[test]
fn a_body_that_was_not_kept_is_named() {
    #[mitm_test]
    async fn body(mitm: Mitm, _origin: Origin) -> TestResult {
        mitm.keep_bodies(4, 4);
        let save = saved(&mitm).await?;
        mitm.resend(&save).await?;
        Ok(())
    }
    let text = failure_of(body);
    let why =
        "the request could not be sent again: of the body of #1, 4 of 9 bytes were kept: `mitm.keep_bodies(each, all)`";
    assert!(text.contains(why) && text.contains("tests/it/resending.rs:"), "{text}");
}
