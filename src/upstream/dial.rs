//! Opens a connection: name, address, TCP, TLS.

use super::FetchError;
use super::connection::{Connection, Stream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// One server to call. A [`super::Pool`] has exactly one, so connections of different TLS settings never mix.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where to connect to.
    pub place: Place,
    /// How to verify it; `None` is plain HTTP.
    pub tls: Option<TargetTls>,
    /// What `Host` says: host, and the port when it is not the scheme's own.
    pub authority: String,
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Looked up anew for each connection; the first address that answers is taken.
    Name {
        /// A host name or an address without brackets.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// Checked before, never looked up again; tried in order.
    Addresses(Vec<SocketAddr>),
}

/// The TLS side of a target.
#[derive(Clone, Debug)]
pub struct TargetTls {
    /// Roots and client certificate, see [`crate::tls::client`].
    pub config: Arc<ClientConfig>,
    /// The name that the server's certificate must carry.
    pub name: ServerName<'static>,
}

/// A fresh connection to `target`.
pub(super) async fn dial(target: &Target) -> Result<Connection, FetchError> {
    let tcp = connect(&target.place).await?;
    let stream = match &target.tls {
        None => Stream::Plain(tcp),
        Some(tls) => {
            let connector = TlsConnector::from(Arc::clone(&tls.config));
            let stream = connector.connect(tls.name.clone(), tcp).await.map_err(|_| FetchError::TlsFailed)?;
            Stream::Tls(Box::new(stream))
        }
    };
    Ok(Connection::new(stream))
}

async fn connect(place: &Place) -> Result<TcpStream, FetchError> {
    match place {
        Place::Addresses(addresses) => first_of(addresses.iter().copied()).await,
        Place::Name { host, port } => {
            let found = tokio::net::lookup_host((host.as_str(), *port)).await.map_err(|_| FetchError::Unreachable)?;
            first_of(found).await
        }
    }
}

async fn first_of(addresses: impl Iterator<Item = SocketAddr>) -> Result<TcpStream, FetchError> {
    for address in addresses {
        if let Ok(tcp) = TcpStream::connect(address).await {
            tcp.set_nodelay(true).map_err(|_| FetchError::Unreachable)?;
            return Ok(tcp);
        }
    }
    Err(FetchError::Unreachable)
}
