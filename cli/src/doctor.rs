//! `holdup doctor`: what a test needs, and what to do about what is missing.

use crate::commands::{Fault, print};
use holdup::__private::{BrowserKind, CRYPTO};
use holdup::Mitm;
use std::process::ExitCode;

pub(crate) async fn doctor() -> Result<ExitCode, Fault> {
    let mut is_well = true;
    let mut tell = |what: &str, found: Result<String, String>| {
        let (sign, said) = match found {
            Ok(said) => ("ok", said),
            Err(why) => ("--", why),
        };
        is_well &= sign == "ok" || !what.ends_with('!');
        print(&format!("{sign}  {:<16}{}\n", what.trim_end_matches('!'), said.replace('\n', "\n                    ")))
    };
    let mitm = Mitm::start().await;
    tell("proxy!", mitm.as_ref().map(|mitm| format!("listens on {}", mitm.address())).map_err(ToString::to_string))?;
    tell("cryptography", Ok(format!("by {CRYPTO}, a feature of holdup: use the provider of your other dependencies")))?;
    let kinds = [BrowserKind::HeadlessShell, BrowserKind::Chromium, BrowserKind::Firefox];
    let mut works = 0;
    for kind in kinds {
        let found = match &mitm {
            Ok(mitm) => opens(mitm, kind).await,
            Err(_) => Err("no proxy".to_owned()),
        };
        works += usize::from(found.is_ok());
        tell(&format!("{kind}"), found)?;
    }
    let any = if works > 0 { Ok(format!("{works} of 3 open a page")) } else { Err("none opens a page".to_owned()) };
    tell("browser!", any)?;
    if let Ok(mitm) = mitm {
        drop(mitm.stop().await);
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts a browser, opens a page over TLS, and returns what the browser calls itself.
async fn opens(mitm: &Mitm, kind: BrowserKind) -> Result<String, String> {
    let browser = mitm.browser_of(kind).await.map_err(|failure| failure.to_string())?;
    mitm.respond::<holdup::Request>(holdup::filter!(host == "doctor.test"), "well");
    let opened = async {
        browser.goto("https://doctor.test/").await?;
        browser.eval::<String>("return navigator.userAgent").await
    };
    let said = opened.await.map_err(|error| error.to_string());
    browser.close().await;
    said.map(|agent| {
        format!(
            "trusts the proxy: {}",
            agent.rsplit(' ').find(|word| word.contains("Chrom") || word.contains("Firefox")).unwrap_or(&agent)
        )
    })
}
