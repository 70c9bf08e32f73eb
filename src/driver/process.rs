//! The driver process. One chromedriver serves all tests of this process and is replaced when it has died; each
//! geckodriver serves one session.

use super::error::log_tail;
use super::program::{DriverKind, remote};
use super::{BrowserError, guardian, listening};
use crate::temp;
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Timeout for a driver's start. It takes 30 ms on an idle machine.
const START: Duration = Duration::from_secs(20);
/// Start attempts for a driver that finds its port taken.
const MOST_STARTS: usize = 5;
const LOG_LINES: usize = 20;
/// How long a driver's process may take to exit after its connections have closed.
const DYING: Duration = Duration::from_secs(1);

/// A running driver. Dropping it kills the driver and its browsers, if this process started it.
#[derive(Debug)]
pub(crate) struct Driver {
    kind: DriverKind,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// Process id, if this process started the driver.
    pid: Option<u32>,
    death: watch::Receiver<Option<ExitStatus>>,
    log: Log,
    /// The script that starts Chromium with a DevTools port.
    listening: Option<PathBuf>,
    /// Set when a browser started through the script could not be reached.
    hides: AtomicBool,
    _lifeline: Option<guardian::Lifeline>,
    _folder: Option<temp::Folder>,
}

type Log = Arc<Mutex<VecDeque<String>>>;

impl Driver {
    /// Returns a driver for a session: the shared one, or a new one.
    pub(crate) async fn of(kind: DriverKind, proxy: IpAddr) -> Result<Arc<Self>, BrowserError> {
        // Geckodriver serves one session at a time and starts quickly.
        match kind {
            DriverKind::Geckodriver if remote().is_none() => Self::start(kind, proxy).await.map(Arc::new),
            _ => Self::shared(kind, proxy).await,
        }
    }

    async fn shared(kind: DriverKind, proxy: IpAddr) -> Result<Arc<Self>, BrowserError> {
        static SHARED: tokio::sync::Mutex<BTreeMap<DriverKind, Arc<Driver>>> =
            tokio::sync::Mutex::const_new(BTreeMap::new());
        let mut shared = SHARED.lock().await;
        if let Some(driver) = shared.get(&kind).filter(|driver| driver.death().is_none()) {
            return Ok(Arc::clone(driver));
        }
        let driver = Arc::new(match remote() {
            Some(url) => Self::elsewhere(kind, url),
            None => Self::start(kind, proxy).await?,
        });
        shared.insert(kind, Arc::clone(&driver));
        Ok(driver)
    }

    /// A driver that this process neither starts nor ends.
    fn elsewhere(kind: DriverKind, url: String) -> Self {
        let death = watch::Sender::new(None).subscribe();
        Self {
            kind,
            url,
            pid: None,
            death,
            log: Log::default(),
            listening: None,
            hides: AtomicBool::default(),
            _lifeline: None,
            _folder: None,
        }
    }

    async fn start(kind: DriverKind, proxy: IpAddr) -> Result<Self, BrowserError> {
        let mut attempts = 1;
        loop {
            match Self::start_once(kind, proxy).await {
                Err(NotStarted::PortTaken(_)) if attempts < MOST_STARTS => attempts += 1,
                Err(NotStarted::PortTaken(error) | NotStarted::Otherwise(error)) => return Err(error),
                Ok(driver) => return Ok(driver),
            }
        }
    }

    async fn start_once(kind: DriverKind, proxy: IpAddr) -> Result<Self, NotStarted> {
        let program = kind.program().map_err(|why| NotStarted::Otherwise(BrowserError::Missing(why)))?;
        let not_started = |what: String| NotStarted::Otherwise(BrowserError::Driver(what));
        let failed = |error: std::io::Error| not_started(format!("{} did not start: {error}", program.display()));
        // The guardian removes the folder.
        let folder = temp::folder("driver").map_err(failed)?;
        let (mut child, lifeline) =
            guardian::spawn(&program, kind.arguments(), kind.environment(proxy), &folder.path).map_err(failed)?;
        let log = Log::default();
        let (sender, port) = oneshot::channel();
        let pid = Some(child.id());
        if let Some(stdout) = child.stdout.take() {
            let log = Arc::clone(&log);
            // The driver blocks when its output is not read.
            std::thread::spawn(move || listen(kind, stdout, &log, sender));
        }
        let (died, mut death) = watch::channel(None);
        // A browser may keep the driver's output open, so end of file does not mean that the driver has exited.
        std::thread::spawn(move || died.send_replace(child.wait().ok()));
        let said = async {
            tokio::select! {
                Ok(port) = port => Ok(port),
                ended = death.wait_for(Option::is_some) => Err(ended.ok().and_then(|status| *status)),
            }
        };
        let port = match tokio::time::timeout(START, said).await {
            Ok(Ok(port)) => port,
            Ok(Err(status)) => return Err(ended_as_it_started(&program, status, &snapshot(&log))),
            Err(_) => {
                let what = format!("{} did not say its port within {START:?}", program.display());
                return Err(not_started(what + &log_tail(&snapshot(&log))));
            }
        };
        let url = format!("http://127.0.0.1:{port}");
        // Without the script, the session uses BiDi.
        let listening = if kind == DriverKind::Chromedriver { listening::script(&folder.path).ok() } else { None };
        Ok(Self {
            kind,
            url,
            pid,
            death,
            log,
            listening,
            hides: AtomicBool::default(),
            _lifeline: Some(lifeline),
            _folder: Some(folder),
        })
    }

    /// Returns the script that starts Chromium with a DevTools port, if it works on this machine.
    pub(crate) fn listening(&self) -> Option<&Path> {
        self.listening.as_deref().filter(|_| !self.hides.load(Ordering::Relaxed))
    }

    /// Disables the script for all browsers started later.
    pub(crate) fn note_hidden(&self) {
        self.hides.store(true, Ordering::Relaxed);
    }

    /// Returns how the driver ended, or `None` while it runs.
    pub(crate) fn death(&self) -> Option<String> {
        let status = (*self.death.borrow())?;
        Some(format!("{} (pid {}) has ended with {status}", self.kind.name(), self.pid.unwrap_or_default()))
    }

    /// Like `death`, but first waits up to a second for a driver that is expected to exit.
    pub(crate) async fn expected_death(&self) -> Option<String> {
        let mut death = self.death.clone();
        drop(tokio::time::timeout(DYING, death.wait_for(Option::is_some)).await);
        self.death()
    }

    /// Returns the last lines of the driver's output.
    pub(crate) fn log(&self) -> Vec<String> {
        snapshot(&self.log)
    }
}

/// Why a driver did not start.
enum NotStarted {
    /// Another process took the port after the driver had chosen it.
    PortTaken(BrowserError),
    Otherwise(BrowserError),
}

fn ended_as_it_started(program: &Path, status: Option<ExitStatus>, log: &[String]) -> NotStarted {
    let status = status.map_or_else(|| "an unknown status".to_owned(), |status| status.to_string());
    let what = format!("{} ended during its start, with {status}", program.display());
    let error = BrowserError::Driver(what + &log_tail(log));
    let taken = log.iter().any(|line| is_about_a_taken_port(line));
    if taken { NotStarted::PortTaken(error) } else { NotStarted::Otherwise(error) }
}

fn is_about_a_taken_port(line: &str) -> bool {
    ["port not available", "Address already in use", "address in use", "AddrInUse"]
        .iter()
        .any(|part| line.contains(part))
}

fn snapshot(log: &Log) -> Vec<String> {
    log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}

/// Reads the driver's output to its end and sends the port once it appears.
fn listen(kind: DriverKind, stdout: ChildStdout, log: &Log, port: oneshot::Sender<u16>) {
    let mut port = Some(port);
    for line in BufReader::new(stdout).lines().map_while(Result::ok) {
        if let Some(number) = kind.started_on(&line)
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

#[cfg(test)]
mod tests {
    use crate::driver::program::DriverKind::{Chromedriver, Geckodriver};

    #[test]
    fn a_taken_port_is_recognised() {
        for line in ["IPv4 port not available. Exiting...", "geckodriver: error: Address already in use (os error 98)"]
        {
            assert!(super::is_about_a_taken_port(line), "{line}");
        }
        assert!(!super::is_about_a_taken_port("ChromeDriver was started successfully on port 44973."));
    }

    #[test]
    fn the_port_is_the_one_it_was_started_on() {
        assert_eq!(Chromedriver.started_on("Starting ChromeDriver 156.0.8078.79 (abc) on port 0"), None);
        assert_eq!(Chromedriver.started_on("ChromeDriver was started successfully on port 44973."), Some(44973));
        assert_eq!(Geckodriver.started_on("1795\tgeckodriver\tINFO\tListening on 127.0.0.1:43997"), Some(43997));
    }
}
