//! Server-sent events and chunks: each can be held, and nothing is delayed that no rule holds.

use crate::support::raw;
use crate::support::streams::{Speaker, Streams};
use bytes::Bytes;
use holdup::prelude::*;
use holdup::{Outcome, ServerEvent};

/// Opens a stream, and returns the client's response and the server's end.
async fn open(client: &Client, origin: &Streams, path: &str) -> (reqwest::Response, Speaker) {
    let asked = client.get(format!("http://origin.test{path}")).header("accept", "text/event-stream").send();
    let (answer, speaker) = tokio::join!(asked, origin.body());
    (answer.unwrap(), speaker)
}

/// Reads as many bytes as expected, and compares them.
async fn hears(answer: &mut reqwest::Response, expected: &str) {
    let mut text = Vec::new();
    while text.len() < expected.len() {
        match answer.chunk().await.unwrap() {
            Some(chunk) => text.extend_from_slice(&chunk),
            None => break,
        }
    }
    assert_eq!(String::from_utf8(text).unwrap(), expected);
}

#[mitm_test]
async fn events_pass_as_they_come(client: Client, mitm: Mitm, origin: Streams) -> TestResult {
    let (mut answer, server) = open(&client, &origin, "/events").await;
    // Parts are forwarded before the event is complete.
    for part in ["data: o", "ne\n\n", ": a comment\n", "\n", "retry: 10\n\ndata: two\nid: 7\n\n"] {
        server.say(part);
        hears(&mut answer, part).await;
    }
    assert_eq!(server.request.headers.get("accept-encoding"), None);
    drop(server);
    assert_eq!(answer.chunk().await?, None);
    assert!(mitm.exchanges()[0].outcome.is_none() || mitm.exchanges()[0].outcome == Some(Outcome::Delivered));
    Ok(())
}

#[mitm_test]
async fn each_event_is_held_edited_discarded_alone(client: Client, origin: Streams) -> TestResult {
    let hold = hold!(event: event == "tick" || id == "7");
    rewrite!(event: data contains "the", "the" => "teh");
    abort!(event: data == "never", discard);
    let (mut answer, server) = open(&client, &origin, "/events").await;
    server.say("data: free\n\n");
    hears(&mut answer, "data: free\n\n").await;
    server.say("event: tick\ndata: 1\n\nid: 7\ndata: 2\n\nevent: tick\ndata: 3\n\ndata: never\n\ndata: the end\n\n");
    let (mut one, two, three) = (hold.next().await?, hold.next().await?, hold.next().await?);
    assert_eq!((one.event().data(), two.event().id(), three.event().event()), ("1", Some("7"), "tick"));
    three.inject(ServerEvent::new("injected").of_type("tock"))?;
    hears(&mut answer, "event: tock\ndata: injected\n\n").await;
    assert_eq!(two.release().await?, Outcome::Delivered);
    hears(&mut answer, "id: 7\ndata: 2\n\n").await;
    one.edit(|event| event.set_data("one\nmore"));
    one.release().await?;
    hears(&mut answer, "event: tick\ndata: one\ndata: more\n\n").await;
    assert_eq!(three.discard().await?, Outcome::Aborted);
    hears(&mut answer, "data: teh end\n\n").await;
    Ok(())
}

#[mitm_test]
async fn a_hold_that_is_declared_later_catches_the_next_event(client: Client, origin: Streams) -> TestResult {
    let (mut answer, server) = open(&client, &origin, "/events").await;
    server.say("data: before\n\n");
    hears(&mut answer, "data: before\n\n").await;
    let hold = hold!(event: data ~ "");
    server.say("data: after\n\n");
    let held = hold.next().await?;
    // The end of the stream waits behind the parked event.
    drop(server);
    held.release().await?;
    assert_eq!(answer.text().await?, "data: after\n\n");
    Ok(())
}

#[mitm_test]
async fn a_client_that_leaves_gives_up_its_events(client: Client, origin: Streams) -> TestResult {
    let hold = hold!(event: data == "held");
    let (answer, server) = open(&client, &origin, "/events").await;
    server.say("data: held\n\n");
    let held = hold.next().await?;
    drop(answer);
    held.cancelled().await?;
    server.unheard().await;
    Ok(())
}

#[mitm_test]
async fn the_head_passes_and_the_body_is_parked(client: Client, origin: Streams) -> TestResult {
    let hold = hold!(chunk: path == "/page" && offset == 0);
    let (answer, server) = open(&client, &origin, "/page?text/html").await;
    assert_eq!(answer.status(), 200);
    server.say("<p>all of it");
    let held = hold.next().await?;
    assert_eq!((held.chunk().offset(), held.chunk().bytes()), (0, &Bytes::from("<p>all of it")));
    drop(server);
    assert_eq!(held.release().await?, Outcome::Delivered);
    assert_eq!(answer.text().await?, "<p>all of it");
    Ok(())
}

#[mitm_test]
async fn so_many_bytes_pass_then_the_rest_is_parked(client: Client, origin: Streams) -> TestResult {
    let hold = hold!(chunk: path == "/page" && offset == 5);
    let (mut answer, server) = open(&client, &origin, "/page?text/html").await;
    server.say("<p>half and half");
    hears(&mut answer, "<p>ha").await;
    let rest = hold.next().await?;
    server.say(", and the end");
    drop(server);
    rest.release().await?;
    assert_eq!(answer.text().await?, "lf and half, and the end");
    Ok(())
}

#[mitm_test]
async fn lines_of_json_are_parked_one_by_one(client: Client, origin: Streams) -> TestResult {
    let hold = hold!(chunk: json("/id") ~ "^[23]$");
    let (mut answer, server) = open(&client, &origin, "/rows?application/x-ndjson").await;
    server.say("{\"id\": 1}\n{\"id\": 2}\n{\"id\": 3}\n{\"id\": 4}\n");
    hears(&mut answer, "{\"id\": 1}\n").await;
    let (two, three) = (hold.next().await?, hold.next().await?);
    assert_eq!(three.chunk().offset(), 20);
    // A chunk that is released early keeps its place: a body has one order.
    let third = three.release();
    two.release().await?;
    third.await?;
    hears(&mut answer, "{\"id\": 2}\n{\"id\": 3}\n{\"id\": 4}\n").await;
    Ok(())
}

#[mitm_test]
async fn a_stream_is_cut_off_by_an_event_or_a_chunk(client: Client, origin: Streams) -> TestResult {
    abort!(event: data == "bomb", reset);
    abort!(chunk: path == "/page" && offset == 2, close);
    let (mut answer, server) = open(&client, &origin, "/events").await;
    server.say("data: ok\n\ndata: bomb\n\ndata: never\n\n");
    hears(&mut answer, "data: ok\n\n").await;
    assert!(answer.chunk().await.is_err());
    let (mut answer, server) = open(&client, &origin, "/page?text/html").await;
    server.say("abcd");
    hears(&mut answer, "ab").await;
    assert!(answer.chunk().await.is_err());
    Ok(())
}

#[mitm_test]
async fn an_answer_with_a_length_is_delivered_chunk_by_chunk(mitm: Mitm) -> TestResult {
    respond!(host == "made.test", (200, "abcdef"));
    let hold = hold!(chunk: host == "made.test" && offset == 2);
    let mut socket = raw::connect(&mitm).await;
    let ask = b"GET http://made.test/ HTTP/1.1\r\nhost: made.test\r\n\r\n";
    assert!(raw::ask(&mut socket, ask, "ab").await.contains("content-length: 6"));
    assert_eq!(hold.next().await?.release().await?, Outcome::Delivered);
    assert_eq!(raw::read_until(&mut socket, "cdef").await, "cdef");
    let flows = watch!(path == "/next");
    raw::ask(&mut socket, b"GET http://made.test/next HTTP/1.1\r\nhost: made.test\r\n\r\n", "ab").await;
    hold.next().await?.release().await?;
    assert_eq!(flows.next().await?.outcome, Some(Outcome::Delivered));
    Ok(())
}

#[mitm_test]
async fn an_event_of_the_test_does_not_land_in_another(client: Client, mitm: Mitm, origin: Streams) -> TestResult {
    let (mut answer, server) = open(&client, &origin, "/events").await;
    server.say("data: a");
    hears(&mut answer, "data: a").await;
    let flow = mitm.exchanges()[0].id;
    mitm.inject(flow, ServerEvent::new("x"))?;
    server.say("b\n\n");
    hears(&mut answer, "b\n\ndata: x\n\n").await;
    Ok(())
}

/// The order of injected and released events is the order of the calls, however close they are.
#[mitm_test]
async fn injected_and_released_events_go_in_the_order_in_which_the_test_says_so(
    client: Client,
    mitm: Mitm,
    origin: Streams,
) -> TestResult {
    let hold = hold!(event: data == "parked");
    let (mut answer, server) = open(&client, &origin, "/events").await;
    for round in 0..60 {
        server.say("data: parked\n\n");
        let parked = hold.next().await?;
        let flow = parked.flow();
        if round % 2 == 0 {
            parked.inject(ServerEvent::new("injected"))?;
            drop(parked.release());
            hears(&mut answer, "data: injected\n\ndata: parked\n\n").await;
        } else {
            drop(parked.release());
            mitm.inject(flow, ServerEvent::new("injected"))?;
            hears(&mut answer, "data: parked\n\ndata: injected\n\n").await;
        }
    }
    Ok(())
}

/// An event above the size limit passes behind a parked one, complete and in order.
#[mitm_test]
async fn an_event_that_is_too_long_passes_whole(client: Client, mitm: Mitm, origin: Streams) -> TestResult {
    const LONG: usize = 20 * 1024 * 1024;
    let hold = hold!(event: url ~ ".");
    let (mut answer, server) = open(&client, &origin, "/events").await;
    server.say("data: first\n\n");
    let first = hold.next().await?;
    server.say("data: ");
    for _ in 0..LONG / (64 * 1024) {
        server.say("x".repeat(64 * 1024));
    }
    server.say("\n\ndata: last\n\n");
    first.release();
    let expected = ["data: first\n\ndata: ", &"x".repeat(LONG), "\n\n"].concat();
    let mut came = Vec::new();
    while came.len() < expected.len() {
        came.extend_from_slice(&answer.chunk().await?.expect("more"));
    }
    assert!(came == expected.as_bytes(), "{} of {} bytes", came.len(), expected.len());
    hold.next().await?.release();
    hears(&mut answer, "data: last\n\n").await;
    drop(mitm);
    Ok(())
}

/// The part goes on as it was, and the test fails: what the code was to do is part of the test.
#[test]
fn code_that_panics_on_a_part_fails_the_test() {
    #[mitm_test]
    async fn body(client: Client, origin: Streams) -> TestResult {
        edit!(event: data == "one", |_event| panic!("on purpose"));
        let (mut answer, server) = open(&client, &origin, "/events").await;
        server.say("data: one\n\n");
        hears(&mut answer, "data: one\n\n").await;
        Ok(())
    }
    let text = crate::support::failure_of(body);
    assert!(text.contains("a rule could not be applied: the code of edit! panicked"), "{text}");
    assert!(text.contains("edit!(event: data == \"one\"") && text.contains("tests/it/streams.rs:"), "{text}");
}
