//! Everything that is in force at one moment: one load per request, one swap per change.
//!
//! A request takes the snapshot once and keeps it to its end. A reload builds a new one and swaps it in; nothing in a
//! published snapshot changes but the issuers' keys, which a request also takes once.

use std::sync::Arc;

use governor::clock::DefaultClock;
use rustls::ServerConfig;

use super::behind::Behind;
use crate::authn::{LiveKeys, Revocations, Verifier};
use crate::config;
use crate::gate::{Engine, ForwardAuth, Routes, UpstreamId};
use crate::oidc::{Asker, Refresher};
use crate::ops::key_check::KeyCheck;
use crate::tls::client_auth::ClientTrust;
use crate::types::UnixTime;

/// What is in force.
pub struct Snapshot {
    /// One per listener, in the configuration's order.
    pub guarded: Vec<Arc<Guarded>>,
    /// One per upstream, in the configuration's order.
    pub upstreams: Vec<Arc<Behind>>,
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

/// The side of one listener that clients see.
pub struct Guarded {
    /// The listener's configured address, for records.
    pub listener: String,
    /// Where requests go from it.
    pub routes: Routes<DefaultClock>,
    /// Whether it accepts HTTP Basic.
    pub basic: bool,
    /// Which proxy may ask about requests of others.
    pub forward_auth: Option<ForwardAuth>,
    /// Its TLS side.
    pub tls: Arc<ServerConfig>,
    /// Which client certificates count; `None` where none does. The same that `tls` asks.
    pub client_trust: Option<Arc<ClientTrust>>,
    /// When the certificates end that it shows to clients: kind, file, time.
    pub shown_until: Vec<(&'static str, String, UnixTime)>,
}

impl Snapshot {
    /// The same with another list of what is revoked.
    #[must_use]
    pub fn striking(&self, revoked: Revocations) -> Self {
        Self {
            guarded: self.guarded.clone(),
            upstreams: self.upstreams.clone(),
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
            routes: &guarded.routes,
            verifier: &self.verifier,
            keys,
            basic: guarded.basic,
            static_keys: self.static_keys,
            revoked: &self.revoked,
            forward_auth: guarded.forward_auth.as_ref(),
        }
    }

    /// What is behind the routes to `upstream`.
    #[must_use]
    pub fn behind(&self, upstream: UpstreamId) -> Option<&Arc<Behind>> {
        self.upstreams.get(upstream.0)
    }

    /// When everything ends that listeners depend on: listener, kind, name, time.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, &'static str, &str, UnixTime)> {
        self.guarded.iter().flat_map(|guarded| {
            let behind = guarded.routes.upstreams().iter().filter_map(|upstream| self.behind(*upstream));
            let shown = guarded.shown_until.iter().chain(behind.filter_map(|behind| behind.shown_until.as_ref()));
            let shown = shown.map(|(kind, file, at)| (*kind, file.as_str(), *at));
            let trusted = guarded.client_trust.iter().flat_map(|trust| trust.expiries());
            let trusted = trusted.map(|expiry| (expiry.kind.label(), expiry.name.as_str(), expiry.at));
            shown.chain(trusted).map(|(kind, name, at)| (guarded.listener.as_str(), kind, name, at))
        })
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
