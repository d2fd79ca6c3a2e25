//! Who asks, once it is proven.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::certificate::Certificate;
use super::claim_tree::ClaimTree;
use crate::types::UnixTime;

/// How a principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A JWT presented as a bearer token (RFC 6750), verified with the issuer's keys.
    BearerJwt,
    /// A bearer token that its issuer was asked about (RFC 7662).
    Introspection,
    /// The JWT of a Kubernetes service account, verified with the cluster's keys.
    ServiceAccount,
    /// A token that a Kubernetes API server was asked about (`TokenReview`).
    TokenReview,
    /// A JWT that a trusted front door put beside the request.
    FrontDoor,
    /// A token that came as the password of HTTP Basic.
    BasicToken,
    /// A name and a static key by HTTP Basic (RFC 7617).
    StaticKey,
    /// The client certificate of the connection.
    ClientCertificate,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BearerJwt,
        Self::Introspection,
        Self::ServiceAccount,
        Self::TokenReview,
        Self::FrontDoor,
        Self::BasicToken,
        Self::StaticKey,
        Self::ClientCertificate,
    ];

    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BearerJwt => "bearer_jwt",
            Self::Introspection => "introspection",
            Self::ServiceAccount => "service_account",
            Self::TokenReview => "token_review",
            Self::FrontDoor => "front_door",
            Self::BasicToken => "basic_token",
            Self::StaticKey => "static_key",
            Self::ClientCertificate => "client_certificate",
        }
    }
}

/// The name that stands where an issuer's would for client certificates; no issuer can be called so.
pub const CLIENT_CERTIFICATE: &str = "client_certificate";

/// One thing that was proven. Only verification makes one.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The name that the configuration gives the issuer; [`CLIENT_CERTIFICATE`] for certificates.
    issuer: Arc<str>,
    subject: Box<str>,
    method: Method,
    /// What is kept of the claims of a token; empty for a certificate.
    claims: ClaimTree,
    expires: UnixTime,
    /// The names in a client certificate.
    certificate: Option<Box<Certificate>>,
    /// The SHA-256 of the client certificate that must come with a token (RFC 8705 §3.1).
    bound_to: Option<Box<[u8; 32]>>,
}

impl Proof {
    /// A token of `issuer`. Only for the verifiers of this module.
    pub(super) fn token(
        (issuer, subject): (impl Into<Arc<str>>, String),
        method: Method,
        claims: impl Into<ClaimTree>,
        expires: UnixTime,
        bound_to: Option<[u8; 32]>,
    ) -> Self {
        let (issuer, subject, claims, bound_to) =
            (issuer.into(), subject.into(), claims.into(), bound_to.map(Box::new));
        Self { issuer, subject, method, claims, expires, certificate: None, bound_to }
    }

    /// A client certificate, valid until `expires`. Only for the reader of certificates.
    pub(super) fn certificate(certificate: Certificate, expires: UnixTime) -> Self {
        Self {
            issuer: CLIENT_CERTIFICATE.into(),
            subject: certificate.subject().into(),
            method: Method::ClientCertificate,
            claims: ClaimTree::default(),
            expires,
            certificate: Some(Box::new(certificate)),
            bound_to: None,
        }
    }

    /// The name that the configuration gives the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim, or what stands for it.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How it was proven.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// What is kept of the claims of the token.
    #[must_use]
    pub const fn claims(&self) -> &ClaimTree {
        &self.claims
    }

    /// When the proof ends (`exp` or `notAfter`, without leeway).
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The names in the client certificate, where it is one.
    #[must_use]
    pub fn names(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    /// The certificate that must come with it, by its SHA-256.
    #[must_use]
    pub fn bound_to(&self) -> Option<&[u8; 32]> {
        self.bound_to.as_deref()
    }
}

/// A proven identity: one proof or several of different kinds. The first one speaks for it, in records and budgets.
#[derive(Clone, Debug)]
pub struct Principal {
    first: Arc<Proof>,
    more: Vec<Arc<Proof>>,
    method: Method,
}

impl Principal {
    /// Only for the verifiers of this module.
    pub(super) fn new(proof: Proof) -> Self {
        let method = proof.method;
        Self { first: Arc::new(proof), more: Vec::new(), method }
    }

    /// A principal that nobody proved: for `monward explain`, policy cases and tests, which never reach an upstream.
    #[must_use]
    pub fn supposed(issuer: String, subject: String, claims: Map<String, Value>) -> Self {
        let expires = UnixTime::from_secs(u64::MAX);
        Self::new(Proof::token((issuer, subject), Method::BearerJwt, claims, expires, None))
    }

    /// The same for a client certificate.
    #[must_use]
    pub fn supposed_certificate(certificate: Certificate) -> Self {
        Self::new(Proof::certificate(certificate, UnixTime::from_secs(u64::MAX)))
    }

    /// With what another one proved as well; `self` goes on speaking for both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        joined.more.push(Arc::clone(&other.first));
        joined.more.extend(other.more.iter().cloned());
        joined
    }

    /// The same, with its token carried by HTTP Basic.
    #[must_use]
    pub fn by_basic(&self) -> Self {
        Self { method: Method::BasicToken, ..self.clone() }
    }

    /// The name that the configuration gives the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.first.issuer()
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.first.subject()
    }

    /// How it was proven.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// What is kept of the claims of the token that speaks for it.
    #[must_use]
    pub fn claims(&self) -> &ClaimTree {
        self.first.claims()
    }

    /// When the first of its proofs ends, without leeway.
    #[must_use]
    pub fn expires(&self) -> UnixTime {
        self.proofs().map(Proof::expires).min().unwrap_or_default()
    }

    /// Everything that was proven, the one that speaks for it first.
    pub fn proofs(&self) -> impl Iterator<Item = &Proof> {
        std::iter::once(&*self.first).chain(self.more.iter().map(|proof| &**proof))
    }
}
