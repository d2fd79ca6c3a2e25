//! What an issuer's tokens must say.

use std::time::Duration;

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::fault::{Claim, TokenFault};
use crate::types::UnixTime;

/// The most that clocks may differ.
pub const MAX_LEEWAY: Duration = Duration::from_mins(1);

/// The last second of the year 9999; no time lies behind it.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// What the tokens of an issuer look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Access tokens of [RFC 9068](https://www.rfc-editor.org/rfc/rfc9068): `at+jwt` with all its claims.
    Rfc9068,
    /// Access tokens of older issuers: `typ` may be `JWT` or missing, and so may `client_id`, `iat` and `jti`.
    Jwt,
}

/// How the tokens of one issuer are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// Its name in policies, metrics and audit records.
    pub name: String,
    /// The exact `iss` of its tokens; two issuers must not share it.
    pub issuer: String,
    /// The `aud` values that mean us; without any, every token is refused.
    pub audiences: Vec<String>,
    /// The signature algorithms it may use.
    pub algorithms: Vec<Algorithm>,
    /// What its tokens look like.
    pub profile: Profile,
    /// How far clocks may differ; more than [`MAX_LEEWAY`] counts as that.
    pub leeway: Duration,
    /// The longest life of a token.
    pub max_lifetime: Duration,
}

/// What the claims say, once they are acceptable.
pub(super) struct Accepted {
    pub(super) subject: String,
    pub(super) expires: UnixTime,
}

/// The `iss` of `claims`.
pub(super) fn issuer(claims: &Map<String, Value>) -> Result<&str, TokenFault> {
    text(claims, Claim::Issuer)
}

/// Judges everything but `iss`, which has chosen `settings`.
pub(super) fn check(
    settings: &IssuerSettings,
    claims: &Map<String, Value>,
    now: UnixTime,
) -> Result<Accepted, TokenFault> {
    if is_another_kind(claims) {
        return Err(TokenFault::NotAccessToken);
    }
    if claims.contains_key("cnf") {
        return Err(TokenFault::SenderConstrained);
    }
    audience(&settings.audiences, claims)?;
    let expires = times(settings, claims, now)?;
    let subject = text(claims, Claim::Subject)?.to_owned();
    match settings.profile {
        Profile::Jwt => {}
        Profile::Rfc9068 => {
            text(claims, Claim::ClientId)?;
            text(claims, Claim::TokenId)?;
            time(claims, Claim::IssuedAt)?.ok_or(TokenFault::ClaimMissing(Claim::IssuedAt))?;
        }
    }
    Ok(Accepted { subject, expires })
}

/// Until when a token with that `exp` is taken; from then on it is refused.
pub(super) fn taken_until(settings: &IssuerSettings, expires: UnixTime) -> UnixTime {
    expires.plus(settings.leeway.min(MAX_LEEWAY))
}

/// ID tokens (`OpenID` Connect Core §2), logout and event tokens, and what Keycloak says in its claim `typ`.
fn is_another_kind(claims: &Map<String, Value>) -> bool {
    let telling = ["nonce", "at_hash", "c_hash", "events"].iter().any(|name| claims.contains_key(*name));
    let kind = claims.get("typ").and_then(Value::as_str).unwrap_or_default();
    telling || ["id", "refresh", "offline", "logout"].iter().any(|other| kind.eq_ignore_ascii_case(other))
}

/// `aud` is one text or a list of nothing but texts, one of which means us.
fn audience(ours: &[String], claims: &Map<String, Value>) -> Result<(), TokenFault> {
    let malformed = TokenFault::ClaimMalformed(Claim::Audience);
    let value = claims.get(Claim::Audience.name()).ok_or(TokenFault::ClaimMissing(Claim::Audience))?;
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
fn times(settings: &IssuerSettings, claims: &Map<String, Value>, now: UnixTime) -> Result<UnixTime, TokenFault> {
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
fn text(claims: &Map<String, Value>, claim: Claim) -> Result<&str, TokenFault> {
    let value = claims.get(claim.name()).ok_or(TokenFault::ClaimMissing(claim))?;
    value.as_str().filter(|text| !text.is_empty()).ok_or(TokenFault::ClaimMalformed(claim))
}

/// A `NumericDate` ([RFC 7519 §2]): a JSON number of seconds, fractions allowed, in this or the next millennia.
///
/// [RFC 7519 §2]: https://www.rfc-editor.org/rfc/rfc7519#section-2
fn time(claims: &Map<String, Value>, claim: Claim) -> Result<Option<UnixTime>, TokenFault> {
    let Some(value) = claims.get(claim.name()) else { return Ok(None) };
    let malformed = TokenFault::ClaimMalformed(claim);
    let seconds = value.as_f64().filter(|seconds| (0.0..=LAST_SECOND).contains(seconds)).ok_or(malformed)?;
    let span = Duration::try_from_secs_f64(seconds).map_err(|_| malformed)?;
    Ok(Some(UnixTime::default().plus(span)))
}
