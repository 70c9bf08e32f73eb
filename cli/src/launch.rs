//! `holdup proxy`: a proxy, a browser, and the console.

use crate::commands::{BrowserName, Fault, Proxy, print, say};
use crate::console::{Link, run};
use crate::listen::{declare, end, start};
use crate::mode;
use crate::output::{Format, Output};
use holdup::__private::{BrowserKind, Console, serve_console};
use holdup::{Browser, Exchange, Filter, Mitm, Strangers};
use serde_json::{Value, json};
use std::env;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::DuplexStream;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How many bytes the console and the proxy may be apart.
const PIPE: usize = 256 * 1024;

pub(crate) async fn proxy(mut said: Proxy) -> Result<ExitCode, Fault> {
    if let Some(filter) = said.url.take_if(|url| is_filter(url))
        && said.view_filter.replace(filter).is_some()
    {
        return Err("there are two filters of what is shown: --view-filter, and one at the end".into());
    }
    let name = browser_of(&said)?;
    if let Some(url) = said.url.as_ref().filter(|_| said.no_server || name == BrowserName::None) {
        return Err(format!("no browser is started that could open {url}").into());
    }
    if said.no_server {
        return read(&said.read, said.view_filter.as_deref(), said.write.as_deref(), said.quiet).await;
    }
    if let Some(error) = restarted_with_a_window(name) {
        return Err(format!("the browser cannot have a window: {error}").into());
    }
    let output = output_of(&said)?;
    let mitm = start(&said.listen).await?;
    declare(&mitm, &said.rules)?;
    let resent = recordings(&mitm, &said)?;
    let mut link = link(&mitm);
    if let Some(filter) = &said.intercept {
        let before = ask(&mut link, json!({ "do": "intercept", "filter": filter, "on": true }), "--intercept").await?;
        link.tell_again(before);
    }
    view_only(&mut link, said.view_filter.as_deref()).await?;
    let browser = open(&mitm, name, said.url.as_deref()).await?;
    // From here on, ctrl-c is not lost. In the console it is a key.
    let plain = output.map(|format| Ok::<_, Fault>((Output::new(format), End::new()?))).transpose()?;
    say(&format!("the proxy listens on {}", mitm.address()));
    let (refused, is_plain) = (Arc::<Mutex<Vec<String>>>::default(), plain.is_some());
    let resending = tokio::spawn(resend(mitm.clone(), resent, Arc::clone(&refused), is_plain));
    let done = match plain {
        Some((output, end)) => follow(link, output, end).await,
        None => run(link).await,
    };
    resending.abort();
    let refused = std::mem::take(&mut *refused.lock().unwrap_or_else(PoisonError::into_inner));
    refused.iter().for_each(|why| say(why));
    if let Some(browser) = browser {
        // Ends the session, and with it the process.
        browser.close().await;
    }
    end(&mitm).await?;
    done
}

/// Returns what is printed instead of the console.
fn output_of(said: &Proxy) -> Result<Option<Format>, Fault> {
    let output = match (said.json, said.quiet || !std::io::stdout().is_terminal()) {
        (true, _) => Some(Format::Json),
        (false, true) => Some(Format::Lines),
        (false, false) => None,
    };
    if said.intercept.is_some() && output.is_some() {
        let help = "give `--rule 'delay!(..)'` or another rule instead, or leave out --quiet and --json, on a terminal";
        return Err(format!("nobody releases what --intercept holds, without the console: {help}").into());
    }
    Ok(output)
}

/// Reads the recordings of the command line, and starts that of this proxy. Returns what is to be sent again.
fn recordings(mitm: &Mitm, said: &Proxy) -> Result<Vec<Exchange>, Fault> {
    for file in &said.replay {
        mitm.replay(file)?.strangers(said.extra.unwrap_or(Strangers::Pass));
    }
    for file in &said.read {
        mitm.load(file)?;
    }
    let mut resent = Vec::new();
    for file in &said.resend {
        resent.extend(mitm.load(file)?);
    }
    // It may be the file that was just read.
    if let Some(file) = &said.write {
        mitm.save(file)?;
    }
    Ok(resent)
}

/// Shows recordings in the console, and writes them into another file.
pub(crate) async fn read(
    files: &[PathBuf],
    view: Option<&str>,
    write: Option<&Path>,
    is_quiet: bool,
) -> Result<ExitCode, Fault> {
    let filter = view.map(str::parse::<Filter>).transpose().map_err(|why| format!("--view-filter: {why}"))?;
    let mitm = Mitm::start().await?;
    for file in files {
        mitm.load(file)?;
    }
    if let Some(file) = write {
        mitm.save(file)?;
    }
    let done = if is_quiet || !std::io::stdout().is_terminal() {
        let is_shown = |flow: &&Exchange| {
            filter.as_ref().is_none_or(|filter| filter.matches(&flow.request, flow.response.as_deref()))
        };
        let flows = mitm.exchanges();
        print(&flows.iter().filter(is_shown).map(|flow| format!("{flow}\n")).collect::<String>()).map_err(Fault::from)
    } else {
        let mut link = link(&mitm);
        view_only(&mut link, view).await?;
        run(link).await.map(drop)
    };
    end(&mitm).await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// Whether what is typed at the end is a filter of mitmproxy, and no page.
fn is_filter(text: &str) -> bool {
    text.starts_with(['~', '!', '('])
}

/// Returns the browser to start.
fn browser_of(said: &Proxy) -> Result<BrowserName, Fault> {
    let is_reverse = mode::reverse(&said.listen.modes).is_some();
    match said.browser {
        None if is_reverse => Ok(BrowserName::None),
        None => Ok(BrowserName::Chromium),
        Some(name) if is_reverse && name != BrowserName::None => {
            Err("in reverse mode this is no proxy for a browser: leave out --browser, and open the proxy's address"
                .into())
        }
        Some(name) => Ok(name),
    }
}

/// Sends recorded requests again. What becomes of them is seen as flows, unless they cannot be sent: that is said at once, or
/// at the end, if the console has the terminal.
async fn resend(mitm: Mitm, flows: Vec<Exchange>, refused: Arc<Mutex<Vec<String>>>, is_plain: bool) {
    for flow in flows {
        if let Err(failure) = mitm.resend(&flow).await {
            let text = failure.to_string();
            let why = format!("-C: {}", text.lines().next().unwrap_or_default());
            match is_plain {
                true => say(&why),
                false => refused.lock().unwrap_or_else(PoisonError::into_inner).push(why),
            }
        }
    }
}

/// Connects a console to a proxy in this process.
fn link(mitm: &Mitm) -> Link<DuplexStream> {
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(serve_console(Console::new(mitm, None), far));
    Link::new(near)
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

/// Sets which flows are shown.
async fn view_only(link: &mut Link<DuplexStream>, filter: Option<&str>) -> Result<(), Fault> {
    let Some(filter) = filter else { return Ok(()) };
    let mut before = ask(link, json!({ "do": "view", "filter": filter }), "--view-filter").await?;
    // All rows are told again, as they are shown now.
    before.retain(|told| told["rows"].is_null());
    link.tell_again(before);
    Ok(())
}

/// Asks for what an option says, and returns what was told before it was done.
async fn ask(link: &mut Link<DuplexStream>, what: Value, option: &str) -> Result<Vec<Value>, Fault> {
    let number = link.ask(what).await?;
    let mut before = Vec::new();
    while let Some(told) = link.told().await? {
        if told["n"] == number {
            return told["error"].as_str().map_or(Ok(before), |why| Err(format!("{option}: {why}").into()));
        }
        before.push(told);
    }
    Ok(before)
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
async fn follow(mut link: Link<DuplexStream>, mut output: Output, mut end: End) -> Result<ExitCode, Fault> {
    let mut tell = |told: &Value| output.take(told).iter().try_for_each(|line| print(&format!("{line}\n")));
    loop {
        tokio::select! {
            told = link.told() => match told? {
                Some(told) => tell(&told)?,
                None => return Ok(ExitCode::SUCCESS),
            },
            () = end.comes() => break,
        }
    }
    // What has happened until now is told before the answer.
    let last = link.ask(json!({ "do": "state" })).await?;
    while let Some(told) = link.told().await?.filter(|told| told["n"] != last) {
        tell(&told)?;
    }
    Ok(ExitCode::SUCCESS)
}
