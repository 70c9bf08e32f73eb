//! The listening socket and the tasks behind it.

use super::{Credential, Gate, Shared, Upstreams, accept};
use crate::ca::CertificateAuthority;
use crate::flow::Fault;
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

/// A proxy that listens. Dropping it stops accepting; [`Proxy::stop`] also waits for what is under way.
#[derive(Debug)]
pub(crate) struct Proxy {
    shared: Arc<Shared>,
}

/// Where a proxy listens.
pub(crate) enum Listen {
    /// On an address, on a free port if that is 0.
    On(SocketAddr),
    /// On what was bound already; it stays so when the proxy stops, and clients wait there for the next.
    Bound(Arc<std::net::TcpListener>),
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
    /// Listens. Where it is not a loopback address, clients need a credential.
    /// Must be called on the runtime that shall serve.
    pub(crate) async fn start(
        listen: Listen,
        connect_within: Option<Duration>,
        ca: Arc<CertificateAuthority>,
        journal: Arc<Journal>,
        gate: Arc<Gate>,
    ) -> io::Result<Self> {
        let listener = listen.start().await?;
        let address = listener.local_addr()?;
        let credential = if address.ip().is_loopback() { None } else { Some(Credential::random()?) };
        let upstreams = Upstreams::new(address, connect_within);
        let (tasks, revalidates, answers_favicons) = (Tasks::new(), AtomicBool::new(true), AtomicBool::new(false));
        let shared = Arc::new(Shared {
            address,
            credential,
            journal,
            gate,
            upstreams,
            ca,
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

    /// What clients must bring, if anything.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        self.shared.credential.as_ref()
    }

    pub(crate) fn upstreams(&self) -> &Upstreams {
        &self.shared.upstreams
    }

    /// From now on what upstreams say of caching reaches the browser.
    pub(crate) fn let_browsers_cache(&self) {
        self.shared.revalidates.store(false, Ordering::Relaxed);
    }

    /// From now on a browser that asks for favicons by itself gets none, and no flow comes of it.
    pub(crate) fn answer_favicons(&self) {
        self.shared.answers_favicons.store(true, Ordering::Relaxed);
    }

    /// Takes no more connections, lets flows that are under way finish for a moment, then cuts them off.
    ///
    /// Returns what panicked. The gate must have let go what it parks before.
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
        // An error here is about one connection (it was reset before it was accepted), or a lack of descriptors that
        // ends when connections do.
        match accepted {
            Ok((stream, _)) => shared.tasks.spawn(accept::serve(Arc::clone(&shared), stream)),
            Err(_) => drop(tokio::time::timeout(Duration::from_millis(10), stopping.wait()).await),
        }
    }
}

impl Shared {
    /// Journals trouble that belongs to no flow.
    pub(super) fn trouble(&self, fault: Fault) {
        self.journal.write(Event::Trouble { fault });
    }
}

/// All tasks of a proxy, so that none is left behind and none panics unseen.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: Mutex<JoinSet<()>>,
    panics: Mutex<Vec<String>>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    /// How long flows that are under way may take to finish when a test has ended.
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
        let mut running = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        let drain = async {
            while let Some(ended) = running.join_next().await {
                self.note(ended);
            }
        };
        // Whoever is still here after the grace is cut off by the drop of the set.
        let _ = tokio::time::timeout(Self::GRACE, drain).await;
        std::mem::take(&mut *self.panics.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, ended: Result<(), tokio::task::JoinError>) {
        if let Err(error) = ended
            && error.is_panic()
        {
            self.panics.lock().unwrap_or_else(PoisonError::into_inner).push(error.to_string());
        }
    }
}

/// Resolves when the proxy is told to stop.
pub(super) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(super) async fn wait(&mut self) {
        // A sender that is gone means that the proxy is.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}
