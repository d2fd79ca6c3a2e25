//! The front of a listener: takes TCP connections from pingora, gives them a seat, makes them speak TLS in time, and
//! hands them to the protocol they chose.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::server::ShutdownWatch;
use rustls::ProtocolVersion;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::entry::refused_connection;
use super::seats::{Seat, Seats};
use super::shown::Shown;
use super::{Gateway, Peer, h1, h2};
use crate::ops::clock;
use crate::tls::client_auth;
use crate::types::TlsVersion;

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
        let peer = Peer { gateway: Arc::clone(&self.gateway), listener: self.listener, source, shown: None, tls: None };
        match self.seats.take(source) {
            Ok(seat) => {
                self.gateway.tasks.spawn(connection(peer, stream, seat));
            }
            Err(full) => refuse(&peer, full.label()),
        }
        None
    }
}

async fn connection(mut peer: Peer, stream: Box<L4Stream>, seat: Seat) {
    let open = OpenConnection::new(&peer);
    if let Some((tls, shown)) = handshake(&peer, stream).await {
        peer.shown = shown;
        peer.tls = version(tls.get_ref().1.protocol_version());
        if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
            Box::pin(h2::serve(peer, tls)).await;
        } else {
            h1::serve(peer, tls).await;
        }
    }
    drop(open);
    drop(seat);
}

/// The version of TLS that a connection speaks, in our words.
const fn version(spoken: Option<ProtocolVersion>) -> Option<TlsVersion> {
    match spoken {
        Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::V12),
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::V13),
        Some(_) | None => None,
    }
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

/// A connection after its handshake, with the client certificate that was shown.
type Spoken = (Box<TlsStream<L4Stream>>, Option<Arc<Shown>>);

/// The TLS handshake under its deadline, with the configuration of this moment.
async fn handshake(peer: &Peer, stream: Box<L4Stream>) -> Option<Spoken> {
    let guarded = Arc::clone(peer.gateway.snapshot.load().guarded.get(peer.listener)?);
    let acceptor = TlsAcceptor::from(Arc::clone(&guarded.tls));
    let began = clock::now();
    let mut stopping = peer.gateway.tasks.stopping();
    let done = tokio::select! {
        done = timeout(peer.gateway.limits.handshake, Box::pin(acceptor.accept(*stream))) => done,
        // Nothing was asked yet: a drain need not wait.
        () = stopping.stopped() => return None,
    };
    match done {
        Ok(Ok(tls)) => {
            let chain = tls.get_ref().1.peer_certificates();
            let trust = guarded.client_trust.as_deref();
            let shown = chain.zip(trust).map(|(chain, trust)| Arc::new(Shown::new(chain, trust, began)));
            Some((Box::new(tls), shown))
        }
        Ok(Err(error)) => {
            refuse(peer, reason(&error));
            None
        }
        Err(_) => {
            refuse(peer, "tls_handshake_too_slow");
            None
        }
    }
}

/// Why a handshake failed: what was wrong with the client's certificate, where it was that.
fn reason(error: &std::io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.and_then(client_auth::fault).map_or("tls_handshake", |fault| fault.label())
}

fn refuse(peer: &Peer, reason: &'static str) {
    if let Some(guarded) = peer.gateway.snapshot.load().guarded.get(peer.listener) {
        refused_connection(peer, guarded, reason);
    }
}
