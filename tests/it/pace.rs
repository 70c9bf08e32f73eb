//! Random delays, throttles, and filters on time and occurrence.

use crate::support::failure_of;
use crate::support::origin::Origin;
use holdup::prelude::*;
use std::time::{Duration, Instant};

#[mitm_test]
async fn a_throttle_paces_each_answer(client: Client, _origin: Origin) -> TestResult {
    throttle!(path == "/bytes", 200_000);
    let began = Instant::now();
    let bodies = ["1", "2"].map(|_| client.get("https://origin.test/bytes?20000").send());
    for body in bodies {
        assert_eq!(body.await?.bytes().await?.len(), 20_000);
    }
    // A lower bound that holds on any machine, not a measurement.
    assert!(began.elapsed() >= Duration::from_millis(100));
    Ok(())
}

#[mitm_test]
async fn a_profile_has_a_latency_and_a_request_its_own_pace(client: Client, _origin: Origin) -> TestResult {
    throttle!(path == "/", Profile::GOOD_2G);
    throttle!(request: path == "/count", Profile::new(1, 100_000, Duration::from_millis(20)));
    let began = Instant::now();
    client.get("https://origin.test/").send().await?.text().await?;
    assert!(began.elapsed() >= Duration::from_millis(150));
    let began = Instant::now();
    let counted = client.post("https://origin.test/count").body(vec![0; 10_000]).send().await?;
    assert_eq!(counted.text().await?, "10000");
    assert!(began.elapsed() >= Duration::from_millis(70));
    Ok(())
}

#[mitm_test]
async fn a_client_may_leave_a_slow_answer(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    throttle!(path == "/bytes", 1000);
    let seen = watch!(response: path == "/bytes");
    let mut answer = client.get("https://origin.test/bytes?1000000").send().await?;
    assert!(answer.chunk().await?.is_some());
    drop(answer);
    assert_eq!(seen.next().await?.outcome, Some(Outcome::ClientGone));
    assert_eq!(mitm.exchanges().len(), 1);
    Ok(())
}

#[test]
fn a_drawn_delay_tells_its_seed() {
    #[mitm_test]
    async fn body(client: Client, _origin: Origin) -> TestResult {
        delay!(path == "/", 1ms..3ms);
        client.get("https://origin.test/").send().await?;
        delay!(path == "/never", { Duration::from_millis(1) }..{ Duration::from_millis(2) }).assert_applied()?;
        Ok(())
    }
    let text = failure_of(body);
    assert!(text.contains("delay!(path == \"/never\", 1ms..2ms) was never applied"), "{text}");
    assert!(text.contains("delays are random: HOLDUP_SEED="), "{text}");
}

#[mitm_test]
async fn the_nth_occurrence_is_held_alone(client: Client, _origin: Origin) -> TestResult {
    let second = hold!(path == "/" && occurrence == 2);
    let later = watch!(response: path == "/" && occurrence > 2 && status == 200);
    let odd = watch!("~u /odd").hits();
    assert_eq!(odd, 0);
    client.get("https://origin.test/").send().await?;
    client.get("https://origin.test/other").send().await?;
    let asking = crate::support::get(&client, "https://origin.test/");
    let held = second.next().await?;
    client.get("https://origin.test/?status=404").send().await?;
    assert_eq!(later.hits(), 0);
    held.release().await?;
    asking.await??;
    client.get("https://origin.test/").send().await?;
    assert_eq!(later.hits(), 1, "the third that was answered 200");
    Ok(())
}

#[mitm_test]
async fn elapsed_is_what_the_upstream_took(client: Client, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/");
    let slow = watch!(response: path == "/" && elapsed > 60s);
    let quick = watch!(response: path == "/" && elapsed in 0ms..=60s);
    respond!(path == "/made", 200);
    let made = watch!(response: path == "/made" && elapsed >= 0ms);
    let asking = crate::support::get(&client, "https://origin.test/");
    let held = hold.next().await?;
    client.get("https://origin.test/made").send().await?;
    held.release().await?;
    asking.await??;
    let took = quick.next().await?.response.unwrap().elapsed().expect("an upstream has answered");
    assert!(took < Duration::from_secs(60));
    assert_eq!((slow.hits(), made.hits()), (0, 0), "what is made up took no upstream any time");
    Ok(())
}

#[mitm_test]
async fn on_http1_a_slow_answer_is_delivered_too(mitm: Mitm, _origin: Origin) -> TestResult {
    throttle!(path == "/text", 400);
    let seen = watch!(response: path == "/text");
    let mut stream = crate::support::raw::connect(&mitm).await;
    let ask = "GET http://origin.test/text HTTP/1.1\r\nhost: origin.test\r\n\r\n";
    let said = crate::support::raw::ask(&mut stream, ask.as_bytes(), "the dog").await;
    assert!(said.ends_with("the cat and the dog"), "{said}");
    assert_eq!(seen.next().await?.outcome, Some(Outcome::Delivered));
    Ok(())
}

#[mitm_test]
async fn an_answer_in_the_place_of_a_slow_one_is_slow(client: Client, _origin: Origin) -> TestResult {
    throttle!(path == "/", 200);
    respond!(response: path == "/", (200, "as slow as that"));
    let began = Instant::now();
    assert_eq!(client.get("https://origin.test/").send().await?.text().await?, "as slow as that");
    assert!(began.elapsed() >= Duration::from_millis(75));
    Ok(())
}
