//! Ten thousand abandoned flows leave nothing behind. Runs in a separate process, because it counts the resources of
//! the whole process.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::Stage;
use holdup::prelude::*;
use tokio::io::AsyncWriteExt;

/// Flows parked at once.
const AT_ONCE: usize = 100;
/// Upper bound of the journal's memory for a finished flow, in kilobytes.
const KEPT: usize = 6;

/// Resources that flows could leave behind.
#[derive(Debug)]
pub struct Left {
    pub tasks: usize,
    pub descriptors: usize,
    pub kilobytes: usize,
}

pub fn left() -> Left {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    Left { tasks: holdup::__private::tasks(), descriptors, kilobytes: pages * 4 }
}

/// Sends requests until the hold parks `AT_ONCE` flows, and disconnects.
async fn leave<S: Stage>(client: &Client, mitm: &Mitm, h1: bool, path: &str, hold: Hold<S>) -> TestResult {
    let (mut sockets, mut calls) = (Vec::new(), tokio::task::JoinSet::new());
    for _ in 0..AT_ONCE {
        if h1 {
            let mut socket = raw::connect(mitm).await;
            let head = format!("GET http://origin.test{path} HTTP/1.1\r\nhost: origin.test\r\n\r\n");
            socket.write_all(head.as_bytes()).await?;
            sockets.push(socket);
        } else {
            let call = client.get(format!("https://origin.test{path}")).send();
            calls.spawn(async move { call.await.unwrap().bytes().await });
        }
    }
    let held = hold.take(AT_ONCE).await?;
    drop(sockets);
    calls.shutdown().await;
    for held in &held {
        held.cancelled().await?;
    }
    hold.remove();
    Ok(())
}

/// Leaves on HTTP/1 and HTTP/2, at the request, at the response, and in the middle of its body.
async fn leave_in_every_way(client: &Client, mitm: &Mitm, times: usize) -> TestResult {
    for _ in 0..times {
        for h1 in [true, false] {
            leave(client, mitm, h1, "/text", hold!(path == "/text")).await?;
            leave(client, mitm, h1, "/text", hold!(response: path == "/text")).await?;
            leave(client, mitm, h1, "/bytes?1000", hold!(chunk: path == "/bytes" && offset == 10)).await?;
        }
    }
    Ok(())
}

#[mitm_test(timeout = "300s")]
#[ignore = "counts what the whole process has: run by the test below, in a process of its own"]
async fn in_a_process_of_its_own(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    leave_in_every_way(&client, &mitm, 2).await?;
    let before = left();
    leave_in_every_way(&client, &mitm, 17).await?;
    // Connections of clients that have left end once the proxy notices.
    while holdup::__private::tasks() > before.tasks || left().descriptors > before.descriptors {
        tokio::task::yield_now().await;
    }
    let after = left();
    let flows = 17 * 6 * AT_ONCE;
    assert!(after.kilobytes < before.kilobytes + flows * KEPT, "{flows} flows: {before:?} {after:?}");
    // `cancelled` resolves shortly before the flow has its outcome.
    while mitm.exchanges().iter().any(|exchange| exchange.outcome.is_none()) {
        tokio::task::yield_now().await;
    }
    for exchange in mitm.exchanges() {
        assert_eq!(exchange.outcome, Some(Outcome::ClientGone), "{exchange}");
    }
    Ok(())
}

#[test]
fn ten_thousand_flows_that_were_given_up_leave_nothing() {
    let mut test = std::process::Command::new(std::env::current_exe().unwrap());
    let output = test.args(["--exact", "leaks::in_a_process_of_its_own", "--ignored", "--nocapture"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
