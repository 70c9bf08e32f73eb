//! A thousand flows parked at once block nothing else.

use crate::support::origin::Origin;
use crate::support::raw;
use holdup::prelude::*;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

const MANY: usize = 1000;

#[mitm_test]
async fn a_thousand_over_one_http2_connection(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(response: path == "/n").within(std::time::Duration::from_secs(30));
    let mut asking = JoinSet::new();
    for n in 0..MANY {
        let request = client.get(format!("https://origin.test/n?{n}"));
        asking.spawn(async move { request.send().await?.text().await });
    }
    let held = hold.take(MANY).await?;
    assert_eq!(origin.state.seen().len(), MANY);
    // A sibling on the same connection is not blocked.
    assert_eq!(client.get("https://origin.test/free").send().await?.text().await?, "this is /free");
    for delivery in held.into_iter().map(Held::release).collect::<Vec<_>>() {
        assert!(delivery.await?.is_delivered());
    }
    while let Some(answer) = asking.join_next().await {
        assert_eq!(answer??, "this is /n");
    }
    Ok(())
}

#[mitm_test]
async fn a_thousand_over_http1_connections(mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/n").within(std::time::Duration::from_secs(30));
    let mut asking = JoinSet::new();
    for _ in 0..MANY {
        let mut stream = raw::connect(&mitm).await;
        stream.write_all(b"GET http://origin.test/n HTTP/1.1\r\nhost: origin.test\r\n\r\n").await?;
        asking.spawn(async move { raw::read_until(&mut stream, "this is /n").await });
    }
    let held = hold.take(MANY).await?;
    for delivery in held.into_iter().map(Held::release).collect::<Vec<_>>() {
        assert!(delivery.await?.is_delivered());
    }
    while let Some(answer) = asking.join_next().await {
        assert!(answer?.ends_with("this is /n"));
    }
    Ok(())
}

/// With a slow client, "delivered" means the last byte, not the first frame.
#[mitm_test]
async fn delivered_means_the_last_byte(mitm: Mitm) -> TestResult {
    const SIZE: usize = 1 << 20;
    respond!(host == "big.test", (200, vec![b'x'; SIZE]));
    let hold = hold!(response: host == "big.test");
    for gives_up in [false, true] {
        let stream = raw::tunnel(&mitm, "big.test", &["h2"]).await;
        let (client, connection) = h2::client::handshake(stream).await?;
        tokio::spawn(connection);
        let request = http::Request::get("https://big.test/").body(())?;
        let (response, _) = client.ready().await?.send_request(request, true)?;
        let delivery = hold.next().await?.release();
        let mut body = response.await?.into_body();
        let mut seen = 0;
        while seen < 65_535 {
            seen += body.data().await.expect("more")?.len();
        }
        // The window is exhausted, so the rest cannot have been sent.
        assert_eq!(mitm.exchanges().last().unwrap().outcome, None);
        if gives_up {
            drop(body);
            assert_eq!(delivery.await?, Outcome::ClientGone);
            continue;
        }
        body.flow_control().release_capacity(seen)?;
        while let Some(data) = body.data().await {
            let data = data?;
            seen += data.len();
            body.flow_control().release_capacity(data.len())?;
        }
        assert_eq!(seen, SIZE);
        assert!(delivery.await?.is_delivered());
    }
    Ok(())
}

/// A parked flow with an unread body fills only the window of its own stream.
#[mitm_test]
async fn parked_bodies_do_not_use_up_the_connection(client: Client, mitm: Mitm) -> TestResult {
    let (origin, pem) = Origin::tls("h2.test", &["h2"]).await;
    mitm.trust_upstream(&pem)?;
    mitm.host("h2.test", Upstream::tls(origin.address));
    let hold = hold!(response: path == "/bytes").within(std::time::Duration::from_secs(30));
    let mut asking = JoinSet::new();
    for _ in 0..20 {
        let request = client.get(format!("https://h2.test/bytes?{}", 4 << 20));
        asking.spawn(async move { request.send().await?.bytes().await });
    }
    let held = hold.take(20).await?;
    assert_eq!(client.get("https://h2.test/free").send().await?.text().await?, "this is /free");
    drop(held);
    while let Some(answer) = asking.join_next().await {
        assert_eq!(answer??.len(), 4 << 20);
    }
    Ok(())
}

/// The journal has a limit in bytes: the oldest flows are removed, active ones stay, and a failure says so.
#[test]
fn old_flows_are_forgotten_before_memory_runs_out() {
    #[mitm_test]
    async fn body(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
        mitm.limit_journal(1 << 20);
        let hold = hold!(path == "/parked");
        let parked = crate::support::get(&client, "https://origin.test/parked");
        let held = hold.next().await?;
        for n in 0..100 {
            let request = client.get(format!("https://origin.test/{n}")).header("x-long", "x".repeat(30_000));
            request.send().await?.bytes().await?;
        }
        let exchanges = mitm.exchanges();
        assert!(exchanges.len() < 40, "{} flows of 30 kB in a MiB", exchanges.len());
        assert_eq!(exchanges.last().map(|last| last.request.path().to_owned()).as_deref(), Some("/99"));
        assert_eq!((exchanges[0].request.path(), &exchanges[0].outcome), ("/parked", &None));
        held.release().await?;
        assert_eq!(parked.await??.0, 200);
        Err(Failure::new("to see what is said"))?
    }
    let text = crate::support::failure_of(body);
    assert!(text.contains("oldest flows are not in it any more") && text.contains("limit_journal"), "{text}");
}
