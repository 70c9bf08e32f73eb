//! The program without a console.

use crate::GOLDEN;
use crate::app::app;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

/// After this, what is waited for does not come.
const LONGEST: Duration = Duration::from_secs(30);

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
    let sent = async {
        while !is_sent() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, sent).await.expect("it is not sent again");
    plain.printed().await;
}
