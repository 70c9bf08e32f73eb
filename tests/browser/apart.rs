//! Test bodies that run in a separate process: with another environment, or to be killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Environment variable that names the body a child process runs; without it, such a test does nothing else.
const BODY: &str = "HOLDUP_TEST_BODY";
/// Environment variable set in a child process and inherited by all its descendants.
pub const MARK: &str = "HOLDUP_TEST_MARK";

/// A child process together with its descendants.
pub struct Apart {
    mark: String,
    /// The `TMPDIR` of the child and its descendants.
    pub folder: tempfile::TempDir,
    command: Command,
}

/// Whether this process runs `body`.
pub fn is(body: &str) -> bool {
    std::env::var(BODY).is_ok_and(|wanted| wanted == body)
}

impl Apart {
    /// Prepares this test binary to run `test` as `body`.
    pub fn new(test: &str, body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().display().to_string();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]);
        command.env(BODY, body).env(MARK, &mark).env("TMPDIR", folder.path()).env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { mark, folder, command }
    }

    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Self {
        self.command.env(name, value.as_ref());
        self
    }

    pub fn argument(&mut self, argument: &str) -> &mut Self {
        self.command.arg(argument);
        self
    }

    pub fn spawn(&mut self) -> Child {
        self.command.spawn().unwrap()
    }

    /// Runs the child to its end and returns its output.
    pub fn output(&mut self) -> String {
        let output = self.command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// The live descendants, as `pid name`. Zombies are not listed: they have no environment.
    pub fn survivors(&self) -> BTreeSet<String> {
        marked(&self.mark)
    }

    /// Waits until neither a process nor a file is left.
    ///
    /// # Panics
    ///
    /// Panics after two minutes.
    pub fn wait_until_gone(&self) {
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            let (alive, files) = (self.survivors(), fs::read_dir(self.folder.path()).unwrap().count());
            if alive.is_empty() && files == 0 {
                return;
            }
            assert!(std::time::Instant::now() < patience, "left behind: {alive:?}, {files} files");
            std::thread::yield_now();
        }
    }
}

/// The live processes whose environment has this mark.
pub fn marked(mark: &str) -> BTreeSet<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let marked = processes.filter(|process| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let mark = format!("{MARK}={mark}").into_bytes();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark)
    });
    marked.map(|process| format!("{} {}", process.display(), name_of(&process))).collect()
}

pub fn name_of(process: &Path) -> String {
    fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned()
}
