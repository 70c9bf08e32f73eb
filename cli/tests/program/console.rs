//! The program in a terminal of its own, with a real browser.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::todo)]
#![allow(unnameable_test_items, reason = "what the program has written is compiled, not run")]

use holdup::prelude::*;
use pty_process::{OwnedWritePty, Size};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::num::NonZero;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Condvar, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::sync::watch;

/// A page that asks twice, and shows what comes last; then it says what it shows. `/once` asks once.
const PAGE: &str = "<p id=out></p><script>
    let left = 2;
    for (const q of ['a', 'ab']) fetch('/search?q=' + q).then(answer => answer.text()).then(text => {
        out.textContent = text;
        if (--left === 0) fetch('/shows/' + text);
    });</script>";

/// Whether the first answer was sent.
#[derive(Default)]
struct First(Mutex<bool>, Condvar);

impl First {
    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |sent| !*sent).unwrap());
    }
}

/// Starts a server of one page, and returns its address.
fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let first = Arc::new(First::default());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let first = Arc::clone(&first);
            std::thread::spawn(move || {
                let (mut stream, mut asked) = (stream, [0; 4096]);
                while let Ok(size) = stream.read(&mut asked) {
                    let head = String::from_utf8_lossy(&asked[..size]);
                    let Some(path) = head.split(' ').nth(1) else { return };
                    // The answers come in the order of the page, each on its own connection.
                    if path.ends_with("q=ab") {
                        first.wait();
                    }
                    let body = match path.split_once("q=") {
                        Some((_, query)) => query.to_owned(),
                        None if path == "/once" => PAGE.replace("['a', 'ab']", "['a']").replace("left = 2", "left = 1"),
                        None => PAGE.to_owned(),
                    };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                    if path.ends_with("q=a") {
                        first.set();
                    }
                }
            });
        }
    });
    address
}

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
    terminal.press("T").await;
    terminal.shows("write the test into").await;
    // Instead of the name that stands there.
    terminal.press(&format!("\u{15}{}\r", written.display())).await;
    terminal.shows("the test is in").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
    assert_eq!(std::fs::read_to_string(written).unwrap(), include_str!("session/browser.rs"));
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
    terminal.press("T").await;
    terminal.shows("write the test into").await;
    terminal.press(&format!("\u{15}{}\r", written.display())).await;
    terminal.shows("the test is in").await;
    terminal.press("Q").await;
    assert!(terminal.ended().await);
    assert_eq!(std::fs::read_to_string(written).unwrap(), include_str!("session/client.rs"));
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
    test.args(["waits_for_a_console", "--exact"]).envs(variables).stdin(Stdio::null());
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

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/it/recorded/golden.har");

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

fn holdup(arguments: &[&str]) -> (bool, String, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_holdup")).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn recorded_requests_are_sent_to_their_servers_again() {
    let host = format!("shop.test={}", app());
    let (is_well, told, _) = holdup(&["resend", GOLDEN, "--host", &host, "--only", "~u \"/(old|gone)\""]);
    let sent = "GET http://shop.test/old  200 (recorded: 302)\nGET http://shop.test/gone  200\n";
    assert!(is_well && told == sent, "{told}");
    let (is_well, told, why) = holdup(&["resend", GOLDEN, "--host", "shop.test=127.0.0.1:9", "--only", "~u /old"]);
    assert!(!is_well && told.contains("-- failed (connect"), "{told}{why}");
    assert!(why.contains("0 of 1 requests were sent and answered"), "{why}");
    // A server that accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("shop.test={}", silent.local_addr().unwrap());
    let (is_well, told, _) = holdup(&["resend", GOLDEN, "--host", &host, "--only", "~u /old", "--timeout", "1"]);
    assert!(!is_well && told.contains("-- no answer within 1s"), "{told}");
}

#[test]
fn failures_name_options_and_no_lines_of_the_program() {
    let cases: [&[&str]; 20] = [
        &["replay", GOLDEN, "--insecure", "https://a"],
        &["replay", GOLDEN, "--host", "a b=127.0.0.1:1"],
        &["print", "no-such.har"],
        &["resend", GOLDEN, "--only", "~u /old"],
        &["proxy", "--browser", "none", "-q", "--rule", "replace!(path == \"/x\", \"no-such.js\")"],
        &["proxy", "--certs", "no-such.pem"],
        &["proxy", "-s", "script.py"],
        &["proxy", "-m", "reverse:shop.test"],
        &["proxy", "-m", "reverse:https://shop.test", "--browser", "firefox"],
        &["proxy", "-m", "upstream:socks5://a", "--browser", "none"],
        &["proxy", "-m", "transparent"],
        &["resend", GOLDEN, "-m", "reverse:https://shop.test"],
        &["proxy", "-m", "http://me:S3cret@shop.test"],
        &["proxy", "-m", "upstream:http://a:1", "-m", "upstream:http://b:1", "--browser", "none"],
        &["proxy", "--host", "http://me:S3cret@shop.test", "--browser", "none"],
        &["proxy", "--browser", "none", "https://shop.test/"],
        &["proxy", "--browser", "none", "--view-filter", "~u x", "~u y"],
        &["proxy", "--browser", "none", "--server-replay-extra", "404"],
        &["proxy", "-n", "-r", GOLDEN, "--json"],
        &["proxy", "--browser", "none", "-q", "--intercept", "~u x"],
    ];
    for case in cases {
        let (is_well, told, why) = holdup(case);
        let text = told + &why;
        assert!(!is_well && !text.contains(".rs:") && !text.contains("mitm."), "{case:?}: {text}");
        assert!(!text.contains("S3cret"), "{case:?}: {text}");
    }
}

#[test]
fn there_are_completions_and_manual_pages() {
    let folder = tempfile::tempdir().unwrap();
    let (is_well, told, _) = holdup(&["man", &folder.path().display().to_string()]);
    assert!(is_well && told.contains("holdup-resend.1"), "{told}");
    let page = std::fs::read_to_string(folder.path().join("holdup-proxy.1")).unwrap();
    assert!(page.contains("intercept") && page.contains("Example: "), "{page}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (is_well, told, _) = holdup(&["completions", shell]);
        assert!(is_well && told.contains("server-replay"), "{shell}");
    }
}

/// The program without a console.
struct Plain {
    child: Child,
    address: String,
}

impl Plain {
    async fn start(arguments: &[&str]) -> Self {
        let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdup"));
        program.args(["proxy", "-q", "--browser", "none"]).args(arguments).kill_on_drop(true);
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
        while let Some(line) = told.next_line().await.unwrap() {
            if let Some(address) = line.strip_prefix("the proxy listens on ") {
                return Self { child, address: address.to_owned() };
            }
        }
        panic!("it has ended: {arguments:?}");
    }

    async fn asked(&self, target: &str, host: &str) -> String {
        let mut client = tokio::net::TcpStream::connect(&self.address).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        response
    }

    /// Presses ctrl-c, and returns what was printed.
    async fn printed(mut self) -> String {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut printed = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut printed).await.unwrap();
        assert!(self.child.wait().await.unwrap().success());
        printed
    }
}

/// What happened before ctrl-c is printed, whenever it is pressed.
#[tokio::test]
async fn a_plain_proxy_prints_everything_before_it_ends() {
    let plain = Plain::start(&["-S", GOLDEN]).await;
    let response = plain.asked("http://shop.test/", "shop.test").await;
    let printed = plain.printed().await;
    assert!(response.starts_with("HTTP/1.1 200") && printed.contains("response 200"), "{response}\n{printed}");
}

#[tokio::test]
async fn a_plain_proxy_prints_what_the_filter_at_the_end_matches() {
    let plain = Plain::start(&["-S", GOLDEN, "--set", "server_replay_extra=404", "--anticache", "~c 404"]).await;
    plain.asked("http://shop.test/", "shop.test").await;
    plain.asked("http://shop.test/none", "shop.test").await;
    let printed = plain.printed().await;
    assert!(printed.contains("GET http://shop.test/none") && printed.contains("response 404"), "{printed}");
    assert!(!printed.contains("response 200"), "{printed}");
}

/// Those of a recording, too, with a proxy and without.
#[tokio::test]
async fn a_filter_is_about_all_flows() {
    let (is_well, told, _) = holdup(&["proxy", "-n", "-q", "-r", GOLDEN, "~c 302"]);
    assert!(is_well && told.lines().count() == 1 && told.contains("/old"), "{told}");
    for arguments in [&["-r", GOLDEN, "~c 302"][..], &["--json", "-r", GOLDEN, "~c 302"]] {
        let printed = Plain::start(arguments).await.printed().await;
        assert!(printed.contains("/old") && !printed.contains("/gone"), "{arguments:?}: {printed}");
    }
}

/// Nobody gets half a request as a whole one.
#[tokio::test]
async fn a_request_whose_body_was_cut_is_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let har = folder.path().join("cut.har");
    let entry = r#"{"request": {"method": "PUT", "url": "http://shop.test/up", "headers": [], "bodySize": 3000000},
        "response": {"status": 200, "headers": [], "content": {"size": 0}}, "_holdup": {"truncated": ["request"]}}"#;
    std::fs::write(&har, format!("{{\"log\": {{\"entries\": [{entry}]}}}}")).unwrap();
    let (har, host) = (har.display().to_string(), format!("shop.test={}", app()));
    let (is_well, told, why) = holdup(&["resend", &har, "--host", &host]);
    assert!(!is_well && told.contains("the recording has no whole body of #1"), "{told}{why}");
    let mut program = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdup"));
    program.args(["proxy", "-q", "--browser", "none", "-C", &har]).stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = program.kill_on_drop(true).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = String::new();
    while !lines.contains("the recording has no whole body of #1") {
        lines += &told.next_line().await.unwrap().expect("it has ended");
    }
}

#[tokio::test]
async fn a_plain_proxy_stands_in_for_a_server_and_goes_through_another() {
    let other = Plain::start(&["--host", &format!("shop.test={}", app())]).await;
    let mode = format!("upstream:http://{}", other.address);
    let plain = Plain::start(&["-m", "reverse:http://shop.test", "-m", &mode]).await;
    let response = plain.asked("/?q=a", &plain.address).await;
    assert!(response.starts_with("HTTP/1.1 200") && response.ends_with("\r\n\r\na"), "{response}");
    for proxy in [plain, other] {
        let printed = proxy.printed().await;
        assert!(printed.contains("GET http://shop.test/?q=a"), "{printed}");
    }
}

#[tokio::test]
async fn a_plain_proxy_sends_recorded_requests_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let host = format!("shop.test={}", app());
    let (is_well, ..) = holdup(&["resend", GOLDEN, "--only", "~u /gone", "--host", &host, "-w", &path("two.har")]);
    assert!(is_well);
    // The other format, without a proxy.
    let (is_well, told, why) = holdup(&["proxy", "-n", "-q", "-r", &path("two.har"), "-w", &path("two.mitm")]);
    assert!(is_well && told.lines().any(|line| line.contains("http://shop.test/gone")), "{told}{why}");
    assert!(!std::fs::read(path("two.mitm")).unwrap().starts_with(b"{"), "a flow file");
    let plain = Plain::start(&["-C", &path("two.mitm"), "-r", GOLDEN, "--host", &host, "-w", &path("out.har")]).await;
    let is_sent = || std::fs::read_to_string(path("out.har")).unwrap().matches("http://shop.test/gone").count() > 2;
    while !is_sent() {
        tokio::task::yield_now().await;
    }
    plain.printed().await;
}
