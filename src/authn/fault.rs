//! Why a token proves nothing: the closed list.

use thiserror::Error;

use super::json::JsonFault;
use super::jwt::MAX_TOKEN;
use super::key_name::KeyName;

/// A claim that verification reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Claim {
    /// `iss`, who issued it.
    Issuer,
    /// `sub`, whom it speaks of.
    Subject,
    /// `aud`, whom it is for.
    Audience,
    /// `exp`, when it ends.
    Expires,
    /// `nbf`, when it begins.
    NotBefore,
    /// `iat`, when it was issued.
    IssuedAt,
    /// `jti`, its own name.
    TokenId,
    /// `client_id`, who asked for it.
    ClientId,
    /// `kubernetes.io`, which pod and service account it was made for.
    Kubernetes,
}

impl Claim {
    /// The name in the token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "iss",
            Self::Subject => "sub",
            Self::Audience => "aud",
            Self::Expires => "exp",
            Self::NotBefore => "nbf",
            Self::IssuedAt => "iat",
            Self::TokenId => "jti",
            Self::ClientId => "client_id",
            Self::Kubernetes => "kubernetes.io",
        }
    }
}

/// Why a token proves nothing.
///
/// Some are not the token's fault alone: see [`Self::is_unjudged`]; and after [`Self::UnknownKey`] fresher keys may
/// help, after [`Self::Unasked`] a question. No variant holds anything that the token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TokenFault {
    /// Longer than [`MAX_TOKEN`].
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not three parts, or no header or signature in them.
    #[error("the token has not exactly three parts")]
    Parts,
    /// A part is not canonical base64url without padding.
    #[error("a part of the token is not canonical base64url")]
    Encoding,
    /// Header or claims are not a JSON object.
    #[error("header or claims are not a JSON object")]
    Json,
    /// Header or claims name a member twice.
    #[error("header or claims name a member twice")]
    DuplicateMember,
    /// Header or claims are nested too deep.
    #[error("header or claims are nested too deep")]
    TooDeep,
    /// The header has `crit`: something must be understood that is not.
    #[error("the header has `crit`")]
    Critical,
    /// The header brings a key, a place of keys, or a way of encoding that is not accepted.
    #[error("the header has a parameter that is not accepted")]
    HeaderParameter,
    /// `typ` says that this is not an access token.
    #[error("`typ` is not that of an access token")]
    Type,
    /// `alg` is missing, or not an asymmetric signature that is understood.
    #[error("`alg` is not an algorithm that is understood")]
    Algorithm,
    /// `alg` is not in the allow-list of this issuer.
    #[error("`alg` is not allowed for this issuer")]
    AlgorithmNotAllowed,
    /// `kid` is not text of a sane length.
    #[error("`kid` is not a text of a sane length")]
    KeyId,
    /// `iss` is none of the configured issuers.
    #[error("`iss` is not a configured issuer")]
    UnknownIssuer,
    /// A required claim is missing.
    #[error("the claim `{}` is missing", .0.name())]
    ClaimMissing(Claim),
    /// A claim has the wrong JSON type, or a value out of any sane range.
    #[error("the claim `{}` is malformed", .0.name())]
    ClaimMalformed(Claim),
    /// It is for somebody else.
    #[error("`aud` does not name this service")]
    Audience,
    /// It has ended.
    #[error("the token has expired")]
    Expired,
    /// It has not begun.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was issued in the future.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// It lives longer than allowed.
    #[error("the token lives longer than allowed")]
    Lifetime,
    /// It is an ID, refresh or logout token, or not the kind of assertion that its front door puts beside requests.
    #[error("the token is not an access token")]
    NotAccessToken,
    /// It is bound to a key of the client (`cnf`), of which this connection shows no possession.
    #[error("the token is bound to a key of the client")]
    SenderConstrained,
    /// The load balancer that says it signed it is none of those that are named.
    #[error("`signer` is not a configured load balancer")]
    Signer,
    /// It was made for another client of the identity provider.
    #[error("`client` is not the configured one")]
    Client,
    /// There are no live keys of its issuer.
    #[error("there are no live keys of the issuer")]
    KeysMissing {
        /// The position of the issuer in the configuration.
        issuer: usize,
    },
    /// The issuer's keys have none of that name.
    #[error("the issuer has no key of that name")]
    UnknownKey {
        /// The position of the issuer in the configuration.
        issuer: usize,
        /// Which key, without the token's own words for it.
        key: KeyName,
    },
    /// It names no key, and the issuer has several that could be meant.
    #[error("the token names no key, and the issuer has several")]
    KeyIdMissing,
    /// `alg` is not the one algorithm of the key.
    #[error("`alg` is not the algorithm of the key")]
    AlgorithmOfKey,
    /// The signature is not that of the key.
    #[error("the signature is not that of the key")]
    Signature,
    /// Only its issuer can tell, and was not asked yet.
    #[error("the issuer was not asked about the token")]
    Unasked {
        /// The position of the issuer in the configuration.
        issuer: usize,
    },
    /// Its issuer cannot be asked now.
    #[error("the issuer cannot be asked about the token")]
    Unavailable,
    /// Its issuer says that it is not, or no longer, good.
    #[error("the issuer says that the token is not active")]
    Inactive,
    /// Name and key do not belong together, or there is no such name.
    #[error("the name or the key is wrong")]
    Key,
    /// Too many wrong keys came from there.
    #[error("too many wrong keys came from this source")]
    Attempts,
    /// It was revoked by the operator.
    #[error("the credential was revoked")]
    Revoked,
}

impl TokenFault {
    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLong => "token_too_long",
            Self::Parts => "token_parts",
            Self::Encoding => "token_encoding",
            Self::Json => "token_json",
            Self::DuplicateMember => "token_duplicate_member",
            Self::TooDeep => "token_too_deep",
            Self::Critical => "token_crit",
            Self::HeaderParameter => "token_header_parameter",
            Self::Type => "token_typ",
            Self::Algorithm => "token_algorithm_unknown",
            Self::AlgorithmNotAllowed => "token_algorithm_not_allowed",
            Self::KeyId => "token_kid_malformed",
            Self::UnknownIssuer => "token_unknown_issuer",
            Self::ClaimMissing(_) => "token_claim_missing",
            Self::ClaimMalformed(_) => "token_claim_malformed",
            Self::Audience => "token_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::IssuedInFuture => "token_issued_in_future",
            Self::Lifetime => "token_lifetime",
            Self::NotAccessToken => "token_not_access_token",
            Self::SenderConstrained => "token_sender_constrained",
            Self::Signer => "token_signer",
            Self::Client => "token_client",
            Self::KeysMissing { .. } => "keys_missing",
            Self::UnknownKey { .. } => "token_unknown_key",
            Self::KeyIdMissing => "token_kid_missing",
            Self::AlgorithmOfKey => "token_algorithm_of_key",
            Self::Signature => "token_signature",
            Self::Unasked { .. } | Self::Unavailable => "issuer_unavailable",
            Self::Inactive => "token_inactive",
            Self::Key => "key_wrong",
            Self::Attempts => "key_attempts",
            Self::Revoked => "revoked",
        }
    }

    /// Whether the token could not be judged, for want of keys or of its issuer's word: 503, not 401.
    #[must_use]
    pub const fn is_unjudged(self) -> bool {
        matches!(self, Self::KeysMissing { .. } | Self::Unasked { .. } | Self::Unavailable)
    }
}

impl From<JsonFault> for TokenFault {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::Syntax | JsonFault::NotObject => Self::Json,
            JsonFault::Duplicate => Self::DuplicateMember,
            JsonFault::TooDeep => Self::TooDeep,
        }
    }
}
