//! Who asks, once it is proven.

use serde_json::{Map, Value};

use crate::types::UnixTime;

/// How a principal proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// A JWT presented as a bearer token (RFC 6750), verified with the issuer's keys.
    BearerJwt,
}

impl Method {
    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::BearerJwt => "bearer_jwt",
        }
    }
}

/// A proven identity. Only verification makes one.
#[derive(Debug)]
pub struct Principal {
    issuer: String,
    subject: String,
    method: Method,
    claims: Map<String, Value>,
    expires: UnixTime,
}

impl Principal {
    /// Only for the verifiers of this module.
    pub(super) const fn new(
        issuer: String,
        subject: String,
        method: Method,
        claims: Map<String, Value>,
        expires: UnixTime,
    ) -> Self {
        Self { issuer, subject, method, claims, expires }
    }

    /// A principal that nobody proved: for `monward explain`, policy cases and tests, which never reach an upstream.
    #[must_use]
    pub const fn supposed(issuer: String, subject: String, claims: Map<String, Value>) -> Self {
        Self::new(issuer, subject, Method::BearerJwt, claims, UnixTime::from_secs(u64::MAX))
    }

    /// The name that the configuration gives the issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// How it was proven.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// All claims of the token.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// When the proof ends (`exp`, without leeway).
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}
