use holdup::prelude::*;

#[mitm_test]
async fn session(client: Client) -> TestResult {
    let search = hold!(response: path == "/search");
    client.post("http://shop.test/login?q=x").header("content-type", "application/json").body("{\"a\":1}").send().await?;
    let asking = tokio::spawn(client.get("http://shop.test/search?q=a").send());
    search.next().await?.release().await?;
    asking.await??;
    todo!("what must hold now")
}
