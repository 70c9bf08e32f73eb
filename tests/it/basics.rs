use crate::support::origin::Origin;
use holdup::prelude::*;

#[mitm_test]
async fn https_is_intercepted_and_the_server_need_not_speak_it(
    client: Client,
    mitm: Mitm,
    origin: Origin,
) -> TestResult {
    let response = client.get("https://origin.test/hello?x=1").send().await?;
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.text().await?, "this is /hello");
    assert_eq!(origin.state.seen(), ["GET /hello?x=1"]);
    let exchanges = mitm.exchanges();
    assert_eq!(exchanges[0].request.url(), "https://origin.test/hello?x=1");
    Ok(())
}

#[mitm_test]
async fn plain_http_is_intercepted(client: Client, mitm: Mitm, _origin: Origin) -> TestResult {
    let response = client.get("http://origin.test/hello").send().await?;
    assert_eq!(response.text().await?, "this is /hello");
    assert_eq!(mitm.exchanges()[0].request.url(), "http://origin.test/hello");
    Ok(())
}

#[mitm_test]
async fn a_held_request_is_let_go_when_the_test_says_so(client: Client, origin: Origin) -> TestResult {
    let hold = hold!(path == "/slow");
    let asking = tokio::spawn(client.get("https://origin.test/slow").send());
    let held = hold.next().await?;
    assert_eq!(held.request().method(), "GET");
    assert_eq!(origin.state.seen(), [""; 0]);
    assert!(held.release().await?.is_delivered());
    assert_eq!(asking.await??.text().await?, "this is /slow");
    Ok(())
}
