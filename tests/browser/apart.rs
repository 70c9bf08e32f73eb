//! Test bodies that run in a process of their own: with another environment, or to be killed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Names the body that a child process runs; nothing else does anything without it.
const BODY: &str = "HOLDUP_TEST_BODY";
/// Stands in the environment of a child and of all that comes from it.
pub const MARK: &str = "HOLDUP_TEST_MARK";

/// A child process, with everything that it has started.
pub struct Apart {
    mark: String,
    /// What it and its children write goes here.
    pub folder: tempfile::TempDir,
    command: Command,
}

/// Whether this process is to run that body.
pub fn is(body: &str) -> bool {
    std::env::var(BODY).is_ok_and(|wanted| wanted == body)
}

impl Apart {
    /// This test binary again, running one of its tests as that body.
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

    /// Runs it to its end; what it said.
    pub fn output(&mut self) -> String {
        let output = self.command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// The living processes that come from it, as `pid name`. A zombie has no environment any more.
    pub fn survivors(&self) -> BTreeSet<String> {
        marked(&self.mark)
    }

    /// Waits until nothing of it is left, neither process nor file.
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

/// The living processes that have a mark.
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
