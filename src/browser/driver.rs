//! The driver process: one for all tests of this process, replaced when it has died.

use super::error::last_words;
use super::{BrowserError, find, guardian};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::process::ChildStdout;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Ready in 30 ms on an idle machine.
const START: Duration = Duration::from_secs(20);
const LOG_LINES: usize = 20;

/// A running driver.
#[derive(Debug)]
pub(super) struct Driver {
    /// `http://127.0.0.1:PORT`
    pub(super) url: String,
    guarded: Option<Mutex<guardian::Guarded>>,
    log: Log,
}

type Log = Arc<Mutex<VecDeque<String>>>;

impl Driver {
    /// The driver of this process: the one that runs, or a new one.
    pub(super) async fn shared() -> Result<Arc<Self>, BrowserError> {
        static SHARED: tokio::sync::Mutex<Option<Arc<Driver>>> = tokio::sync::Mutex::const_new(None);
        let mut shared = SHARED.lock().await;
        if let Some(driver) = shared.as_ref().filter(|driver| driver.death().is_none()) {
            return Ok(Arc::clone(driver));
        }
        let driver = match std::env::var("HOLDUP_WEBDRIVER") {
            Ok(url) => Self { url: url.trim_end_matches('/').to_owned(), guarded: None, log: Log::default() },
            Err(_) => Self::start().await?,
        };
        Ok(Arc::clone(shared.insert(Arc::new(driver))))
    }

    async fn start() -> Result<Self, BrowserError> {
        let program = find::chromedriver().map_err(BrowserError::Missing)?;
        let failed =
            |error: std::io::Error| BrowserError::Driver(format!("{} did not start: {error}", program.display()));
        // The guardian removes it.
        let folder = tempfile::Builder::new().prefix("holdup-driver-").tempdir().map_err(failed)?.keep();
        let mut guarded = guardian::spawn(&program, &["--port=0"], &folder).map_err(failed)?;
        let log = Log::default();
        let (sender, port) = oneshot::channel();
        if let Some(stdout) = guarded.child.stdout.take() {
            let log = Arc::clone(&log);
            // The driver stops when nobody reads what it says.
            std::thread::spawn(move || listen(stdout, &log, sender));
        }
        let said = tokio::time::timeout(START, port).await;
        let Ok(Ok(port)) = said else {
            let lines = snapshot(&log);
            let what = format!("{} did not say its port within {START:?}", program.display());
            return Err(BrowserError::Driver(what + &last_words(&lines)));
        };
        Ok(Self { url: format!("http://127.0.0.1:{port}"), guarded: Some(Mutex::new(guarded)), log })
    }

    /// How the driver ended, if it has.
    pub(super) fn death(&self) -> Option<String> {
        let mut guarded = self.guarded.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let status = guarded.child.try_wait().ok()??;
        Some(format!("chromedriver (pid {}) has ended with {status}", guarded.child.id()))
    }

    /// What it said last.
    pub(super) fn log(&self) -> Vec<String> {
        snapshot(&self.log)
    }
}

fn snapshot(log: &Log) -> Vec<String> {
    log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Reads what the driver says to its end, and tells the port when it is named.
fn listen(stdout: ChildStdout, log: &Log, port: oneshot::Sender<u16>) {
    let mut port = Some(port);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(number) = started_on(&line)
            && let Some(port) = port.take()
        {
            let _ = port.send(number);
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }
}

/// The first line says `Starting ChromeDriver .. on port 0`; this is about the one that means it.
fn started_on(line: &str) -> Option<u16> {
    line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::started_on;

    #[test]
    fn the_port_is_the_one_it_was_started_on() {
        assert_eq!(started_on("Starting ChromeDriver 156.0.8078.79 (abc) on port 0"), None);
        assert_eq!(started_on("ChromeDriver was started successfully on port 44973."), Some(44973));
    }
}
