//! Names and addresses lead where browsers and curl would connect without the proxy.

use crate::support::origin::Origin;
use crate::support::programs::{Pair, Program};
use crate::support::raw;
use holdup::prelude::*;
use std::process::Command;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[mitm_test]
async fn names_below_localhost_are_this_machine(client: Client) -> TestResult {
    let origin = Origin::plain().await;
    let port = origin.address.port();
    for name in ["localhost", "tenant.localhost", "a.b.LOCALHOST", "tenant.localhost."] {
        let text = client.get(format!("http://{name}:{port}/hello")).send().await?.text().await?;
        assert_eq!(text, "this is /hello", "{name}");
    }
    Ok(())
}

#[mitm_test]
async fn a_name_is_found_however_it_is_spelled(client: Client, mitm: Mitm) -> TestResult {
    let origin = Origin::plain().await;
    for name in ["b\u{fc}cher.test", "LOUD.Test", "xn--mller-kva.test", "*.shop.test", "*.\u{fc}ber.test"] {
        mitm.host(name, origin.address);
    }
    for url in [
        "https://b\u{fc}cher.test/",
        "https://xn--bcher-kva.test/",
        "https://loud.test/",
        "https://m\u{fc}ller.test/",
        "https://eu.shop.test/",
        "https://a.b.shop.test/",
        "https://EU.\u{dc}BER.test/",
    ] {
        assert_eq!(client.get(url).send().await?.status(), 200, "{url}");
    }
    let text = client.get("https://shop.test/").send().await?.text().await?;
    assert!(text.contains("is not known"), "{text}");
    let special = Origin::plain().await;
    mitm.host("eu.shop.test", special.address);
    client.get("https://eu.shop.test/special").send().await?;
    assert_eq!(special.state.seen(), ["GET /special"]);
    Ok(())
}

#[mitm_test]
async fn what_is_no_name_is_told_at_its_line(mitm: Mitm) -> TestResult {
    for name in ["https://shop.test", "shop.test:8080", "shop.test/path", "", "a.*.test"] {
        let host = std::panic::AssertUnwindSafe(|| mitm.host(name, ([127, 0, 0, 1], 1)));
        let said = crate::support::failure_of(host);
        assert!(said.contains(&format!("{name:?} is not a host name")) && said.contains("\"*.shop.test\""), "{said}");
    }
    Ok(())
}

/// `curl --connect-to` connects to an address and requests a name there.
#[mitm_test]
async fn a_connect_to_an_address_goes_there_and_the_name_inside_is_for_rules(mitm: Mitm) -> TestResult {
    let pair = Pair::new("inside.test");
    let nginx = Program::nginx("ssl", &pair, "location / { return 200 \"$ssl_server_name\"; }").await;
    mitm.trust_upstream(&pair.certificate)?;
    let watch = watch!(host == "inside.test");
    let curl = |extra: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "https://inside.test/"]).args(extra).envs(mitm.envs().unwrap());
        tokio::task::spawn_blocking(move || command.output())
    };
    let to = format!("inside.test:443:{}", nginx.address);
    let output = curl(&["--connect-to", &to]).await??;
    assert_eq!(String::from_utf8_lossy(&output.stdout), "inside.test", "{output:?}");
    assert_eq!(watch.hits(), 1);
    // A server that the test has set for the name takes precedence.
    let origin = Origin::plain().await;
    mitm.host("inside.test", origin.address);
    curl(&["--connect-to", &to]).await??;
    assert_eq!(origin.state.seen(), ["GET /"]);
    Ok(())
}

/// The server sends first, like SMTP servers.
#[mitm_test]
async fn a_server_that_speaks_first_is_heard(mitm: Mitm) -> TestResult {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    mitm.host("mail.test", address);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
            let said = raw::read_until(&mut stream, "\r\n").await;
            stream.write_all(format!("250 {said}").as_bytes()).await.unwrap();
        }
    });
    for name in ["mail.test:25".to_owned(), address.to_string()] {
        let mut stream = raw::connect(&mitm).await;
        let connect = format!("CONNECT {name} HTTP/1.1\r\nhost: {name}\r\n\r\n");
        raw::ask(&mut stream, connect.as_bytes(), "\r\n\r\n").await;
        assert_eq!(raw::read_until(&mut stream, "\r\n").await, "220 mail.test ESMTP\r\n");
        assert_eq!(raw::ask(&mut stream, b"EHLO me\r\n", "\r\n").await, "250 EHLO me\r\n");
    }
    Ok(())
}

/// A client that is silent at first, like browsers that preconnect, is served like any other.
#[mitm_test]
async fn a_silent_client_is_waited_for(mitm: Mitm, origin: Origin) -> TestResult {
    let mut connections = origin.state.connections.subscribe();
    let mut stream = raw::connect(&mitm).await;
    raw::ask(&mut stream, b"CONNECT origin.test:80 HTTP/1.1\r\nhost: origin.test:80\r\n\r\n", "\r\n\r\n").await;
    // The proxy has connected to the server.
    connections.wait_for(|count| *count == 1).await?;
    let said = raw::ask(&mut stream, b"GET /a HTTP/1.1\r\nhost: origin.test\r\n\r\n", "this is /a").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(mitm.exchanges().len(), 1);
    Ok(())
}
