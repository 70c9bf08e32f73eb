//! Relays bytes unread: protocols other than TLS and HTTP, and upgraded connections.

use super::Shared;
use crate::flow::Target;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

/// Connects a client that does not speak HTTP with its upstream.
pub(super) async fn opaque(shared: &Shared, mut client: impl AsyncRead + AsyncWrite + Unpin, target: &Target) {
    match shared.upstreams.connect_tcp(target).await {
        Ok(mut upstream) => join(shared, &mut client, &mut upstream).await,
        Err(fault) => shared.trouble(fault),
    }
}

/// Joins the two ends of an upgraded connection, once both have switched.
pub(super) async fn upgraded(shared: Arc<Shared>, client: OnUpgrade, upstream: OnUpgrade) {
    if let (Ok(client), Ok(upstream)) = (client.await, upstream.await) {
        join(&shared, &mut TokioIo::new(client), &mut TokioIo::new(upstream)).await;
    }
}

/// Relays bytes both ways until both ends have closed, one fails, or the proxy stops.
pub(super) async fn join<C, U>(shared: &Shared, client: &mut C, upstream: &mut U)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let mut stopping = shared.tasks.stopping();
    tokio::select! {
        // No flow is left to report an error to.
        _ = copy_bidirectional(client, upstream) => {}
        () = stopping.wait() => {}
    }
}
