//! The connections to one upstream: those that are kept, and how many there may be.

use super::connection::{Connection, Http1, Http2};
use super::connector::Destination;
use super::hosts::{Alpn, Hosts, Speaks};
use super::wire::Wire;
use crate::flow::{Fault, FaultStage, Target};
use crate::proxy::permit::Permit;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Common servers keep an idle connection for 5 s; one that is about to be closed must not be chosen.
const IDLE: Duration = Duration::from_secs(3);

/// Who asks for a connection.
#[derive(Clone, Copy, Debug)]
pub(in crate::proxy) struct Asker {
    /// The client's connection.
    pub(in crate::proxy) client: u64,
    /// Its requests share that connection, so that nothing else limits how many there are at once.
    pub(in crate::proxy) multiplexes: bool,
}

/// What tells one upstream from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    target: Target,
    via: Option<Target>,
    speaks: Speaks,
}

/// The connections of a proxy.
#[derive(Debug)]
pub(super) struct Pool {
    hosts: Arc<Hosts>,
    origins: Mutex<HashMap<Key, Arc<Origin>>>,
}

impl Pool {
    pub(super) fn new(hosts: &Arc<Hosts>) -> Self {
        Self { hosts: Arc::clone(hosts), origins: Mutex::default() }
    }

    pub(super) fn origin(&self, destination: &Destination) -> Arc<Origin> {
        let Destination { target, via, speaks, .. } = destination.clone();
        // Entries are inserted whole, so a panic elsewhere leaves the map intact.
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key { target, via, speaks };
        Arc::clone(origins.entry(key).or_insert_with(|| Origin::new(&self.hosts, destination.clone())))
    }
}

/// One upstream.
#[derive(Debug)]
pub(super) struct Origin {
    hosts: Arc<Hosts>,
    pub(super) destination: Destination,
    state: Mutex<State>,
    permits: Arc<Semaphore>,
    /// While the first connection is opened: only then it is known which protocol the server takes.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// None before the first connection has told.
    is_http2: Option<bool>,
    shared: Option<Http2>,
    /// The one used last is last.
    idle: Vec<Idle>,
    /// How often a first connection has failed, and how it did last.
    failed: (u64, Option<Fault>),
    closes_idle: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Http1,
    since: Instant,
}

impl Origin {
    fn new(hosts: &Arc<Hosts>, destination: Destination) -> Arc<Self> {
        let is_http2 = match destination.speaks {
            Speaks::Plain | Speaks::Tls(Alpn::Http1) => Some(false),
            Speaks::H2c | Speaks::Tls(Alpn::Http2) => Some(true),
            Speaks::Tls(Alpn::Any) => None,
        };
        let state = State { is_http2, shared: None, idle: Vec::new(), failed: (0, None), closes_idle: false };
        let permits = Arc::new(Semaphore::new(hosts.connections_per_host.load(Ordering::Relaxed)));
        let (hosts, opening) = (Arc::clone(hosts), tokio::sync::Mutex::default());
        Arc::new(Self { hosts, destination, state: Mutex::new(state), permits, opening })
    }

    /// A connection for one request: a kept one, or a new one.
    pub(super) async fn connection(self: &Arc<Self>, asker: Asker, http1: bool) -> Result<Connection, Fault> {
        if http1 && self.destination.speaks == Speaks::H2c {
            let what =
                "HTTP/2 has no `upgrade`, and the server is declared as one that speaks nothing else (`Upstream::h2c`)";
            return Err(Fault::new(FaultStage::Exchange, what));
        }
        if !http1
            && self.lock().is_http2 != Some(false)
            && let Some(connection) = self.shared(asker).await?
        {
            return Ok(connection);
        }
        let permit = if asker.multiplexes && !http1 { Some(self.permit().await?) } else { None };
        let kept = self.take_idle(asker);
        let connection = match kept {
            Some(connection) => connection,
            None => Http1::open(self.destination.connect(&self.hosts, true).await?).await?,
        };
        Ok(Connection::Http1(connection.with(permit)))
    }

    async fn permit(&self) -> Result<Permit, Fault> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        permit.map(Permit::new).map_err(|error| Fault::from_error(FaultStage::Internal, "connection permits", &error))
    }

    /// The HTTP/2 connection, opened if there is none; none where the server does not take HTTP/2.
    async fn shared(self: &Arc<Self>, asker: Asker) -> Result<Option<Connection>, Fault> {
        let failures = {
            let state = self.lock();
            if let Some(connection) = state.alive() {
                return Ok(Some(Connection::Http2(connection)));
            }
            state.failed.0
        };
        let _opening = self.opening.lock().await;
        {
            let state = self.lock();
            match (state.alive(), state.is_http2, &state.failed) {
                (Some(connection), ..) => return Ok(Some(Connection::Http2(connection))),
                (None, Some(false), _) => return Ok(None),
                // Somebody else has tried meanwhile: the same would come of it.
                (None, _, (count, Some(fault))) if *count != failures => return Err(fault.clone()),
                (None, ..) => {}
            }
        }
        match self.first(asker).await {
            Ok(connection) => Ok(Some(connection)),
            Err(fault) => {
                let mut state = self.lock();
                state.failed = (state.failed.0 + 1, Some(fault.clone()));
                Err(fault)
            }
        }
    }

    /// Opens the connection that tells the protocol.
    async fn first(self: &Arc<Self>, asker: Asker) -> Result<Connection, Fault> {
        let wire: Wire = self.destination.connect(&self.hosts, false).await?;
        if !wire.is_http2(self.destination.speaks) {
            self.lock().is_http2 = Some(false);
            let permit = if asker.multiplexes { Some(self.permit().await?) } else { None };
            return Ok(Connection::Http1(Http1::open(wire).await?.with(permit)));
        }
        let connection = Http2::open(wire).await?;
        let mut state = self.lock();
        (state.is_http2, state.shared) = (Some(true), Some(connection.clone()));
        Ok(Connection::Http2(connection))
    }

    /// A kept connection. One on which somebody has shown who he is belongs to him alone.
    fn take_idle(&self, asker: Asker) -> Option<Http1> {
        let mut state = self.lock();
        state.drop_stale();
        let of = |owner: Option<u64>| state.idle.iter().rposition(|idle| idle.connection.owner == owner);
        let at = of(Some(asker.client)).or_else(|| of(None))?;
        Some(state.idle.remove(at).connection)
    }

    /// Keeps a connection for the next request, once the answer on it has been read to its end.
    pub(super) fn keep(self: &Arc<Self>, mut connection: Http1) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if connection.ready().await {
                // First there, then counted no longer: who waits for a permit finds it.
                let permit = connection.permit.take();
                this.put(connection);
                drop(permit);
            }
        });
    }

    fn put(self: &Arc<Self>, connection: Http1) {
        let mut state = self.lock();
        state.idle.push(Idle { connection, since: Instant::now() });
        if !std::mem::replace(&mut state.closes_idle, true) {
            tokio::spawn(close_idle(Arc::downgrade(self)));
        }
    }

    /// Takes no more requests on a connection that is on its way out.
    pub(super) fn forget(&self, connection: &Http2) {
        let mut state = self.lock();
        if state.shared.as_ref().is_some_and(|shared| shared.is(connection)) {
            state.shared = None;
        }
    }

    /// The server wants HTTP/1.1, whatever its handshake has agreed to.
    pub(super) fn requires_http1(&self) {
        let mut state = self.lock();
        (state.is_http2, state.shared) = (Some(false), None);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment or one element, so a panic elsewhere leaves the state intact.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn alive(&self) -> Option<Http2> {
        self.shared.clone().filter(|connection| !connection.is_closed())
    }

    fn drop_stale(&mut self) {
        self.idle.retain(|idle| idle.since.elapsed() < IDLE && idle.connection.is_ready());
    }
}

/// Closes what is idle for too long, until nothing is.
async fn close_idle(origin: Weak<Origin>) {
    loop {
        let next = {
            let Some(origin) = origin.upgrade() else { return };
            let mut state = origin.lock();
            state.drop_stale();
            let Some(oldest) = state.idle.iter().map(|idle| idle.since).min() else {
                state.closes_idle = false;
                return;
            };
            oldest + IDLE
        };
        // Only time passes here: the wait has nothing to hear of.
        let _ = tokio::time::timeout_at(next, std::future::pending::<()>()).await;
    }
}
