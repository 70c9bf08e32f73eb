//! Futures dropped at any point: the flows they carry go back, every flow ends, and none is decided twice.

use crate::support::origin::Origin;
use crate::support::{get, outcomes};
use fastrand::Rng;
use futures_util::FutureExt;
use holdup::prelude::*;
use std::future::Future;
use tokio::task::{JoinSet, yield_now};

const DROPS: u64 = 5_000;
/// Concurrent flows.
const LANES: u64 = 20;

/// Polls a future up to three times, and drops it if it is not ready by then.
async fn drop_early<T>(numbers: &mut Rng, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    for _ in 0..numbers.u64(..4) {
        if let Some(done) = (&mut future).now_or_never() {
            return Some(done);
        }
        for _ in 0..numbers.u64(..40) {
            yield_now().await;
        }
    }
    None
}

/// Runs one flow, and drops operations on it early. Returns whether any was dropped.
async fn one(numbers: &mut Rng, client: &Client, n: u64) -> TestResult<bool> {
    let path = format!("/n{n}");
    let hold = hold!(path == { &path }).optional();
    let at_response = hold!(response: path == {&path}).optional();
    let watch = watch!(path == { &path });
    let asking = get(client, &format!("https://origin.test{path}"));
    let mut dropped = false;
    match numbers.u64(..6) {
        0 => dropped |= drop_early(numbers, hold.next()).await.is_none(),
        1 => dropped |= drop_early(numbers, hold.take(1)).await.is_none(),
        2 => dropped |= drop_early(numbers, hold.nth(1)).await.is_none(),
        kind => {
            let held = hold.next().await?;
            match kind {
                3 => match drop_early(numbers, held.advance()).await {
                    Some(answered) => drop(drop_early(numbers, answered?.body()).await),
                    None => dropped = true,
                },
                4 => {
                    dropped |= drop_early(numbers, held.body()).await.is_none();
                    dropped |= drop_early(numbers, held.cancelled()).await.is_none();
                }
                _ => dropped |= drop_early(numbers, held.release().into_future()).await.is_none(),
            }
        }
    }
    match numbers.u64(..3) {
        0 => dropped |= drop_early(numbers, at_response.next()).await.is_none(),
        1 => dropped |= drop_early(numbers, watch.next()).await.is_none(),
        _ => {}
    }
    // Flows that no future holds are still parked in the hold.
    while !asking.is_finished() {
        hold.release_all();
        at_response.release_all();
        yield_now().await;
    }
    assert_eq!(asking.await??, (200, format!("this is {path}")));
    hold.remove();
    at_response.remove();
    Ok(dropped)
}

#[mitm_test(timeout = "300s")]
async fn futures_that_are_dropped_lose_nothing(mitm: Mitm, client: Client, origin: Origin) -> TestResult {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES {
        let (client, scope) = (client.clone(), mitm.clone());
        lanes.spawn(mitm.scope(async move {
            let _ = &scope;
            let mut numbers = Rng::with_seed(lane);
            let mut dropped = 0;
            for n in 0..DROPS / LANES {
                dropped += u64::from(one(&mut numbers, &client, lane * DROPS + n).await.map_err(|e| e.to_string())?);
            }
            Ok::<_, String>(dropped)
        }));
    }
    let mut dropped = 0;
    while let Some(lane) = lanes.join_next().await {
        dropped += lane?.map_err(Failure::new)?;
    }
    assert!(dropped > DROPS / 3, "only {dropped} were dropped before their end");
    // Every request reached the server once, and every flow has one outcome.
    assert_eq!(origin.state.seen().len() as u64, DROPS);
    let outcomes = outcomes(&mitm).await;
    let delivered = outcomes.iter().filter(|outcome| **outcome == Outcome::Delivered).count() as u64;
    assert_eq!((outcomes.len() as u64, delivered), (DROPS, DROPS));
    Ok(())
}
