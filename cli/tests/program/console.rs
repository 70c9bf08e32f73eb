//! The program in a terminal of its own, with a real browser.

use crate::GOLDEN;
use crate::app::{PAGE, app};
use holdup::prelude::*;
use pty_process::{OwnedWritePty, Size};
use std::net::TcpListener;
use std::num::NonZero;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::watch;

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// The program, its keys and its screen.
struct Terminal {
    child: Child,
    keys: OwnedWritePty,
    screen: watch::Receiver<Arc<Vec<String>>>,
    /// Whether the terminal is as it was before.
    is_whole: watch::Receiver<bool>,
}

impl Terminal {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    fn start_with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::open().unwrap();
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).unwrap();
        let command = pty_process::Command::new(env!("CARGO_BIN_EXE_holdup")).args(arguments).kill_on_drop(true);
        let child = command
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .env_remove("VISUAL")
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .envs(variables.iter().copied())
            .spawn(pts)
            .unwrap();
        let (mut reader, keys) = pty.into_split();
        let (shown, screen) = watch::channel(Arc::default());
        let (whole, is_whole) = watch::channel(true);
        tokio::spawn(async move {
            let (mut parser, mut bytes) = (vt100::Parser::new(ROWS, COLUMNS, 0), [0; 4096]);
            while let Ok(size @ 1..) = reader.read(&mut bytes).await {
                parser.process(&bytes[..size]);
                let rows = parser.screen().rows(0, COLUMNS.get()).map(|row| row.trim_end().to_owned());
                shown.send_replace(Arc::new(rows.collect()));
                whole.send_replace(!parser.screen().alternate_screen() && !parser.screen().hide_cursor());
            }
        });
        Self { child, keys, screen, is_whole }
    }

    async fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// Waits until the screen has a text.
    async fn shows(&mut self, text: &str) {
        let shown = self.screen.wait_for(|screen| screen.iter().any(|line| line.contains(text)));
        let is_shown = matches!(tokio::time::timeout(std::time::Duration::from_secs(30), shown).await, Ok(Ok(_)));
        if !is_shown {
            panic!("the screen never shows {text:?}:\n{}", self.screen.borrow().join("\n"));
        }
    }

    /// Waits until the program has ended, and returns whether well: with the terminal as it was.
    async fn ended(mut self) -> bool {
        let ended = tokio::time::timeout(std::time::Duration::from_secs(30), self.child.wait()).await;
        let is_well = ended.expect("the program does not end").unwrap().success();
        // Until the terminal has been read to its end.
        let read = async { while self.is_whole.changed().await.is_ok() {} };
        tokio::time::timeout(std::time::Duration::from_secs(30), read).await.expect("somebody has the terminal");
        assert!(*self.is_whole.borrow(), "the terminal is left as the program has made it");
        is_well
    }

    /// Lets it write a test into a file, ends it, and returns the test.
    async fn written_test(mut self, file: &Path) -> String {
        self.press("T").await;
        self.shows("write the test into").await;
        // Instead of the name that stands there.
        self.press(&format!("\u{15}{}\r", file.display())).await;
        self.shows("the test is in").await;
        self.press("Q").await;
        assert!(self.ended().await);
        std::fs::read_to_string(file).unwrap()
    }
}

/// The README's race, by hand: hold the answers, release them in the wrong order, and turn that into a test.
#[tokio::test]
async fn a_race_by_hand_becomes_a_test() {
    let (app, folder) = (app(), tempfile::tempdir().unwrap());
    let (written, recorded) = (folder.path().join("session.rs"), folder.path().join("flows.har"));
    let host = format!("shop.test={app}");
    let recorded = recorded.display().to_string();
    let arguments = [
        "proxy",
        "--browser",
        "chromium",
        "--host",
        &host,
        "--intercept",
        "~u /search & ~s",
        "-w",
        &recorded,
        "https://shop.test/",
    ];
    let mut terminal = Terminal::start(&arguments);
    terminal.shows("2 held").await;
    terminal.press("O").await;
    terminal.shows("held, in the order in which they came").await;
    // Which of the two came first is up to their connections.
    let is_second = terminal.screen.borrow().iter().any(|line| line.starts_with(" 2 ") && line.contains("q=ab"));
    terminal.press(if is_second { "2 1\r" } else { "1 2\r" }).await;
    terminal.shows("released, one after another").await;
    terminal.press("q").await;
    terminal.shows("/shows/a ").await;
    assert_eq!(terminal.written_test(&written).await, include_str!("session/browser.rs"));
    let har = std::fs::read_to_string(recorded).unwrap();
    assert!(har.contains("/shows/a"));
}

/// The same for a client that is no browser.
#[tokio::test]
async fn the_requests_of_a_client_become_a_test() {
    let (app, folder) = (app(), tempfile::tempdir().unwrap());
    let written = folder.path().join("session.rs");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (host, port) = (format!("shop.test={app}"), port.to_string());
    let arguments = ["proxy", "--browser", "none", "-p", &port, "--host", &host, "--intercept", "~u /search & ~s"];
    let mut terminal = Terminal::start(&arguments);
    terminal.shows("no flows yet").await;
    let address = format!("127.0.0.1:{port}");
    let json = "content-type: application/json\r\ncontent-length: 7\r\n";
    sent(&address, "POST", "/login?q=x", json, "{\"a\":1}").await;
    let asking = tokio::spawn(async move { sent(&address, "GET", "/search?q=a", "", "").await });
    terminal.shows("1 held").await;
    terminal.press("A").await;
    assert!(asking.await.unwrap().ends_with("\r\n\r\na"));
    terminal.shows("2 flows, 0 held").await;
    assert_eq!(terminal.written_test(&written).await, include_str!("session/client.rs"));
}

/// Sends a request to `shop.test` through a proxy, and returns the response.
async fn sent(proxy: &str, method: &str, path: &str, headers: &str, body: &str) -> String {
    let mut client = tokio::net::TcpStream::connect(proxy).await.unwrap();
    let head = format!(
        "{method} http://shop.test{path} HTTP/1.1\r\nhost: shop.test\r\n{headers}connection: close\r\n\r\n{body}"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let mut response = String::new();
    client.read_to_string(&mut response).await.unwrap();
    response
}

/// What `T` has written compiles. In a function, so that it is not run.
#[allow(dead_code, unnameable_test_items, reason = "it only has to compile")]
fn the_tests_compile() {
    #[path = "session/browser.rs"]
    mod browser;
    #[path = "session/client.rs"]
    mod client;
}

#[tokio::test]
async fn a_held_answer_is_edited_in_the_editor() {
    let (app, folder) = (app(), tempfile::tempdir().unwrap());
    let editor = folder.path().join("an editor");
    // It breaks the text first, and corrects it the second time.
    let script = "#!/bin/sh\nif [ -e \"$0.again\" ]; then sed -i 's/^2x0/201/; s/^a$/changed/' \"$1\"; else touch \"$0.again\"; sed -i 's/^200/2x0/' \"$1\"; fi\n";
    std::fs::write(&editor, script).unwrap();
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let host = format!("shop.test={app}");
    let (pty_editor, arguments) = (
        format!("'{}'", editor.display()),
        ["proxy", "--browser", "chromium", "--host", &host, "--intercept", "~u q=a$ & ~s", "https://shop.test/once"],
    );
    let mut terminal = Terminal::start_with(&arguments, &[("EDITOR", &pty_editor)]);
    terminal.shows("1 held").await;
    terminal.press("gj").await;
    terminal.press("e").await;
    terminal.shows("line 1: \"2x0\" is no status").await;
    terminal.press("e").await;
    terminal.shows("changed: `a` releases it so").await;
    terminal.press("a").await;
    terminal.shows("/shows/changed").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
}

/// A body in a process of its own.
#[mitm_test(timeout = "30s")]
async fn waits_for_a_console(browser: Browser) -> TestResult {
    if std::env::var_os("HOLDUP_CLI_WAITS").is_none() {
        return Ok(());
    }
    respond!(path == "/", (200, [("content-type", "text/html")], PAGE));
    respond!(path == "/search", "a");
    let held = hold!(response: path == "/search" && query("q") == "a").optional();
    browser.goto("https://shop.test/").await?;
    browser.settled().await?;
    browser.pause().await?;
    assert_eq!(held.hits(), 1);
    browser.settled().await?;
    assert!(browser.text("#out").await?.contains('a'), "the person has released it");
    Ok(())
}

/// Returns whether a test says below this folder where a console can attach.
fn has_note(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    entries.into_iter().any(|path| if path.is_dir() { has_note(&path) } else { path.ends_with("console") })
}

/// Attaches, acts, leaves, attaches again, and lets the test go on: with captured output and without a terminal.
#[tokio::test]
async fn a_console_is_attached_to_a_test_twice() {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = folder.path().display().to_string();
    let variables = [("HOLDUP_ARTIFACTS", artifacts.as_str()), ("HOLDUP_CLI_WAITS", "1"), ("CI", "")];
    let mut test = tokio::process::Command::new(std::env::current_exe().unwrap());
    test.args(["console::waits_for_a_console", "--exact"]).envs(variables).stdin(Stdio::null());
    let mut test = test.kill_on_drop(true).spawn().unwrap();
    // Where it prints how to attach depends on whether there is a terminal.
    let waits = async {
        while !has_note(folder.path()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waits).await.expect("the test does not wait");
    let mut terminal = Terminal::start_with(&["console", "waits_for_a_console"], &variables);
    terminal.shows("(paused)").await;
    terminal.shows("1 held").await;
    terminal.press("O").await;
    terminal.shows("by hold!(response: path ==").await;
    terminal.press("\u{1b}").await;
    // The prompt is gone.
    terminal.shows("c let the test go on").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
    let mut terminal = Terminal::start_with(&["console"], &variables);
    terminal.shows("1 held").await;
    terminal.press("A").await;
    terminal.shows("0 held").await;
    terminal.press("c").await;
    assert!(terminal.ended().await, "the test has ended, and the console with it");
    assert!(test.wait().await.unwrap().success());
    let mut terminal = Terminal::start_with(&["console"], &variables);
    terminal.shows("no test waits").await;
    assert!(!terminal.ended().await);
}

#[tokio::test]
async fn a_console_that_is_killed_leaves_the_terminal_whole() {
    let mut terminal = Terminal::start(&["proxy", "--browser", "none"]);
    terminal.shows("no flows yet").await;
    let id = terminal.child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(terminal.ended().await);
}

/// Suspended by the key and from outside, and continued, as a shell does both.
#[tokio::test]
async fn a_console_that_is_suspended_gives_the_terminal_back() {
    let mut terminal = Terminal::start(&["proxy", "--browser", "none"]);
    let id = terminal.child.id().unwrap().to_string();
    let signal = |name: &str| assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
    terminal.is_whole.wait_for(|is_whole| !is_whole).await.unwrap();
    for is_key in [true, false] {
        terminal.shows("no flows yet").await;
        if is_key {
            terminal.press("\u{1a}").await;
        } else {
            signal("-TSTP");
        }
        terminal.is_whole.wait_for(|is_whole| *is_whole).await.unwrap();
        // It stops a moment after it has given the terminal back.
        while !is_stopped(&id) {
            tokio::task::yield_now().await;
        }
        signal("-CONT");
        terminal.is_whole.wait_for(|is_whole| !is_whole).await.unwrap();
    }
    terminal.press("?").await;
    terminal.shows("release all").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
}

fn is_stopped(process: &str) -> bool {
    let said = std::process::Command::new("ps").args(["-o", "stat=", "-p", process]).output().unwrap();
    said.stdout.starts_with(b"T")
}

#[tokio::test]
async fn a_recording_is_opened_searched_and_looked_at() {
    let mut terminal = Terminal::start(&["open", GOLDEN]);
    terminal.shows("12 flows").await;
    terminal.press("f").await;
    terminal.press("~c 302\r").await;
    terminal.shows("shows only ~c 302").await;
    terminal.shows("> ").await;
    terminal.press("\r").await;
    terminal.shows("GET http://shop.test/old").await;
    terminal.press("\t").await;
    terminal.shows("302").await;
    terminal.press("y").await;
    terminal.shows("copied: path == \"/old\"").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
}
