//! Rules apply in the order of declaration: each pair of kinds that can meet, in both orders.

use crate::support::get;
use crate::support::origin::Origin;
use holdup::prelude::*;
use tokio::task::{AbortHandle, JoinHandle};

/// The expected text of a flow, and whether a rule has ended it, so that later rules of the stage do not apply.
struct Way {
    text: String,
    ended: bool,
}

/// A kind of rule: how it is declared, and its effect on a flow.
struct Kind {
    name: &'static str,
    declare: fn() -> Option<AbortHandle>,
    does: fn(&mut Way),
}

/// A kind that needs no task.
macro_rules! kind {
    ($name:literal, $rule:expr, $does:expr) => {
        Kind {
            name: $name,
            declare: || {
                drop($rule);
                None
            },
            does: $does,
        }
    };
}

/// The kinds at the request; each appends its letter to the path.
fn at_request() -> Vec<Kind> {
    vec![
        kind!("watch", watch!(host == "origin.test"), |_| {}),
        kind!("delay", delay!(host == "origin.test", 1ms), |_| {}),
        kind!("throttle", throttle!(request: host == "origin.test", 1_000_000), |_| {}),
        kind!("edit", edit!(host == "origin.test", |request| append(request, "e")), |way| way.text += "e"),
        kind!("url", rewrite!(host == "origin.test", url("$") => "u"), |way| way.text += "u"),
        kind!("redirect", redirect!(host == "origin.test", "http://origin.test/r/"), |way| way
            .text
            .insert_str(0, "/r")),
        Kind { name: "hold", declare: || Some(hold_request()), does: |way| way.text += "h" },
        kind!("respond", respond!(host == "origin.test", (200, "made")), |way| end(way, "made")),
        kind!("abort", abort!(host == "origin.test", reset), |way| end(way, "cut")),
    ]
}

/// The kinds at the response; each appends its letter to the text.
fn at_response() -> Vec<Kind> {
    vec![
        kind!("watch", watch!(response: status == 200), |_| {}),
        kind!("delay", delay!(response: status == 200, 1ms), |_| {}),
        kind!("throttle", throttle!(status == 200, 1_000_000), |_| {}),
        kind!("rewrite", rewrite!(status == 200, "$" => "w"), |way| way.text += "w"),
        kind!("edit", edit!(response: status == 200, |response| extend(response, "e")), |way| way.text += "e"),
        kind!("replace", replace!(status == 200, "rustfmt.toml"), |way| way.text = LOCAL.to_owned()),
        Kind { name: "hold", declare: || Some(hold_response()), does: |way| way.text += "h" },
        kind!("respond", respond!(response: status == 200, (200, "made")), |way| way.text = "made".to_owned()),
        kind!("abort", abort!(response: status == 200, reset), |way| end(way, "cut")),
    ]
}

const LOCAL: &str = include_str!("../../rustfmt.toml");

fn append(request: &mut Request, letter: &str) {
    let path = request.path().to_owned();
    request.set_path_and_query(path + letter);
}

fn extend(response: &mut Response, letter: &str) {
    let text = [&response.body().expect("it was read")[..], letter.as_bytes()].concat();
    response.set_body(text);
}

fn end(way: &mut Way, text: &str) {
    *way = Way { text: text.to_owned(), ended: true };
}

fn hold_request() -> AbortHandle {
    let hold = hold!(host == "origin.test").optional();
    let letting_go: JoinHandle<TestResult> = tokio::spawn(async move {
        let mut held = hold.next().await?;
        held.edit(|request| append(request, "h"));
        held.release().await?;
        Ok(())
    });
    letting_go.abort_handle()
}

fn hold_response() -> AbortHandle {
    let hold = hold!(response: status == 200).optional();
    let letting_go: JoinHandle<TestResult> = tokio::spawn(async move {
        let mut held = hold.next().await?;
        let text = [&held.body().await?[..], b"h"].concat();
        held.edit(|response| response.set_body(text));
        held.release().await?;
        Ok(())
    });
    letting_go.abort_handle()
}

/// Returns what the client receives when the first rule, then the second, is declared.
async fn meet(origin: &Origin, first: &Kind, second: &Kind) -> TestResult<String> {
    let mitm = Mitm::start().await?;
    mitm.host("origin.test", origin.address);
    let client = mitm.client()?;
    let meeting = async {
        let tasks = [(first.declare)(), (second.declare)()];
        let got = get(&client, "http://origin.test/").await;
        tasks.into_iter().flatten().for_each(|task| task.abort());
        got
    };
    let got = mitm.scope(meeting).await?;
    mitm.stop().await?;
    Ok(got.map_or_else(|_| "cut".to_owned(), |(_, text)| text))
}

async fn check(origin: &Origin, kinds: &[Kind], start: &str, shown: impl Fn(&Way) -> String) -> TestResult {
    for (i, first) in kinds.iter().enumerate() {
        for (_, second) in kinds.iter().enumerate().filter(|(j, _)| i != *j) {
            let mut way = Way { text: start.to_owned(), ended: false };
            (first.does)(&mut way);
            if !way.ended {
                (second.does)(&mut way);
            }
            let got = meet(origin, first, second).await?;
            assert_eq!(got, shown(&way), "{} before {}", first.name, second.name);
        }
    }
    Ok(())
}

#[mitm_test]
async fn rules_of_the_request_apply_in_their_order() -> TestResult {
    let origin = Origin::plain().await;
    let shown = |way: &Way| if way.ended { way.text.clone() } else { format!("this is {}", way.text) };
    check(&origin, &at_request(), "/", shown).await
}

#[mitm_test]
async fn rules_of_the_response_apply_in_their_order() -> TestResult {
    let origin = Origin::plain().await;
    check(&origin, &at_response(), "this is /", |way| way.text.clone()).await
}
