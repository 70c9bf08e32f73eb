use holdup::prelude::*;

#[mitm_test]
async fn main() -> TestResult {
    let hold = hold!(path == "/x");
    let held = hold.next().await?;
    held.release().await?;
    held.abort(AbortKind::Reset).await?;
    Ok(())
}
