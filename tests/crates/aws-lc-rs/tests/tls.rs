use holdup::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Uses nothing of holdup.
#[test]
fn rustls_has_one_provider() {
    assert!(!uses_aws_lc_rs::config().crypto_provider().cipher_suites.is_empty());
}

#[mitm_test]
async fn an_https_call_is_held(client: Client, mitm: Mitm) -> TestResult {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    mitm.host("app.test", listener.local_addr()?);
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
    });
    let hold = hold!(host == "app.test");
    let asking = tokio::spawn(client.get("https://app.test/").send());
    hold.next().await?.release();
    assert_eq!(asking.await??.text().await?, "ok");
    uses_aws_lc_rs::config();
    Ok(())
}
