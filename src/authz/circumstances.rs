//! What a decision may depend on besides who asks for what.

use std::net::IpAddr;

use crate::authn::{Method, Principal};
use crate::types::{TlsVersion, UnixTime};

/// What a decision may depend on besides who asks for what. Whatever is `None` is not known: a condition on it opens
/// nothing, and closes what it guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// When.
    pub now: Option<UnixTime>,
    /// The address it comes from.
    pub source: Option<IpAddr>,
    /// The version of TLS that the connection speaks.
    pub tls: Option<TlsVersion>,
    /// What becomes of what is not known.
    pub unknown: Unknown,
}

/// What becomes of what is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It opens nothing: for requests.
    #[default]
    Closes,
    /// It is passed over, as are the credentials and the tenant's name: for questions about roles instead of requests.
    IsPassedOver,
}

/// Whether something holds; what is not known may or may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody can tell.
    Unknown,
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

impl Truth {
    /// Whether both hold.
    pub(super) const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// Whether it does not hold.
    pub(super) const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

/// A kind of credential that a condition may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialKind {
    /// A token of any kind, or a static key: anything but a client certificate.
    Token,
    /// Just this.
    Of(Method),
}

impl CredentialKind {
    /// The kind that a policy calls `word`.
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "token" => Some(Self::Token),
            "client_cert" => Some(Self::Of(Method::ClientCertificate)),
            word => Self::METHODS.into_iter().find(|method| method.label() == word).map(Self::Of),
        }
    }

    /// The words for all kinds.
    pub(super) fn words() -> impl Iterator<Item = &'static str> {
        ["token", "client_cert"].into_iter().chain(Self::METHODS.map(Method::label))
    }

    /// The methods that are called by their own names.
    const METHODS: [Method; 7] = [
        Method::BearerJwt,
        Method::Introspection,
        Method::ServiceAccount,
        Method::TokenReview,
        Method::FrontDoor,
        Method::BasicToken,
        Method::StaticKey,
    ];

    /// Whether `who` has shown such a one.
    pub(super) fn is_shown_by(self, who: &Principal) -> bool {
        // How the first proof was carried is said of the principal.
        let methods = std::iter::once(who.method()).chain(who.proofs().skip(1).map(crate::authn::Proof::method));
        let mut methods = methods;
        methods.any(|method| match self {
            Self::Token => method != Method::ClientCertificate,
            Self::Of(wanted) => method == wanted,
        })
    }
}
