//! Bytes that pass unread: what is neither TLS nor HTTP, and protocols that both ends have upgraded to.

use super::Shared;
use crate::flow::Target;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

/// Connects a client that speaks no HTTP with its upstream.
pub(super) async fn opaque(shared: &Shared, mut client: impl AsyncRead + AsyncWrite + Unpin, target: &Target) {
    match shared.upstreams.connect_tcp(target).await {
        // Either end may break off at any time; nobody is left to be told.
        Ok(mut upstream) => drop(copy_bidirectional(&mut client, &mut upstream).await),
        Err(fault) => shared.trouble(fault),
    }
}

/// Joins the two ends of an upgraded connection, once both have switched.
pub(super) async fn upgraded(client: OnUpgrade, upstream: OnUpgrade) {
    if let (Ok(client), Ok(upstream)) = (client.await, upstream.await) {
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        drop(copy_bidirectional(&mut client, &mut upstream).await);
    }
}
