//! Everything that is in force at one moment: one load per request, one swap per change.
//!
//! A request takes the snapshot once and keeps it to its end. A reload builds a new one and swaps it in; nothing in a
//! published snapshot changes but the issuers' keys, which a request also takes once.

use std::sync::{Arc, OnceLock};

use governor::clock::DefaultClock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use rustls::ServerConfig;

use crate::authn::{LiveKeys, Verifier};
use crate::authz::Policy;
use crate::catalog::EndpointId;
use crate::config;
use crate::gate::Engine;
use crate::oidc::Refresher;
use crate::ops::metrics::{EndpointLabels, Metrics, RequestLabels};
use crate::quota::Limiter;
use crate::upstream::Pool;

/// What is in force.
pub struct Snapshot {
    /// One per listener, in the configuration's order.
    pub guarded: Vec<Arc<Guarded>>,
    /// Checks tokens of all issuers; remembers those that were good.
    pub verifier: Verifier,
    /// The issuers, in the verifier's order.
    pub issuers: Vec<Arc<Issuer>>,
}

/// An issuer with its keys.
pub struct Issuer {
    /// What the configuration says of it.
    pub settings: config::Issuer,
    /// Keeps its keys fresh.
    pub refresher: Refresher,
}

/// One listener with all that guards its upstream.
pub struct Guarded {
    /// The listener's configured address, for records.
    pub listener: String,
    /// The host names it answers for.
    pub hosts: Vec<String>,
    /// Its TLS side.
    pub tls: Arc<ServerConfig>,
    /// Who may ask what.
    pub policy: Policy,
    /// How often.
    pub limiter: Arc<Limiter<DefaultClock>>,
    /// The upstream's name.
    pub upstream: Arc<str>,
    /// Connections to it.
    pub pool: Pool,
    /// The figures of each endpoint, in the catalogue's order.
    pub endpoints: Vec<EndpointFigures>,
}

/// The figures of one endpoint.
pub struct EndpointFigures {
    /// Its name.
    name: Arc<str>,
    /// Those of the usual case, looked up once: a request that was answered finds them without a hash.
    answered: OnceLock<Answered>,
}

/// The figures of requests that were answered.
pub(super) struct Answered {
    pub(super) requests: Counter,
    pub(super) duration: Histogram,
    pub(super) upstream_duration: Histogram,
}

impl Snapshot {
    /// The keys of all issuers as they are now, in the verifier's order.
    #[must_use]
    pub fn keys(&self) -> Vec<Option<LiveKeys>> {
        self.issuers.iter().map(|issuer| issuer.keys()).collect()
    }

    /// What the gate needs for one listener.
    #[must_use]
    pub fn engine<'a>(&'a self, guarded: &'a Guarded, keys: &'a [Option<LiveKeys>]) -> Engine<'a, DefaultClock> {
        Engine {
            hosts: guarded.hosts.as_slice(),
            verifier: &self.verifier,
            keys,
            policy: &guarded.policy,
            limiter: &guarded.limiter,
        }
    }
}

impl Issuer {
    /// Its keys as they are now.
    #[must_use]
    pub fn keys(&self) -> Option<LiveKeys> {
        self.refresher.keys().first().cloned().flatten()
    }
}

impl EndpointFigures {
    /// No figures yet for the endpoint `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: Arc::from(name), answered: OnceLock::new() }
    }
}

impl Guarded {
    /// The labels of an endpoint.
    pub(super) fn labels(&self, endpoint: Option<EndpointId>) -> EndpointLabels {
        let known = endpoint.and_then(|endpoint| self.endpoints.get(endpoint.index()));
        let endpoint = known.map_or_else(|| Arc::from("-"), |known| Arc::clone(&known.name));
        EndpointLabels { upstream: Arc::clone(&self.upstream), endpoint }
    }

    /// The figures of answered requests for an endpoint.
    pub(super) fn answered(&self, endpoint: EndpointId, metrics: &Metrics) -> Option<&Answered> {
        let figures = self.endpoints.get(endpoint.index())?;
        Some(figures.answered.get_or_init(|| {
            let labels = self.labels(Some(endpoint));
            let (upstream, endpoint) = (Arc::clone(&labels.upstream), Arc::clone(&labels.endpoint));
            let permitted = RequestLabels { upstream, endpoint, decision: "permit", reason: "rule", status: 200 };
            Answered {
                requests: metrics.requests.get_or_create_owned(&permitted),
                duration: metrics.duration.get_or_create_owned(&labels),
                upstream_duration: metrics.upstream_duration.get_or_create_owned(&labels),
            }
        }))
    }
}
