//! `holdup proxy`: a proxy, a browser, and the console.

use crate::commands::{BrowserName, Fault, Listen, Proxy, print, say};
use crate::console::{Link, run};
use crate::rule;
use holdup::__private::{BrowserKind, Console, serve_console};
use holdup::{Browser, Config, Mitm};
use serde_json::{Value, json};
use std::env;
use std::io::IsTerminal;
use std::net::ToSocketAddrs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use tokio::io::DuplexStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How many bytes the console and the proxy may be apart.
const PIPE: usize = 256 * 1024;

pub(crate) async fn proxy(said: Proxy) -> Result<ExitCode, Fault> {
    if let Some(error) = restarted_with_a_window(said.browser) {
        return Err(format!("the browser cannot have a window: {error}").into());
    }
    let is_plain = said.quiet || !std::io::stdout().is_terminal();
    let mitm = start(&said.listen).await?;
    for rule in &said.rules {
        rule::declare(&mitm, rule).map_err(|why| format!("--rule {rule}: {why}"))?;
    }
    for file in &said.replay {
        mitm.replay(file)?.strangers(holdup::Strangers::Pass);
    }
    // It may be the file that was just read.
    if let Some(file) = &said.write {
        mitm.save(file)?;
    }
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(serve_console(Console::new(&mitm, None), far));
    let mut link = Link::new(near);
    if let Some(filter) = &said.intercept {
        intercept(&mut link, filter).await?;
    }
    let browser = open(&mitm, said.browser, said.url.as_deref()).await?;
    // From here on, ctrl-c is not lost. In the console it is a key.
    let ctrl_c = is_plain.then(|| signal(SignalKind::interrupt())).transpose()?;
    say(&format!("the proxy listens on {}", mitm.address()));
    let done = match ctrl_c {
        Some(ctrl_c) => lines(link, ctrl_c).await,
        None => run(link).await,
    };
    if let Some(browser) = browser {
        // Ends the session, and with it the process.
        browser.close().await;
    }
    // What was held is released; nobody wants a report of what a person has left.
    drop(mitm.stop().await);
    done
}

/// Starts this program again with `HOLDUP_HEADED`, which the browser reads, if there is a display for a window. Returns only
/// if nothing was started.
fn restarted_with_a_window(browser: BrowserName) -> Option<std::io::Error> {
    let has_display =
        cfg!(target_os = "macos") || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some());
    let has_window = matches!(browser, BrowserName::Chromium | BrowserName::Firefox);
    if !has_window || !has_display || env::var_os("HOLDUP_HEADED").is_some() {
        return None;
    }
    let this = env::current_exe().ok()?;
    Some(Command::new(this).args(env::args_os().skip(1)).env("HOLDUP_HEADED", "1").exec())
}

/// Starts the proxy.
pub(crate) async fn start(listen: &Listen) -> Result<Mitm, Fault> {
    let mitm = Mitm::start_with(Config::default().port(listen.port)).await?;
    mitm.limit_journal(1024 * 1024 * 1024);
    listen.insecure.iter().for_each(|host| mitm.insecure_upstream(host));
    if let Some(file) = &listen.trust {
        mitm.trust_upstream(&std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?)?;
    }
    for host in &listen.hosts {
        let (name, address) = host
            .split_once('=')
            .ok_or_else(|| format!("--host {host}: write NAME=ADDRESS, as in shop.test=127.0.0.1:3000"))?;
        let address = address.to_socket_addrs().map_err(|error| format!("--host {host}: {error}"))?.next();
        mitm.host(name, address.ok_or_else(|| format!("--host {host}: the address has no number"))?);
    }
    Ok(mitm)
}

async fn intercept(link: &mut Link<DuplexStream>, filter: &str) -> Result<(), Fault> {
    let number = link.ask(json!({ "do": "intercept", "filter": filter, "on": true })).await?;
    let mut before = Vec::new();
    while let Some(told) = link.told().await? {
        if told["n"] == number {
            link.tell_again(before);
            return told["error"].as_str().map_or(Ok(()), |why| Err(format!("--intercept: {why}").into()));
        }
        before.push(told);
    }
    Ok(())
}

/// Opens the browser with a window, if there is a display.
async fn open(mitm: &Mitm, name: BrowserName, url: Option<&str>) -> Result<Option<Browser>, Fault> {
    let kind = match name {
        BrowserName::None => return Ok(None),
        BrowserName::Chromium => BrowserKind::Chromium,
        BrowserName::Firefox => BrowserKind::Firefox,
        BrowserName::HeadlessShell => BrowserKind::HeadlessShell,
    };
    let browser = mitm.browser_of(kind).await?;
    if let Some(url) = url {
        // Does not wait for the page: it may be held.
        browser.start(url);
    }
    Ok(Some(browser))
}

/// Prints what happens, until the person presses ctrl-c.
async fn lines(mut link: Link<DuplexStream>, mut ctrl_c: Signal) -> Result<ExitCode, Fault> {
    loop {
        tokio::select! {
            told = link.told() => match told? {
                Some(told) => print_lines(&told)?,
                None => return Ok(ExitCode::SUCCESS),
            },
            _ = ctrl_c.recv() => break,
        }
    }
    // What has happened until now is told before the answer.
    let last = link.ask(json!({ "do": "state" })).await?;
    while let Some(told) = link.told().await?.filter(|told| told["n"] != last) {
        print_lines(&told)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_lines(told: &Value) -> std::io::Result<()> {
    let lines = told["lines"].as_array().into_iter().flatten().filter_map(Value::as_str);
    lines.map(|line| format!("{line}\n")).try_for_each(|line| print(&line))
}
