//! The front of a listener: takes TCP connections from pingora, gives them a seat, makes them speak TLS in time, and
//! hands them to the protocol they chose.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::listeners::tls::Acceptor;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::tls::TlsStream;
use pingora::protocols::{ALPN, GetSocketDigest, Ssl, Stream};
use pingora::server::ShutdownWatch;
use tokio::time::timeout;

use super::entry::refused_connection;
use super::seats::{Seat, Seats};
use super::{Gateway, Peer, h1, h2};

/// One listener's front.
pub struct Front {
    gateway: Arc<Gateway>,
    listener: usize,
    seats: Arc<Seats>,
}

impl Front {
    /// The front of the listener with index `listener`.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, listener: usize) -> Self {
        let seats = Seats::new(gateway.limits.connections, gateway.limits.connections_per_source);
        Self { gateway, listener, seats }
    }
}

#[async_trait]
impl ServerApp for Front {
    /// Never serves the connection here: an own task holds no more than the connection needs.
    async fn process_new(self: &Arc<Self>, stream: Stream, _shutdown: &ShutdownWatch) -> Option<Stream> {
        let stream = stream.into_any().downcast::<L4Stream>().ok()?;
        let digest = stream.get_socket_digest();
        let address = digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet());
        let source = address.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |address| address.ip().to_canonical());
        let peer = Peer { gateway: Arc::clone(&self.gateway), listener: self.listener, source };
        match self.seats.take(source) {
            Ok(seat) => {
                self.gateway.tasks.spawn(connection(peer, stream, seat));
            }
            Err(full) => refuse(&peer, full.label()),
        }
        None
    }
}

async fn connection(peer: Peer, stream: Box<L4Stream>, seat: Seat) {
    let open = OpenConnection::new(&peer);
    if let Some(tls) = handshake(&peer, stream).await {
        if tls.selected_alpn_proto() == Some(ALPN::H2) {
            Box::pin(h2::serve(peer, tls)).await;
        } else {
            h1::serve(peer, tls).await;
        }
    }
    drop(open);
    drop(seat);
}

/// Counts a connection for as long as it is open.
struct OpenConnection(Arc<Gateway>);

impl OpenConnection {
    fn new(peer: &Peer) -> Self {
        peer.gateway.metrics.connections.inc();
        Self(Arc::clone(&peer.gateway))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// The TLS handshake under its deadline, with the configuration of this moment.
async fn handshake(peer: &Peer, stream: Box<L4Stream>) -> Option<Box<TlsStream<L4Stream>>> {
    let config = Arc::clone(&peer.gateway.snapshot.load().guarded.get(peer.listener)?.tls);
    let acceptor = Acceptor::from_server_config(config);
    let mut stopping = peer.gateway.tasks.stopping();
    let done = tokio::select! {
        done = timeout(peer.gateway.limits.handshake, Box::pin(acceptor.tls_handshake(*stream))) => done,
        // Nothing was asked yet: a drain need not wait.
        () = stopping.stopped() => return None,
    };
    match done {
        Ok(Ok(tls)) => Some(Box::new(tls)),
        Ok(Err(_)) => {
            refuse(peer, "tls_handshake");
            None
        }
        Err(_) => {
            refuse(peer, "tls_handshake_too_slow");
            None
        }
    }
}

fn refuse(peer: &Peer, reason: &'static str) {
    if let Some(guarded) = peer.gateway.snapshot.load().guarded.get(peer.listener) {
        refused_connection(peer, guarded, reason);
    }
}
