//! Common servers, started for one test on a free loopback port: nginx, node, `openssl s_server`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// A server program, killed on drop.
pub struct Program {
    pub address: SocketAddr,
    _child: Child,
    _folder: Option<TempDir>,
}

/// A certificate for a name and its key, as PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Pair {
    /// A self-signed certificate, which is no certificate authority.
    pub fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// Makes a certificate with `openssl req -x509` and further arguments.
    pub fn openssl(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let (key, certificate) = (folder.path().join("key"), folder.path().join("certificate"));
        let mut command = std::process::Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-keyout"]).arg(&key).arg("-out").arg(&certificate).args(arguments);
        let output = command.output().expect("openssl; `cargo xtask test` installs it");
        assert!(output.status.success(), "{output:?}");
        let read = |path| std::fs::read_to_string(path).unwrap();
        Self { certificate: read(&certificate), key: read(&key) }
    }

    fn write(&self, folder: &Path) {
        std::fs::write(folder.join("certificate"), &self.certificate).unwrap();
        std::fs::write(folder.join("key"), &self.key).unwrap();
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Waits until a process listens on `port`.
async fn listening(port: u16, child: &mut Child) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut again = tokio::time::interval(Duration::from_millis(5));
    while TcpStream::connect(address).await.is_err() {
        assert!(child.try_wait().unwrap().is_none(), "the server ended at once");
        again.tick().await;
    }
    address
}

impl Program {
    /// Starts nginx with one server, whose configuration may use `ssl_certificate certificate`. `listen` follows the
    /// port in the `listen` directive.
    pub async fn nginx(listen: &str, pair: &Pair, server: &str) -> Self {
        let folder = TempDir::new().unwrap();
        pair.write(folder.path());
        let port = free_port().await;
        let tls = if listen.contains("ssl") { "ssl_certificate certificate; ssl_certificate_key key;" } else { "" };
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("{kind}_temp_path {kind};\n"))
            .collect();
        let config = format!(
            "daemon off; master_process off; pid pid; error_log stderr;
            events {{}}
            http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port} {listen}; {tls} {server} }} }}"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let prefix = format!("{}/", folder.path().display());
        let mut command = Command::new("nginx");
        command.args(["-p", &prefix, "-c", "nginx.conf", "-e", "stderr"]).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("nginx; `cargo xtask test` installs it");
        let address = listening(port, &mut child).await;
        Self { address, _child: child, _folder: Some(folder) }
    }

    /// Runs a script of `tests/servers`, which prints its port as the first line of its output.
    pub async fn node(script: &str, pair: &Pair, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        pair.write(folder.path());
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(script);
        let mut command = Command::new("node");
        command.arg(script).args(arguments).current_dir(folder.path()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("node; `cargo xtask test` installs it");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = lines.next_line().await.unwrap().expect("a port").parse().unwrap();
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), _child: child, _folder: Some(folder) }
    }

    /// Starts `openssl s_server -www`, which responds with details of the connection.
    pub async fn openssl(pair: &Pair, arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        pair.write(folder.path());
        let port = free_port().await;
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-quiet", "-cert", "certificate", "-key", "key", "-accept"]);
        command.arg(format!("127.0.0.1:{port}")).args(arguments).current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().expect("openssl; `cargo xtask test` installs it");
        let address = listening(port, &mut child).await;
        Self { address, _child: child, _folder: Some(folder) }
    }
}
