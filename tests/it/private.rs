//! Secrets and terminal control characters reach no output: they are planted wherever a flow can carry them, and
//! searched for in everything that a person or a CI log sees.

use crate::support::streams::{self, Streams};
use crate::support::{failure_of, raw};
use holdup::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.S3cret-jwt";

/// The prefix of all planted secrets, so that a fragment of one is found, too.
const PLANTED: &str = "S3cret-";
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{202e}";

/// Sends a flow with secrets in its request, its response and its body.
async fn plant(client: &Client, mitm: &Mitm) -> TestResult {
    let headers = "location: https://user:S3cret-userinfo@origin.test/#access_token=S3cret-fragment\r\n\
         set-cookie: sid=S3cret-setcookie\r\n";
    let body = format!("{{\"password\": \"S3cret-json\", \"id\": \"{JWT}\", \"text\": \"{HOSTILE}\"}}\n");
    mitm.host("origin.test", raw::answers(headers, body.as_bytes()).await);
    let request = client.post("https://origin.test/login?code=S3cret-code&access_token=S3cret-access");
    let request = request.header("authorization", "Bearer S3cret-bearer").header("cookie", "sid=S3cret-cookie");
    let request = request.header("x-api-key", "S3cret-apikey").header("x-csrf-token", "S3cret-csrf");
    let form = "user=a&password=S3cret-form";
    request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await?;
    Ok(())
}

#[track_caller]
fn assert_private(exit: &str, text: &str) {
    let at = text.find(PLANTED).map(|at| text[at..].chars().take(40).collect::<String>());
    assert_eq!(at, None, "of {exit}:\n{text}");
    let harmful =
        text.chars().find(|char| (char.is_control() && *char != '\n' && *char != '\t') || *char == '\u{202e}');
    assert_eq!(harmful, None, "in {exit}:\n{text:?}");
}

#[test]
fn no_secret_stands_in_a_failure() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client) -> TestResult {
        let api_key = "S3cret-filter";
        let soon = Duration::from_millis(50);
        let by_form = hold!(path == "/login" && form("password") == "other" && body contains "other").within(soon);
        let by_body =
            hold!(response: path == "/login" && json("/password") == "b" && body contains "other").within(soon);
        let hold = hold!(path == "/login" && request.header("x-api-key") == { api_key }).within(soon);
        plant(&client, &mitm).await?;
        for missed in [by_form.next().await.map(drop), by_body.next().await.map(drop)] {
            let text = missed.unwrap_err().to_string();
            assert!(text.contains("body was"), "{text}");
            assert_private("a miss by its body", &text);
        }
        hold.next().await?.release();
        Ok(())
    }
    let text = failure_of(body);
    assert_private("the failure", &text);
    assert!(text.contains("<masked ") && text.contains("origin.test/login?code=<masked"), "{text}");
}

#[mitm_test]
async fn no_secret_stands_in_an_exchange(mitm: Mitm, client: Client) -> TestResult {
    let hold = hold!(response: path == "/login" && body contains "password");
    let planting = async {
        let held = hold.next().await?;
        assert_private("a held flow", &format!("{held:?}"));
        held.release();
        TestResult::Ok(())
    };
    let (planted, held) = tokio::join!(plant(&client, &mitm), planting);
    planted?;
    held?;
    let exchanges = mitm.exchanges();
    let shown = exchanges.iter().map(|one| format!("{one}\n{one:?}\n{:?}\n{:?}", one.request, one.response));
    let shown = shown.collect::<String>();
    assert_private("the exchanges", &shown);
    // The test itself sees the values.
    assert_eq!(exchanges[0].request.header("x-api-key"), Some("S3cret-apikey"));
    // Equal secrets have equal placeholders.
    let of_cookie: BTreeSet<_> =
        shown.lines().filter_map(|line| line.trim().strip_prefix("cookie: ")).map(str::to_owned).collect();
    assert_eq!(of_cookie.len(), 1, "{of_cookie:?}");
    Ok(())
}

#[test]
fn no_secret_of_a_stream_stands_in_a_failure() {
    #[mitm_test]
    async fn body(mitm: Mitm, client: Client, origin: Streams) -> TestResult {
        let (mut socket, mut at_server) = origin.pair(&mitm).await;
        let hold = hold!(message: message contains "never").within(Duration::from_millis(50));
        let text = format!("{{\"token\": \"S3cret-socket\", \"padding\": \"{}\"}}", "x".repeat(200));
        streams::say(&mut at_server, &text).await;
        assert_eq!(streams::hear(&mut socket).await, text);
        streams::say(&mut at_server, HOSTILE).await;
        streams::hear(&mut socket).await;
        let asked = client.get("http://origin.test/events").send();
        let (answer, speaker) = tokio::join!(asked, origin.body());
        speaker.say("data: {\"token\": \"S3cret-event\"}\n\n");
        answer?.chunk().await?;
        hold.next().await?.release();
        Ok(())
    }
    let text = failure_of(body);
    assert_private("the failure", &text);
    assert!(text.contains("message to_client"), "{text}");
}
