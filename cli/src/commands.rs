//! What is typed after `holdup`.

use crate::mode::Mode;
use crate::{console, doctor, launch, manual, recording};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use holdup::Strangers;
use std::io::{ErrorKind, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// The error of every command: one text for a person.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Make the races of a web page happen by hand, and turn what you did into a test.
#[derive(Debug, Parser)]
#[command(name = "holdup", version, max_term_width = 100)]
pub(crate) struct Holdup {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a proxy with a browser, and hold its calls in the console.
    #[command(after_help = "Example: holdup proxy --intercept '~u /ajax' https://shop.test/")]
    Proxy(Proxy),
    /// Answer requests from recordings: HAR, or flow files of mitmproxy.
    #[command(after_help = "Example: holdup replay checkout.har -p 8080   (then: curl -x http://127.0.0.1:8080 ..)")]
    Replay(Replay),
    /// Send recorded requests again, to their servers, in the order of the recording.
    #[command(after_help = "Example: holdup resend checkout.har --only '~u /save' --host shop.test=127.0.0.1:3000")]
    Resend(Resend),
    /// Print a recording as a Rust test.
    #[command(after_help = "Example: holdup print checkout.har > tests/checkout.rs")]
    Print {
        /// HAR, or a flow file of mitmproxy.
        file: PathBuf,
    },
    /// Attach to a test that is paused (`HOLDUP_PAUSE=1`, `HOLDUP_PAUSE=on-failure`, `browser.pause()`).
    #[command(
        after_help = "Example: HOLDUP_PAUSE=on-failure cargo test checkout   (then, elsewhere: holdup console checkout)"
    )]
    Console {
        /// A part of the test's name; without it, the only one that waits, or a list.
        test: Option<String>,
    },
    /// Open the newest evidence of a failed test in the browser, or a recording in the console.
    #[command(after_help = "Example: holdup open checkout.har")]
    Open {
        /// HAR, or flow files of mitmproxy. None: the newest evidence.
        files: Vec<PathBuf>,
    },
    /// Check the browser, its driver, and what a test needs.
    #[command(after_help = "Example: holdup doctor")]
    Doctor,
    /// Print what a shell needs to complete the commands and options of this program.
    #[command(after_help = "Example: holdup completions bash > ~/.local/share/bash-completion/completions/holdup")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages into a folder.
    #[command(after_help = "Example: holdup man ~/.local/share/man/man1   (then: man holdup-proxy)")]
    Man {
        /// The folder; it is made if it does not exist.
        folder: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BrowserName {
    Chromium,
    Firefox,
    HeadlessShell,
    None,
}

/// How a proxy listens and reaches its servers.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The port of the proxy; a free one by default.
    #[arg(short = 'p', long = "listen-port", default_value_t = 0)]
    pub(crate) port: u16,
    /// The address on which the proxy listens.
    #[arg(long = "listen-host", value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) address: IpAddr,
    /// Accept any certificate of this host (`shop.test`, `*.shop.test`); repeatable.
    #[arg(long = "insecure", value_name = "HOST")]
    pub(crate) insecure: Vec<String>,
    /// Accept any certificate of every server.
    #[arg(short = 'k', long = "ssl-insecure")]
    pub(crate) all_insecure: bool,
    /// Do not look into connections to this host; repeatable.
    #[arg(long = "ignore-hosts", value_name = "HOST")]
    pub(crate) ignored: Vec<String>,
    /// Look only into connections to this host; repeatable.
    #[arg(long = "allow-hosts", value_name = "HOST")]
    pub(crate) intercepted: Vec<String>,
    /// `reverse:https://shop.test` stands in for that server, for clients that cannot use a proxy;
    /// `upstream:http://proxy.test:3128` reaches servers through another proxy; repeatable.
    #[arg(short = 'm', long = "mode", value_name = "MODE")]
    pub(crate) modes: Vec<Mode>,
    /// Serve a name from a server of this machine: `shop.test=127.0.0.1:3000`; repeatable.
    #[arg(long = "host", value_name = "NAME=ADDRESS")]
    pub(crate) hosts: Vec<String>,
    /// Trust servers with the certificates in this file (PEM).
    #[arg(long = "trust", value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// Use the certificate and key in this file (PEM), for one host or for all; repeatable.
    #[arg(long = "certs", value_name = "[HOST=]FILE")]
    pub(crate) certificates: Vec<String>,
    /// Write the certificate (PEM) of this proxy's CA, which its clients must trust. It is a new one each time.
    #[arg(long = "ca", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Proxy {
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// The browser that is started and uses the proxy: chromium by default, and none in reverse mode.
    #[arg(long, value_enum)]
    pub(crate) browser: Option<BrowserName>,
    /// What to hold, in mitmproxy's language: `~u /ajax & ~m POST`.
    #[arg(long, value_name = "FILTER")]
    pub(crate) intercept: Option<String>,
    /// A rule, as in a test: `replace!(path == "/app.js", "app.js")`, `rewrite!(url ~ "x", "the" => "teh")`, `delay!(..)`;
    /// repeatable.
    #[arg(long = "rule", value_name = "RULE")]
    pub(crate) rules: Vec<String>,
    /// Record into this file: HAR if it ends in `.har`, else a flow file of mitmproxy.
    #[arg(short = 'w', long = "save-stream-file", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Show the flows of a recording, which can be looked at and sent again; repeatable.
    #[arg(short = 'r', long = "rfile", value_name = "FILE")]
    pub(crate) read: Vec<PathBuf>,
    /// What the list shows, in mitmproxy's language.
    #[arg(long, value_name = "FILTER")]
    pub(crate) view_filter: Option<String>,
    /// Answer requests from a recording; repeatable.
    #[arg(short = 'S', long = "server-replay", value_name = "FILE")]
    pub(crate) replay: Vec<PathBuf>,
    /// What becomes of requests that are not in it: `forward`, the default, or a status.
    #[arg(long = "server-replay-extra", value_name = "WHAT", value_parser = strangers, requires = "replay")]
    pub(crate) extra: Option<Strangers>,
    /// Send the requests of a recording again, one after another (`holdup resend` does only that); repeatable.
    #[arg(short = 'C', long = "client-replay", value_name = "FILE")]
    pub(crate) resend: Vec<PathBuf>,
    /// Only show what `-r` reads, without a browser; with `-w`, write it in the other format.
    #[arg(short = 'n', long = "no-server", requires = "read", conflicts_with_all = ["json", "replay", "resend"])]
    pub(crate) no_server: bool,
    /// Print one line for each event, instead of the console.
    #[arg(short = 'q', long)]
    pub(crate) quiet: bool,
    /// Print one JSON object for each change of a flow, instead of the console.
    #[arg(long)]
    pub(crate) json: bool,
    /// The page to open; or a filter, as `--view-filter`.
    pub(crate) url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// Answers, messages and events come in the order of the recording.
    #[arg(long)]
    pub(crate) in_recorded_order: bool,
    /// What is not in the recording goes to its server.
    #[arg(long)]
    pub(crate) pass: bool,
    /// What becomes of requests that are not in it: `forward`, as `--pass`, or a status; 404 by default.
    #[arg(long = "server-replay-extra", value_name = "WHAT", value_parser = strangers, conflicts_with = "pass")]
    pub(crate) extra: Option<Strangers>,
    /// HAR, or flow files of mitmproxy.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Resend {
    #[command(flatten)]
    pub(crate) listen: Listen,
    /// Which requests, in mitmproxy's language; all by default.
    #[arg(long, value_name = "FILTER")]
    pub(crate) only: Option<String>,
    /// A rule, as in a test; repeatable.
    #[arg(long = "rule", value_name = "RULE")]
    pub(crate) rules: Vec<String>,
    /// Record into this file: the flows of the recording, and what is sent now.
    #[arg(short = 'w', long = "save-stream-file", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// How long to wait for each answer, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// HAR, or flow files of mitmproxy.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Reads what becomes of a request that is not in the recording.
fn strangers(said: &str) -> Result<Strangers, String> {
    match said.parse() {
        _ if said == "forward" => Ok(Strangers::Pass),
        Ok(status @ 200..=599) => Ok(Strangers::Status(status)),
        _ => Err("write `forward`, or a status such as 404".to_owned()),
    }
}

impl Holdup {
    pub(crate) async fn run(self) -> Result<ExitCode, Fault> {
        match self.command {
            Command::Proxy(proxy) => launch::proxy(proxy).await,
            Command::Replay(replay) => recording::replay(replay).await,
            Command::Print { file } => recording::print(&file),
            Command::Console { test } => console::attach(test.as_deref()).await,
            Command::Resend(resend) => recording::resend(resend).await,
            Command::Open { files } if files.is_empty() => recording::open(),
            Command::Open { files } => launch::read(&files, None, None, false).await,
            Command::Doctor => doctor::doctor().await,
            Command::Completions { shell } => manual::completions::<Self>(shell),
            Command::Man { folder } => manual::pages::<Self>(&folder),
        }
    }
}

/// Prints a line for a person. Fails only if nobody reads.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Whoever read the output has read enough: `holdup print FILE | head`.
#[derive(Debug)]
pub(crate) struct OutputClosed;

impl std::fmt::Display for OutputClosed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("nobody reads the output")
    }
}

impl std::error::Error for OutputClosed {}

/// Prints what another program may read.
pub(crate) fn print(text: &str) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => std::io::Error::new(error.kind(), OutputClosed),
        _ => error,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_consistent_and_have_examples() {
        let command = Holdup::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example: "), "{}", sub.get_name());
        }
    }
}
