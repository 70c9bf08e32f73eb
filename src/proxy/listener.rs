//! The listening socket and the tasks behind it.

use super::certificates::Certificates;
use super::{Credential, Gate, Shared, Upstreams, accept};
use crate::ca::CertificateAuthority;
use crate::flow::{Fault, Target};
use crate::journal::{Event, Journal};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A listening proxy.
///
/// Dropping it stops accepting connections; [`Proxy::stop`] also waits for open flows.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

/// The socket that a proxy listens on.
pub(crate) enum Listen {
    /// Binds this address; port 0 takes a free port.
    On(SocketAddr),
    /// A socket that is already bound. It stays open when the proxy stops, and clients wait there for the next proxy.
    Bound(Arc<std::net::TcpListener>),
}

/// How a proxy reaches its servers.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// The timeout for connecting; 20 seconds by default.
    pub(crate) connect_within: Option<Duration>,
    /// The server that all connections lead to.
    pub(crate) reverse: Option<Target>,
}

impl Listen {
    async fn start(self) -> io::Result<TcpListener> {
        match self {
            Self::On(address) => TcpListener::bind(address).await,
            Self::Bound(bound) => {
                bound.set_nonblocking(true)?;
                TcpListener::from_std(bound.try_clone()?)
            }
        }
    }
}

impl Proxy {
    /// Starts a proxy on the current runtime.
    ///
    /// Clients need a credential unless the address is loopback.
    ///
    /// # Errors
    /// When binding the socket fails, and when the system's random source fails.
    pub(crate) async fn start(
        listen: Listen,
        ways: Ways,
        ca: Arc<CertificateAuthority>,
        journal: Arc<Journal>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let listener = listen.start().await?;
        let address = listener.local_addr()?;
        let credential = if address.ip().is_loopback() { None } else { Some(Credential::random()?) };
        let upstreams = Upstreams::new(address, ways.connect_within);
        let (tasks, revalidates, answers_favicons) = (Tasks::new(), AtomicBool::new(true), AtomicBool::new(false));
        let shared = Arc::new(Shared {
            address,
            reverse: ways.reverse,
            credential,
            journal,
            gate,
            upstreams,
            ca,
            certificates: Certificates::default(),
            tasks,
            connections: AtomicU64::new(0),
            revalidates,
            answers_favicons,
        });
        shared.tasks.spawn(accept(Arc::clone(&shared), listener));
        Ok(Self { shared })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// The credential that clients must send, if any.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        self.shared.credential.as_ref()
    }

    pub(crate) fn upstreams(&self) -> &Upstreams {
        &self.shared.upstreams
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.shared.certificates
    }

    /// Passes the caching headers of upstreams on to the browser from now on.
    pub(crate) fn let_browsers_cache(&self) {
        self.shared.revalidates.store(false, Ordering::Relaxed);
    }

    /// Responds with 404 to the browser's own favicon requests from now on; these are not flows.
    pub(crate) fn answer_favicons(&self) {
        self.shared.answers_favicons.store(true, Ordering::Relaxed);
    }

    /// Stops accepting connections and waits up to 2 s for open flows; then it cuts them off.
    ///
    /// Returns the messages of tasks that panicked. The gate must have released all parked flows before. If the future
    /// is dropped while it waits, the remaining tasks are aborted.
    pub(crate) async fn stop(&self) -> Vec<String> {
        self.shared.tasks.stop().await
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.tasks.begin_stop();
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    let mut stopping = shared.tasks.stopping();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => return,
        };
        // An error is about one connection that was reset before it was accepted, or a lack of file descriptors that
        // ends when connections close.
        match accepted {
            Ok((stream, _)) => shared.tasks.spawn(accept::serve(Arc::clone(&shared), stream)),
            Err(_) => drop(tokio::time::timeout(Duration::from_millis(10), stopping.wait()).await),
        }
    }
}

impl Shared {
    /// Journals a fault that belongs to no flow.
    pub(super) fn trouble(&self, fault: Fault) {
        self.journal.write(Event::Trouble { fault });
    }
}

/// All tasks of a proxy, so that none is left running and no panic goes unnoticed.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: Mutex<JoinSet<()>>,
    panics: Mutex<Vec<String>>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    /// How long open flows may take to finish after a test has ended.
    const GRACE: Duration = Duration::from_secs(2);

    fn new() -> Self {
        Self { running: Mutex::default(), panics: Mutex::default(), stop: watch::Sender::new(false) }
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.spawn(task);
        while let Some(ended) = running.try_join_next() {
            self.note(ended);
        }
    }

    pub(super) fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    async fn stop(&self) -> Vec<String> {
        self.begin_stop();
        let drain = async {
            // A task may spawn another while it ends: what comes through a CONNECT, a WebSocket.
            loop {
                let mut running = self.take_running();
                if running.is_empty() {
                    break;
                }
                while let Some(ended) = running.join_next().await {
                    self.note(ended);
                }
            }
        };
        // Dropping the set aborts the tasks that remain after the grace period.
        let _ = tokio::time::timeout(Self::GRACE, drain).await;
        drop(self.take_running());
        std::mem::take(&mut *self.panics.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take_running(&self) -> JoinSet<()> {
        std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            self.panics.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
        }
    }
}

/// Waits for the proxy to stop.
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(super) async fn wait(&mut self) {
        // A dropped sender means that the proxy is gone.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
