//! The enforcement point: takes connections, asks the gate, fetches, redacts, answers, records.
//!
//! In: TCP connections from a pingora listener. Out: exactly one answer and one audit record per request, in every
//! branch. HTTP/1.1 is answered by an own strict lane (`h1`), HTTP/2 by the `h2` crate's streams (`h2`); both only convert,
//! the work is in `exchange`. Nothing here decides who may ask what.

mod behind;
mod drift;
mod entry;
mod exchange;
mod fetch;
mod front;
mod h1;
mod h2;
mod head;
mod injected;
mod pages;
mod respond;
mod seats;
mod shown;
mod snapshot;
mod via;
mod watch;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

pub use behind::{Behind, EndpointFigures};
pub use fetch::{Examined, examine};
pub use front::Front;
pub use injected::Injected;
pub use snapshot::{Guarded, Issuer, Judge, Snapshot};

use shown::Shown;

use crate::config::Limits;
use crate::ops::audit_sink::AuditSink;
use crate::ops::drain::Tasks;
use crate::ops::metrics::Metrics;
use crate::types::TlsVersion;

/// What all listeners share.
pub struct Gateway {
    /// What is in force.
    pub snapshot: ArcSwap<Snapshot>,
    /// The bounds of the front; fixed at start.
    pub limits: Limits,
    /// Where records go.
    pub audit: AuditSink,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Connections and other tasks, for the drain.
    pub tasks: Tasks,
}

/// The other end of a connection.
#[derive(Clone)]
struct Peer {
    gateway: Arc<Gateway>,
    /// Index of the listener.
    listener: usize,
    source: IpAddr,
    /// The client certificate it showed.
    shown: Option<Arc<Shown>>,
    /// The version of TLS that it speaks, once it does.
    tls: Option<TlsVersion>,
}
