//! Inspection changes nothing: an unreadable body passes unchanged, and the failure names the flow and the reason.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use std::io::Write;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// Fetches the body without decoding it.
async fn fetched(client: &Client) -> TestResult<(u16, Vec<u8>)> {
    let response = client.get("https://odd.test/").send().await?;
    Ok((response.status().as_u16(), response.bytes().await?.to_vec()))
}

fn bodies() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let text = b"a needle in a haystack";
    vec![
        ("none", "content-encoding: none\r\n", text.to_vec(), "content-encoding \"none\" is not one that can be read"),
        ("utf-8", "content-encoding: utf-8\r\n", text.to_vec(), "content-encoding \"utf-8\""),
        ("aws-chunked", "content-encoding: aws-chunked\r\n", text.to_vec(), "content-encoding \"aws-chunked\""),
        (
            "junk behind the gzip",
            "content-encoding: gzip\r\n",
            [gzip(text), b"junk".to_vec()].concat(),
            "is not valid gzip",
        ),
        ("a cut gzip", "content-encoding: gzip\r\n", gzip(text)[..25].to_vec(), "is not valid gzip"),
        ("over the limit", "", [text.to_vec(), vec![b'x'; 2_000]].concat(), "more than 1000 bytes"),
        ("a stream", "content-type: text/event-stream\r\n", b"data: needle\n\n".to_vec(), "a stream that has no end"),
    ]
}

#[mitm_test]
async fn a_watch_a_hold_and_a_delay_let_it_pass(client: Client, mitm: Mitm) -> TestResult {
    mitm.limit_bodies(1_000);
    let watch = watch!(response: host == "odd.test" && body ~ "needle").within(std::time::Duration::from_millis(1));
    let hold = hold!(response: host == "odd.test" && body ~ "needle").optional();
    delay!(response: host == "odd.test" && json("/a") == "b", 60s);
    respond!(response: host == "odd.test" && body contains "haystack", 500);
    for (kind, headers, body, why) in bodies() {
        mitm.host("odd.test", raw::answers(headers, &body).await);
        assert_eq!(fetched(&client).await?, (200, body), "{kind}");
        let failure = watch.next().await.expect_err("not known").to_string();
        assert!(
            failure.contains("it is not known whether these match, since their bodies cannot be read:"),
            "{failure}"
        );
        assert!(failure.contains(why), "{kind}: {failure}");
    }
    assert_eq!((watch.hits(), mitm.exchanges().len()), (0, bodies().len()));
    drop(hold);
    Ok(())
}

#[mitm_test]
async fn of_a_request_too(client: Client, mitm: Mitm, origin: Origin) -> TestResult {
    mitm.limit_bodies(1_000);
    let watch = watch!(body ~ "needle");
    let at_response = watch!(response: request.body ~ "needle");
    for (coding, body) in [("none", b"needle".to_vec()), ("gzip", b"needle".to_vec()), ("", vec![b'x'; 2_000])] {
        let request = client.post("https://origin.test/count").body(body.clone());
        let request = if coding.is_empty() { request } else { request.header("content-encoding", coding) };
        assert_eq!(request.send().await?.text().await?, body.len().to_string());
    }
    assert_eq!((watch.hits(), at_response.hits(), origin.state.seen().len()), (0, 0, 3));
    Ok(())
}

/// The upstream breaks off while a rule reads: the client receives the same bytes as without the rule.
#[mitm_test]
async fn a_body_that_breaks_off_is_passed_on_so_far(client: Client, mitm: Mitm) -> TestResult {
    mitm.host("odd.test", raw::says("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nneedle").await);
    let watch = watch!(response: body ~ "needle");
    let mut response = client.get("https://odd.test/").send().await?;
    assert_eq!(response.status(), 200);
    assert_eq!(response.chunk().await?.as_deref(), Some(&b"needle"[..]));
    response.chunk().await.expect_err("broken off");
    assert_eq!(watch.hits(), 0);
    Ok(())
}

/// A rule that must change the body fails with the reason.
#[tokio::test]
async fn a_rewrite_of_a_body_that_cannot_be_read_fails() -> TestResult {
    let mitm = Mitm::start().await?;
    mitm.host("odd.test", raw::answers("content-encoding: none\r\n", b"needle").await);
    mitm.scope(async {
        rewrite!(host == "odd.test", "needle" => "pin");
    })
    .await;
    let response = mitm.client()?.get("https://odd.test/").send().await?;
    assert_eq!(response.status(), 502);
    let failure = mitm.stop().await.expect_err("a fault").to_string();
    assert!(failure.contains("a rule could not be applied") && failure.contains("\"none\""), "{failure}");
    Ok(())
}

#[mitm_test]
async fn a_cookie_is_found_beside_one_that_is_no_text(mitm: Mitm, _origin: Origin) -> TestResult {
    let watch = watch!(cookie("session") == "abc");
    let mut stream = raw::connect(&mitm).await;
    let ask =
        b"GET http://origin.test/ HTTP/1.1\r\nhost: origin.test\r\ncookie: name=caf\xe9; session=abc; x=\xff\r\n\r\n";
    raw::ask(&mut stream, ask, "this is").await;
    assert_eq!(watch.hits(), 1);
    Ok(())
}
