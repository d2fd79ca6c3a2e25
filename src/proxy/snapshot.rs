//! Everything that is in force at one moment: one load per request, one swap per change.
//!
//! A request takes the snapshot once and keeps it to its end. A reload builds a new one and swaps it in; nothing in a
//! published snapshot changes but the issuers' keys, which a request also takes once.

use std::sync::{Arc, OnceLock};

use governor::clock::DefaultClock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use rustls::ServerConfig;

use super::injected::Injected;
use crate::authn::{LiveKeys, Revocations, Verifier};
use crate::authz::Policy;
use crate::catalog::EndpointId;
use crate::config;
use crate::gate::Engine;
use crate::oidc::{Asker, Refresher};
use crate::ops::key_check::KeyCheck;
use crate::ops::metrics::{EndpointLabels, Metrics, RequestLabels};
use crate::quota::Limiter;
use crate::tls::client_auth::ClientTrust;
use crate::types::UnixTime;
use crate::upstream::Pool;

/// What is in force.
pub struct Snapshot {
    /// One per listener, in the configuration's order.
    pub guarded: Vec<Arc<Guarded>>,
    /// Checks tokens of all issuers; remembers those that were good.
    pub verifier: Arc<Verifier>,
    /// The issuers, in the verifier's order.
    pub issuers: Vec<Arc<Issuer>>,
    /// The position of the issuer that keeps static keys.
    pub static_keys: Option<usize>,
    /// What proves nothing any more.
    pub revoked: Revocations,
}

/// An issuer with what judges its credentials.
pub struct Issuer {
    /// What the configuration says of it.
    pub settings: config::Issuer,
    /// What judges its credentials.
    pub judge: Judge,
}

/// What judges the credentials of an issuer.
pub enum Judge {
    /// Its keys, kept fresh.
    Keys(Refresher),
    /// The issuer itself.
    Asked(Asker),
    /// The hashes of a file.
    File(KeyCheck),
}

/// One listener with all that guards its upstream.
pub struct Guarded {
    /// The listener's configured address, for records.
    pub listener: String,
    /// The host names it answers for.
    pub hosts: Vec<String>,
    /// Whether it accepts HTTP Basic.
    pub basic: bool,
    /// Its TLS side.
    pub tls: Arc<ServerConfig>,
    /// Which client certificates count; `None` where none does. The same that `tls` asks.
    pub client_trust: Option<Arc<ClientTrust>>,
    /// Who may ask what.
    pub policy: Policy,
    /// How often.
    pub limiter: Arc<Limiter<DefaultClock>>,
    /// The upstream's name.
    pub upstream: Arc<str>,
    /// Connections to it.
    pub pool: Pool,
    /// The secrets that go with its requests, in the catalogue's order.
    pub injected: Vec<Option<Injected>>,
    /// When the certificates end that it shows, to clients and to its upstream: kind, file, time.
    pub shown_until: Vec<(&'static str, String, UnixTime)>,
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
    /// The same with another list of what is revoked.
    #[must_use]
    pub fn striking(&self, revoked: Revocations) -> Self {
        Self {
            guarded: self.guarded.clone(),
            verifier: Arc::clone(&self.verifier),
            issuers: self.issuers.clone(),
            static_keys: self.static_keys,
            revoked,
        }
    }

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
            basic: guarded.basic,
            static_keys: self.static_keys,
            revoked: &self.revoked,
            policy: &guarded.policy,
            limiter: &guarded.limiter,
        }
    }
}

impl Issuer {
    /// Its keys as they are now.
    #[must_use]
    pub fn keys(&self) -> Option<LiveKeys> {
        self.refresher()?.keys().first().cloned().flatten()
    }

    /// What keeps its keys fresh, where it has keys.
    #[must_use]
    pub const fn refresher(&self) -> Option<&Refresher> {
        match &self.judge {
            Judge::Keys(refresher) => Some(refresher),
            Judge::Asked(_) | Judge::File(_) => None,
        }
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
    /// When everything ends that it depends on: listener, kind, name, time.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, &'static str, &str, UnixTime)> {
        let shown = self.shown_until.iter().map(|(kind, file, at)| (*kind, file.as_str(), *at));
        let trusted = self.client_trust.iter().flat_map(|trust| trust.expiries());
        let trusted = trusted.map(|expiry| (expiry.kind.label(), expiry.name.as_str(), expiry.at));
        shown.chain(trusted).map(|(kind, name, at)| (self.listener.as_str(), kind, name, at))
    }

    /// The longest body that a client may send, in bytes.
    pub(super) fn longest_body(&self) -> usize {
        self.policy.catalog().longest_body()
    }

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
