//! The connections to upstreams: idle ones that are kept for reuse, and new ones.

use super::client::{Client, Share};
use super::connection::{Connection, Http1, Http2};
use super::connector::Destination;
use super::hosts::{Alpn, Hosts, Speaks};
use crate::flow::{Fault, FaultStage, Target};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::Instant;

/// How long an idle connection is kept. Common servers keep it for 5 s; one that is about to be closed must not be
/// used.
const IDLE: Duration = Duration::from_secs(3);

/// What distinguishes upstreams.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    target: Target,
    via: Option<Target>,
    speaks: Speaks,
}

/// The upstream connections of a proxy.
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

/// Which connections a request can use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Only HTTP/1: for an upgrade, or because the server requires it.
    pub(super) http1: bool,
    /// Only one that was not used before.
    pub(super) fresh: bool,
    /// Not one that another client has used last: the server may be closing it, which this client cannot know, and a
    /// request that cannot be sent again must not meet that.
    pub(super) own: bool,
    /// Only one that leads to the server itself, and not to a proxy that reads the request.
    pub(super) end_to_end: bool,
}

/// One upstream.
#[derive(Debug)]
pub(super) struct Origin {
    id: u64,
    /// Clients check by its count whether this still exists.
    alive: Arc<()>,
    hosts: Arc<Hosts>,
    pub(super) destination: Destination,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` until the first connection has negotiated.
    is_http2: Option<bool>,
    /// In the order of last use.
    idle: Vec<Idle>,
    closes_idle: bool,
}

#[derive(Debug)]
struct Idle {
    connection: Http1,
    since: Instant,
}

impl Origin {
    fn new(hosts: &Arc<Hosts>, destination: Destination) -> Arc<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let is_http2 = match destination.speaks {
            Speaks::Plain | Speaks::Tls(Alpn::Http1) => Some(false),
            Speaks::H2c | Speaks::Tls(Alpn::Http2) => Some(true),
            Speaks::Tls(Alpn::Any) => None,
        };
        let state = Mutex::new(State { is_http2, idle: Vec::new(), closes_idle: false });
        let id = LAST.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, alive: Arc::default(), hosts: Arc::clone(hosts), destination, state })
    }

    pub(super) fn share_of(&self, client: &Client) -> Arc<Share> {
        client.share(self.id, &self.alive, self.hosts.connections_per_host.load(Ordering::Relaxed))
    }

    /// Returns a connection for one request: an idle one, or a new one.
    pub(super) async fn connection(&self, client: &Client, share: &Share, wanted: Wanted) -> Result<Connection, Fault> {
        if wanted.http1 && self.destination.speaks == Speaks::H2c {
            let what =
                "HTTP/2 has no `upgrade`, and the server is declared as one that speaks nothing else (`Upstream::h2c`)";
            return Err(Fault::new(FaultStage::Exchange, what));
        }
        if !wanted.http1
            && self.lock().is_http2 != Some(false)
            && let Some(connection) = self.http2(client, share).await?
        {
            return Ok(connection);
        }
        let permit = if client.multiplexes && !wanted.http1 { share.permit().await } else { None };
        let kept = if wanted.fresh { None } else { self.take_idle(client, wanted) };
        let connection = match kept {
            Some(connection) => connection,
            None => self.open_http1(wanted.end_to_end).await?,
        };
        Ok(Connection::Http1(connection.with(permit)))
    }

    async fn open_http1(&self, end_to_end: bool) -> Result<Http1, Fault> {
        // Boxed for the same reason as below.
        let wire = Box::pin(self.destination.connect(&self.hosts, true, end_to_end)).await?;
        Http1::open(wire, self.destination.reader(end_to_end).cloned()).await
    }

    /// Returns the client's HTTP/2 connection, opened if necessary, or an HTTP/1 one if the handshake agrees on that.
    /// Returns `None` if the server is known not to speak HTTP/2.
    async fn http2(&self, client: &Client, share: &Share) -> Result<Option<Connection>, Fault> {
        let mut http2 = share.http2().await?;
        if let Some(connection) = &*http2 {
            return Ok(Some(Connection::Http2(connection.clone())));
        }
        // Another request may have found out meanwhile.
        if self.lock().is_http2 == Some(false) {
            return Ok(None);
        }
        // Boxed: a flow that is parked must not be as large as one that connects.
        let opened = Box::pin(async {
            let wire = self.destination.connect(&self.hosts, false, true).await?;
            if !wire.is_http2(self.destination.speaks) {
                self.lock().is_http2 = Some(false);
                let permit = if client.multiplexes { share.permit().await } else { None };
                return Ok(Connection::Http1(Http1::open(wire, None).await?.with(permit)));
            }
            self.lock().is_http2 = Some(true);
            Ok(Connection::Http2(Http2::open(wire).await?))
        });
        let opened = opened.await.inspect_err(|fault| share.note_failure(fault))?;
        if let Connection::Http2(connection) = &opened {
            *http2 = Some(connection.clone());
        }
        Ok(Some(opened))
    }

    /// Takes an idle connection. One that a client has authenticated itself on is for that client only.
    fn take_idle(&self, client: &Client, wanted: Wanted) -> Option<Http1> {
        let mut state = self.lock();
        state.drop_stale();
        let is_usable = |it: &Http1| it.parent.is_none() || !wanted.end_to_end;
        let find = |fits: &dyn Fn(&Http1) -> bool| {
            state.idle.iter().rposition(|idle| is_usable(&idle.connection) && fits(&idle.connection))
        };
        let at = find(&|it| it.owner == Some(client.id))
            .or_else(|| find(&|it| it.owner.is_none() && (!wanted.own || it.last_client == Some(client.id))))?;
        Some(state.idle.remove(at).connection)
    }

    /// Keeps a connection for the next request, once the response on it has been read to its end.
    pub(super) fn keep(self: &Arc<Self>, mut connection: Http1) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if connection.ready().await {
                // Kept before the permit is released, so that a request that waits for the permit finds it.
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

    /// Records that the server requires HTTP/1.1, whatever its handshake has negotiated.
    pub(super) fn requires_http1(&self) {
        self.lock().is_http2 = Some(false);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment or one element, so a panic elsewhere leaves the state intact.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_stale(&mut self) {
        self.idle.retain(|idle| idle.since.elapsed() < IDLE && idle.connection.is_ready());
    }
}

/// Closes connections that are idle for too long. Returns when there are none left.
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
        // Nothing but time ends this wait.
        let _ = tokio::time::timeout_at(next, std::future::pending::<()>()).await;
    }
}
