//! WebSockets: messages pass live, and each can be held, edited, discarded, reordered and injected.

use crate::support::streams::{Message, Streams, hear, say};
use futures_util::{SinkExt, StreamExt};
use holdup::prelude::*;
use holdup::{Direction, Outcome};
use tokio::io::AsyncReadExt;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

#[mitm_test]
async fn messages_pass_both_ways_and_are_watched(mitm: Mitm, origin: Streams) -> TestResult {
    let (open, up, down) = (
        watch!(websocket),
        watch!(message: direction == "to_server"),
        watch!(message: direction == "to_client" && opcode == "binary"),
    );
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut client, "hello").await;
    assert_eq!(hear(&mut server).await, "hello");
    server.send(Message::binary(vec![1, 2])).await?;
    assert_eq!(client.next().await.unwrap()?, Message::binary(vec![1, 2]));
    assert_eq!(up.next().await?.text(), "hello");
    assert_eq!((&down.next().await?.payload()[..], up.hits()), (&[1, 2][..], 1));
    assert_eq!(open.next().await?.response.unwrap().status(), 101);
    Ok(())
}

#[mitm_test]
async fn a_message_is_held_and_those_behind_it_keep_their_order(mitm: Mitm, origin: Streams) -> TestResult {
    let first = hold!(message: message == "one");
    let (mut client, mut server) = origin.pair(&mitm).await;
    for text in ["one", "two", "three"] {
        say(&mut server, text).await;
    }
    let one = first.next().await?;
    assert_eq!((one.message().text().as_ref(), one.message().direction()), ("one", Direction::ToClient));
    // The other direction continues, and so do pings.
    say(&mut client, "up").await;
    assert_eq!(hear(&mut server).await, "up");
    server.send(Message::Ping("are you there".into())).await?;
    assert_eq!(client.next().await.unwrap()?, Message::Ping("are you there".into()));
    assert_eq!(one.release().await?, Outcome::Delivered);
    for text in ["one", "two", "three"] {
        assert_eq!(hear(&mut client).await, text);
    }
    Ok(())
}

#[mitm_test]
async fn messages_arrive_in_the_order_in_which_the_test_releases_them(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: direction == "to_client");
    let (mut client, mut server) = origin.pair(&mitm).await;
    for text in ["one", "two", "three"] {
        say(&mut server, text).await;
    }
    let mut held = hold.take(3).await?;
    held.rotate_left(1);
    for held in held {
        let text = held.message().text().into_owned();
        assert_eq!(held.release().await?, Outcome::Delivered);
        assert_eq!(hear(&mut client).await, text);
    }
    Ok(())
}

#[mitm_test]
async fn messages_are_edited_discarded_and_injected(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: message ~ "^(edit|discard)");
    rewrite!(message: direction == "to_client", "the" => "teh");
    edit!(message: json("/kind") == "move", |message| message.set_text("{}"));
    abort!(message: message == "never", discard);
    let (mut client, mut server) = origin.pair(&mitm).await;
    for text in ["edit me", "discard me", "never", "the end", r#"{"kind": "move"}"#] {
        say(&mut server, text).await;
    }
    let (mut edit, discard) = (hold.next().await?, hold.next().await?);
    edit.edit(|message| message.set_text("edited"));
    discard.inject(holdup::Message::to_client("injected"))?;
    assert_eq!(hear(&mut client).await, "injected");
    edit.release().await?;
    assert_eq!(discard.discard().await?, Outcome::Aborted);
    for text in ["edited", "teh end", "{}"] {
        assert_eq!(hear(&mut client).await, text);
    }
    let flow = mitm.exchanges().last().unwrap().id;
    mitm.inject(flow, holdup::Message::to_server("from the test"))?;
    assert_eq!(hear(&mut server).await, "from the test");
    let failure = mitm.inject(flow, holdup::ServerEvent::new("x")).unwrap_err().to_string();
    assert!(failure.contains("no open stream for this event"), "{failure}");
    Ok(())
}

#[mitm_test]
async fn a_hold_that_is_declared_later_catches_the_next_message(mitm: Mitm, origin: Streams) -> TestResult {
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "before").await;
    assert_eq!(hear(&mut client).await, "before");
    let hold = hold!(message: message ~ "");
    say(&mut server, "after").await;
    assert_eq!(hold.next().await?.message().text(), "after");
    assert_eq!(hear(&mut client).await, "after");
    Ok(())
}

#[mitm_test]
async fn a_close_waits_behind_what_is_held_and_keeps_its_code(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: message == "last");
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "last").await;
    let bye = CloseFrame { code: 4001.into(), reason: "bye".into() };
    server.close(Some(bye.clone())).await?;
    hold.next().await?.release().await?;
    assert_eq!(hear(&mut client).await, "last");
    assert_eq!(client.next().await.unwrap()?, Message::Close(Some(bye)));
    Ok(())
}

#[mitm_test]
async fn a_client_that_leaves_gives_up_what_is_held_for_it(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: direction == "to_client");
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "nobody hears this").await;
    let held = hold.next().await?;
    // With a closing handshake, and below without one.
    client.close(None).await?;
    held.cancelled().await?;
    assert_eq!(held.release().await?, Outcome::ClientGone);
    let (client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "nor this").await;
    let held = hold.next().await?;
    drop(client);
    held.cancelled().await?;
    assert!(server.next().await.is_none_or(|end| end.is_err()), "the upstream hears of it");
    Ok(())
}

#[mitm_test]
async fn what_is_held_for_an_upstream_that_leaves_has_failed(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: direction == "to_server");
    let (mut client, server) = origin.pair(&mitm).await;
    say(&mut client, "too late").await;
    let held = hold.next().await?;
    drop(server);
    // The only event to wait for is the end of the socket.
    assert!(client.next().await.is_none_or(|end| end.is_err()));
    let outcome = held.release().await?;
    assert!(outcome.to_string().contains("the upstream has closed the WebSocket"), "{outcome}");
    Ok(())
}

#[mitm_test]
async fn a_socket_is_cut_off_by_a_message(mitm: Mitm, origin: Streams) -> TestResult {
    abort!(message: message == "bomb", reset);
    abort!(message: message == "bye", close);
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "bomb").await;
    let mut end = [0];
    let end = client.get_mut().read(&mut end).await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::ConnectionReset);
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut client, "bye").await;
    assert!(server.next().await.is_none_or(|end| end.is_err()));
    assert!(client.next().await.is_none_or(|end| end.is_err()));
    Ok(())
}

#[mitm_test]
async fn a_failure_tells_which_message_came_nearest(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: message == "shop" && direction == "to_client").optional().within(ms(50));
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "stop").await;
    assert_eq!(hear(&mut client).await, "stop");
    let failure = hold.next().await.unwrap_err().to_string();
    for part in [
        "1 other message passed since then; the nearest miss",
        "#1.1 GET http://origin.test/socket -> 101, message to_client, \"stop\"",
        "message was \"stop\", wanted == \"shop\", direction ok",
    ] {
        assert!(failure.contains(part), "{part} is not in\n{failure}");
    }
    Ok(())
}

fn ms(n: u64) -> std::time::Duration {
    std::time::Duration::from_millis(n)
}

#[mitm_test]
async fn a_ping_passes_only_what_is_parked(mitm: Mitm, origin: Streams) -> TestResult {
    let looks = watch!(message: message == "one");
    let (mut client, mut server) = origin.pair(&mitm).await;
    client.feed(Message::text("one")).await?;
    client.feed(Message::Ping("two".into())).await?;
    client.flush().await?;
    assert_eq!(hear(&mut server).await, "one");
    assert_eq!(server.next().await.unwrap()?, Message::Ping("two".into()));
    assert_eq!(looks.next().await?.text(), "one");
    Ok(())
}

#[mitm_test]
async fn a_message_of_the_test_finds_a_socket_that_has_just_opened(mitm: Mitm, origin: Streams) -> TestResult {
    let sockets = watch!(websocket);
    let (mut client, server) = origin.pair(&mitm).await;
    let flow = sockets.next().await?.id;
    mitm.inject(flow, holdup::Message::to_client("early"))?;
    assert_eq!(hear(&mut client).await, "early");
    drop(server);
    assert!(client.next().await.is_none_or(|end| end.is_err()));
    drop(client);
    // `inject` fails once the socket has ended.
    while mitm.inject(flow, holdup::Message::to_client("late")).is_ok() {
        tokio::task::yield_now().await;
    }
    Ok(())
}

#[mitm_test]
async fn what_is_held_for_the_page_outlives_the_upstream(mitm: Mitm, origin: Streams) -> TestResult {
    let hold = hold!(message: message == "held");
    let (mut client, mut server) = origin.pair(&mitm).await;
    say(&mut server, "held").await;
    let held = hold.next().await?;
    drop(server);
    // The client continues to send after the server has gone.
    for _ in 0..3 {
        client.send(Message::text("tick")).await?;
        client.send(Message::Ping("tock".into())).await?;
    }
    held.release().await?;
    assert_eq!(hear(&mut client).await, "held");
    Ok(())
}

/// The order of injected and released messages is the order of the calls, however close they are.
#[mitm_test]
async fn injected_and_released_messages_go_in_the_order_in_which_the_test_says_so(
    mitm: Mitm,
    origin: Streams,
) -> TestResult {
    let hold = hold!(message: message == "parked");
    let (mut client, mut server) = origin.pair(&mitm).await;
    for round in 0..60 {
        say(&mut server, "parked").await;
        let parked = hold.next().await?;
        let flow = parked.flow();
        if round % 2 == 0 {
            parked.inject(holdup::Message::to_client("injected"))?;
            drop(parked.release());
        } else {
            drop(parked.release());
            mitm.inject(flow, holdup::Message::to_client("injected"))?;
        }
        let heard = (hear(&mut client).await, hear(&mut client).await);
        let (first, second) = if round % 2 == 0 { ("injected", "parked") } else { ("parked", "injected") };
        assert_eq!((heard.0.as_str(), heard.1.as_str()), (first, second), "round {round}");
    }
    Ok(())
}
