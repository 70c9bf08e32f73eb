//! Programs that a test starts itself, with `mitm.envs()`.

use crate::support::origin::Origin;
use holdup::prelude::*;
use std::process::{Command, Output};
use tokio::task::JoinHandle;

/// Runs a program in the background.
fn run(mitm: &Mitm, program: &str, arguments: &[&str]) -> TestResult<JoinHandle<std::io::Result<Output>>> {
    let mut command = Command::new(program);
    command.args(arguments).envs(mitm.envs()?);
    Ok(tokio::task::spawn_blocking(move || command.output()))
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[mitm_test]
async fn curl_is_held_and_rewritten(mitm: Mitm, _origin: Origin) -> TestResult {
    let hold = hold!(path == "/text");
    rewrite!(path == "/text", "the" => "teh");
    for version in ["--http1.1", "--http2"] {
        let arguments = ["-sS", "--compressed", version, "https://origin.test/text?gzip"];
        let curl = run(&mitm, "curl", &arguments)?;
        let held = hold.next().await?;
        assert!(held.request().header("user-agent").is_some_and(|agent| agent.starts_with("curl/")));
        assert!(held.release().await?.is_delivered());
        assert_eq!(said(&curl.await??), "teh cat and teh dog");
    }
    Ok(())
}

#[mitm_test]
async fn curl_uploads_and_is_cut_off(mitm: Mitm, _origin: Origin) -> TestResult {
    abort!(path == "/cut", reset);
    let upload = [
        "-sS",
        "-H",
        "Transfer-Encoding: chunked",
        "-H",
        "Expect: 100-continue",
        "-d",
        "said",
        "http://origin.test/echo",
    ];
    assert!(said(&run(&mitm, "curl", &upload)?.await??).ends_with("\nsaid"));
    let cut = run(&mitm, "curl", &["-sS", "https://origin.test/cut"])?.await??;
    assert!(!cut.status.success(), "{cut:?}");
    Ok(())
}
