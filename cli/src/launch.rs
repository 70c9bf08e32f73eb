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
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use tokio::io::DuplexStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How many bytes the console and the proxy may be apart.
const PIPE: usize = 256 * 1024;

pub(crate) async fn proxy(said: Proxy) -> Result<ExitCode, Fault> {
    if let Some(error) = restarted_with_a_window(said.browser) {
        return Err(format!("the browser cannot have a window: {error}").into());
    }
    let output = match (said.json, said.quiet || !std::io::stdout().is_terminal()) {
        (true, _) => Some(Output::Json),
        (false, true) => Some(Output::Lines),
        (false, false) => None,
    };
    if said.intercept.is_some() && output.is_some() {
        let help = "give `--rule 'delay!(..)'` or another rule instead, or leave out --quiet and --json, on a terminal";
        return Err(format!("nobody releases what --intercept holds, without the console: {help}").into());
    }
    let mitm = start(&said.listen).await?;
    declare(&mitm, &said.rules)?;
    for file in &said.replay {
        mitm.replay(file)?.strangers(holdup::Strangers::Pass);
    }
    for file in &said.read {
        mitm.load(file)?;
    }
    // It may be the file that was just read.
    if let Some(file) = &said.write {
        mitm.save(file)?;
    }
    let mut link = link(&mitm);
    if let Some(filter) = &said.intercept {
        ask(&mut link, json!({ "do": "intercept", "filter": filter, "on": true }), "--intercept").await?;
    }
    if let Some(filter) = &said.view_filter {
        ask(&mut link, json!({ "do": "view", "filter": filter }), "--view-filter").await?;
    }
    let browser = open(&mitm, said.browser, said.url.as_deref()).await?;
    // From here on, ctrl-c is not lost. In the console it is a key.
    let plain = output.map(|output| Ok::<_, Fault>((output, End::new()?))).transpose()?;
    say(&format!("the proxy listens on {}", mitm.address()));
    let done = match plain {
        Some((output, end)) => follow(link, output, end).await,
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

/// Shows recordings in the console.
pub(crate) async fn read(files: &[PathBuf]) -> Result<ExitCode, Fault> {
    let mitm = Mitm::start().await?;
    for file in files {
        mitm.load(file)?;
    }
    if !std::io::stdout().is_terminal() {
        let urls = mitm.exchanges().iter().map(|flow| format!("{flow}\n")).collect::<String>();
        print(&urls)?;
        return Ok(ExitCode::SUCCESS);
    }
    let done = run(link(&mitm)).await;
    drop(mitm.stop().await);
    done
}

/// Connects a console to a proxy in this process.
fn link(mitm: &Mitm) -> Link<DuplexStream> {
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(serve_console(Console::new(mitm, None), far));
    Link::new(near)
}

/// Declares the rules of the command line.
pub(crate) fn declare(mitm: &Mitm, rules: &[String]) -> Result<(), Fault> {
    for rule in rules {
        rule::declare(mitm, rule).map_err(|why| format!("--rule {rule}: {why}"))?;
    }
    Ok(())
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
    let mitm = Mitm::start_with(Config::default().listen(listen.address).port(listen.port)).await?;
    mitm.limit_journal(1024 * 1024 * 1024);
    let all = listen.all_insecure.then_some("*");
    rule::refusable(|| {
        listen.insecure.iter().map(String::as_str).chain(all).for_each(|host| mitm.insecure_upstream(host));
        listen.ignored.iter().for_each(|host| mitm.pass_through(host));
        Ok(())
    })?;
    if let Some(file) = &listen.trust {
        mitm.trust_upstream(&std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?)?;
    }
    if let Some(file) = &listen.ca {
        std::fs::write(file, mitm.ca_pem()).map_err(|error| format!("--ca {}: {error}", file.display()))?;
    }
    for host in &listen.hosts {
        let (name, address) = host
            .split_once('=')
            .ok_or_else(|| format!("--host {host}: write NAME=ADDRESS, as in shop.test=127.0.0.1:3000"))?;
        let address = address.to_socket_addrs().map_err(|error| format!("--host {host}: {error}"))?.next();
        let address = address.ok_or_else(|| format!("--host {host}: the address has no number"))?;
        rule::refusable(|| {
            mitm.host(name, address);
            Ok(())
        })?;
    }
    Ok(mitm)
}

/// Asks for what an option says.
async fn ask(link: &mut Link<DuplexStream>, what: Value, option: &str) -> Result<(), Fault> {
    let number = link.ask(what).await?;
    let mut before = Vec::new();
    while let Some(told) = link.told().await? {
        if told["n"] == number {
            link.tell_again(before);
            return told["error"].as_str().map_or(Ok(()), |why| Err(format!("{option}: {why}").into()));
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
    browser.report_actions().await?;
    if let Some(url) = url {
        // Does not wait for the page: it may be held.
        browser.start(url);
    }
    Ok(Some(browser))
}

/// How a proxy without a console tells what happens.
#[derive(Clone, Copy, Debug)]
enum Output {
    /// A line for each event.
    Lines,
    /// An object for each change of a flow.
    Json,
}

impl Output {
    fn print(self, told: &Value) -> std::io::Result<()> {
        let of = |name: &str| told[name].as_array().into_iter().flatten();
        match self {
            Self::Lines => {
                let mut lines = of("lines").filter_map(Value::as_str);
                lines.try_for_each(|line| print(&format!("{line}\n")))
            }
            Self::Json => of("rows").try_for_each(|row| print(&format!("{row}\n"))),
        }
    }
}

/// Ctrl-c, or what a supervisor sends.
pub(crate) struct End(Signal, Signal);

impl End {
    /// From here on, neither is lost.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    pub(crate) async fn comes(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// Prints what happens, until it is ended.
async fn follow(mut link: Link<DuplexStream>, output: Output, mut end: End) -> Result<ExitCode, Fault> {
    loop {
        tokio::select! {
            told = link.told() => match told? {
                Some(told) => output.print(&told)?,
                None => return Ok(ExitCode::SUCCESS),
            },
            () = end.comes() => break,
        }
    }
    // What has happened until now is told before the answer.
    let last = link.ask(json!({ "do": "state" })).await?;
    while let Some(told) = link.told().await?.filter(|told| told["n"] != last) {
        output.print(&told)?;
    }
    Ok(ExitCode::SUCCESS)
}
