//! What an issuer's tokens must say.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::door::{Door, LoadBalancers, Trusted};
use super::fault::{Claim, TokenFault};
use super::principal::Method;
use crate::types::UnixTime;

/// The most that clocks may differ.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);

/// The last second of the year 9999; no time lies behind it.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What begins the subject of every Kubernetes service account.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// What the credentials of an issuer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Access tokens of [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068): `at+jwt` with all its claims.
    Rfc9068,
    /// Access tokens of older issuers: `typ` may be `JWT` or missing, and so may `client_id`, `iat` and `jti`.
    Jwt,
    /// [Tokens of Kubernetes service accounts], by the keys of their cluster.
    ///
    /// [Tokens of Kubernetes service accounts]: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens
    ServiceAccount,
    /// Assertions that a front door puts beside requests; never taken as bearer tokens.
    Door(Door),
    /// Bearer tokens that only their issuer can judge, who is asked about each.
    Asked,
    /// Names and static keys; no tokens at all.
    StaticKeys,
}

impl Profile {
    /// Whether they come as bearer tokens.
    #[must_use]
    pub const fn takes_bearer(self) -> bool {
        match self {
            Self::Rfc9068 | Self::Jwt | Self::ServiceAccount | Self::Asked => true,
            Self::Door(_) | Self::StaticKeys => false,
        }
    }

    /// What a good one is called in records.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Rfc9068 | Self::Jwt => Method::BearerJwt,
            Self::ServiceAccount => Method::ServiceAccount,
            Self::Door(_) => Method::FrontDoor,
            Self::Asked => Method::Introspection,
            Self::StaticKeys => Method::StaticKey,
        }
    }
}

/// How the tokens of one issuer are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its name in policies, metrics and audit records.
    pub name: String,
    /// The exact `iss` of its tokens; two issuers of bearer tokens must not share it, nor two of the same front door.
    ///
    /// Empty for [`Profile::StaticKeys`], and for the one [`Profile::Asked`] that is asked about all that is no JWT.
    pub issuer: String,
    /// The `aud` values that mean us; without any, every token is refused. AWS load balancers name none.
    pub audiences: Vec<String>,
    /// The signature algorithms it may use.
    pub algorithms: Vec<Algorithm>,
    /// What its credentials are.
    pub profile: Profile,
    /// How far clocks may differ; more than [`MAX_LEEWAY`] counts as that.
    pub leeway: Duration,
    /// The longest life of a token.
    pub max_lifetime: Duration,
    /// From where the assertions of a front door count.
    pub trusted: Trusted,
    /// Whose assertions count, where the front door is AWS's.
    pub load_balancers: LoadBalancers,
}

impl IssuerSettings {
    /// Whether it may sign with `algorithm`; a front door only with its own.
    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        let fits = match self.profile {
            Profile::Door(door) => door.algorithms().contains(&algorithm),
            Profile::Rfc9068 | Profile::Jwt | Profile::ServiceAccount | Profile::Asked | Profile::StaticKeys => true,
        };
        fits && self.algorithms.contains(&algorithm)
    }
}

/// What the claims say, once they are acceptable.
pub(super) struct Accepted {
    pub(super) subject: String,
    pub(super) expires: UnixTime,
    pub(super) bound_to: Option<[u8; 32]>,
}

/// The `iss` of `claims`.
pub(super) fn issuer(claims: &Map<String, Value>) -> Result<&str, TokenFault> {
    text(claims, Claim::Issuer)
}

/// Judges everything of a bearer token but `iss`, which has chosen `settings`.
pub(super) fn check(
    settings: &IssuerSettings,
    claims: &Map<String, Value>,
    now: UnixTime,
) -> Result<Accepted, TokenFault> {
    if is_another_kind(claims) {
        return Err(TokenFault::NotAccessToken);
    }
    let bound_to = claims.get("cnf").map(certificate_hash).transpose()?;
    audience(&settings.audiences, claims)?;
    let expires = times(settings, claims, now)?;
    let subject = text(claims, Claim::Subject)?.to_owned();
    match settings.profile {
        Profile::Rfc9068 => {
            text(claims, Claim::ClientId)?;
            text(claims, Claim::TokenId)?;
            require(claims, Claim::IssuedAt)?;
        }
        Profile::ServiceAccount => {
            require(claims, Claim::IssuedAt)?;
            service_account(claims, &subject)?;
        }
        Profile::Jwt | Profile::Door(_) | Profile::Asked | Profile::StaticKeys => {}
    }
    Ok(Accepted { subject, expires, bound_to })
}

/// Refuses claims without `claim`.
pub(super) fn require(claims: &Map<String, Value>, claim: Claim) -> Result<(), TokenFault> {
    if claims.contains_key(claim.name()) { Ok(()) } else { Err(TokenFault::ClaimMissing(claim)) }
}

/// The certificate that a token is bound to by its `cnf` ([RFC 8705 §3.1]); any other way of binding is not understood.
///
/// [RFC 8705 §3.1]: https://www.rfc-editor.org/rfc/rfc8705#section-3.1
pub(super) fn certificate_hash(confirmation: &Value) -> Result<[u8; 32], TokenFault> {
    let members = confirmation.as_object().filter(|members| members.len() == 1);
    let hash = members.and_then(|members| members.get("x5t#S256")).and_then(Value::as_str);
    let hash = hash.and_then(|hash| URL_SAFE_NO_PAD.decode(hash).ok()).and_then(|hash| hash.try_into().ok());
    hash.ok_or(TokenFault::SenderConstrained)
}

/// `sub` is a service account, and the one that the cluster's own claim names, where that is there.
fn service_account(claims: &Map<String, Value>, subject: &str) -> Result<(), TokenFault> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(plain);
    let pair = subject.strip_prefix(SERVICE_ACCOUNT).and_then(|pair| pair.split_once(':'));
    let (namespace, name) = pair
        .filter(|(namespace, name)| is_name(namespace) && is_name(name))
        .ok_or(TokenFault::ClaimMalformed(Claim::Subject))?;
    let Some(made_for) = claims.get(Claim::Kubernetes.name()) else { return Ok(()) };
    let says = |place: &str, text: &str| made_for.pointer(place).and_then(Value::as_str) == Some(text);
    if says("/namespace", namespace) && says("/serviceaccount/name", name) {
        return Ok(());
    }
    Err(TokenFault::ClaimMalformed(Claim::Kubernetes))
}

/// Until when a token with that `exp` is taken; from then on it is refused.
pub(super) fn taken_until(settings: &IssuerSettings, expires: UnixTime) -> UnixTime {
    expires.plus(settings.leeway.min(MAX_LEEWAY))
}

/// ID tokens (`OpenID` Connect Core §2), logout and event tokens, and what Keycloak says in its claim `typ`.
pub(super) fn is_another_kind(claims: &Map<String, Value>) -> bool {
    let telling = ["nonce", "at_hash", "c_hash", "events"].iter().any(|name| claims.contains_key(*name));
    let kind = claims.get("typ").and_then(Value::as_str).unwrap_or_default();
    telling || ["id", "refresh", "offline", "logout"].iter().any(|other| kind.eq_ignore_ascii_case(other))
}

pub(super) fn audience(ours: &[String], claims: &Map<String, Value>) -> Result<(), TokenFault> {
    let value = claims.get(Claim::Audience.name()).ok_or(TokenFault::ClaimMissing(Claim::Audience))?;
    names_us(ours, value)
}

/// An audience is one text or a list of nothing but texts, one of which means us.
pub(super) fn names_us(ours: &[String], value: &Value) -> Result<(), TokenFault> {
    let malformed = TokenFault::ClaimMalformed(Claim::Audience);
    let named = match value {
        Value::String(_) => std::slice::from_ref(value),
        Value::Array(items) if !items.is_empty() => items.as_slice(),
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return Err(malformed),
    };
    let mut found = false;
    for item in named {
        let item = item.as_str().ok_or(malformed)?;
        found |= ours.iter().any(|our| our == item);
    }
    if found { Ok(()) } else { Err(TokenFault::Audience) }
}

/// `exp`, `nbf`, `iat` and the lifetime; the answer is `exp`.
pub(super) fn times(
    settings: &IssuerSettings,
    claims: &Map<String, Value>,
    now: UnixTime,
) -> Result<UnixTime, TokenFault> {
    let leeway = settings.leeway.min(MAX_LEEWAY);
    let latest = now.plus(leeway);
    let expires = time(claims, Claim::Expires)?.ok_or(TokenFault::ClaimMissing(Claim::Expires))?;
    if now >= taken_until(settings, expires) {
        return Err(TokenFault::Expired);
    }
    if time(claims, Claim::NotBefore)?.is_some_and(|begins| begins > latest) {
        return Err(TokenFault::NotYetValid);
    }
    let issued = time(claims, Claim::IssuedAt)?;
    if issued.is_some_and(|issued| issued > latest) {
        return Err(TokenFault::IssuedInFuture);
    }
    if expires.since(issued.unwrap_or(latest)) > settings.max_lifetime {
        return Err(TokenFault::Lifetime);
    }
    Ok(expires)
}

/// A text that is there and not empty.
pub(super) fn text(claims: &Map<String, Value>, claim: Claim) -> Result<&str, TokenFault> {
    let value = claims.get(claim.name()).ok_or(TokenFault::ClaimMissing(claim))?;
    value.as_str().filter(|text| !text.is_empty()).ok_or(TokenFault::ClaimMalformed(claim))
}

/// A `NumericDate` ([RFC 7519 §2]): a JSON number of seconds, fractions allowed, in this or the next millennia.
///
/// [RFC 7519 §2]: https://www.rfc-editor.org/rfc/rfc7519#section-2
pub(super) fn time(claims: &Map<String, Value>, claim: Claim) -> Result<Option<UnixTime>, TokenFault> {
    let Some(value) = claims.get(claim.name()) else { return Ok(None) };
    let malformed = TokenFault::ClaimMalformed(claim);
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds)).ok_or(malformed)?;
    let span = Duration::try_from_secs_f64(seconds).map_err(|_| malformed)?;
    Ok(Some(UnixTime::default().plus(span)))
}
