//! Reads what an issuer answers when it is asked about a token, strictly.
//!
//! That a token is good is believed only of an answer that says so in the one way its standard knows, and the rest of
//! the answer is held to the rules of a token's claims. What is not such an answer is the issuer's fault: the token
//! stays unjudged (503), it is not bad (401).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use thiserror::Error;

use super::claim_tree::{ClaimTree, Kept};
use super::claims::{self, MAX_LEEWAY};
use super::fault::{Claim, TokenFault};
use super::principal::{Method, Principal, Proof};
use super::{json, jwt};
use crate::types::UnixTime;

/// The longest time for which an answer counts.
pub const MAX_ANSWER_AGE: Duration = Duration::from_mins(5);

/// How the answers of one issuer are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedSettings {
    /// Its name in policies, metrics and audit records.
    pub name: String,
    /// What `iss` must be where an answer has it; `None` takes any.
    pub issuer: Option<String>,
    /// The audiences that mean us. Without any, introspection does not look at `aud`, and every token review fails.
    pub audiences: Vec<String>,
    /// How far clocks may differ; more than [`MAX_LEEWAY`] counts as that.
    pub leeway: Duration,
    /// For how long an answer counts; more than [`MAX_ANSWER_AGE`] counts as that.
    pub cache: Duration,
    /// What is kept of the claims; `None` is all.
    pub kept: Option<Arc<Kept>>,
}

/// A token that its issuer calls good.
#[derive(Debug)]
pub struct Answered {
    /// Whom it belongs to.
    pub principal: Principal,
    /// From when on the issuer must be asked again; never behind `exp`.
    pub until: UnixTime,
}

/// Why an answer makes nobody known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum AnswerFault {
    /// It is not one JSON object, names a member twice or is nested too deep.
    #[error("the answer is not one JSON object without duplicate members")]
    Json,
    /// It is something else than was asked for.
    #[error("the answer is not of the kind that was asked for")]
    Kind,
    /// It says neither clearly that the token is good nor that it is not.
    #[error("the answer does not say clearly whether the token is good")]
    Verdict,
    /// It is sound, and the token proves nothing.
    #[error(transparent)]
    Token(#[from] TokenFault),
}

impl AnswerFault {
    /// What it means for the token.
    #[must_use]
    pub const fn of_token(self) -> TokenFault {
        match self {
            Self::Json | Self::Kind | Self::Verdict => TokenFault::Unavailable,
            Self::Token(fault) => fault,
        }
    }

    /// A short word for metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Json => "answer_json",
            Self::Kind => "answer_kind",
            Self::Verdict => "answer_verdict",
            Self::Token(fault) => fault.label(),
        }
    }
}

/// Whom `token` belongs to, by the answer `body` of an introspection endpoint ([RFC 7662 §2.2]) asked at `now`.
///
/// The whole answer becomes the claims, with the `jti` of the token where the answer has none. Tokens that clients get for themselves may have no `sub`; `client_id` stands
/// for it then.
///
/// [RFC 7662 §2.2]: https://www.rfc-editor.org/rfc/rfc7662#section-2.2
///
/// # Errors
/// The first thing that is wrong, with the token or with the answer.
pub fn introspected(
    settings: &AskedSettings,
    token: &str,
    body: &[u8],
    now: UnixTime,
) -> Result<Answered, AnswerFault> {
    let mut claims = json::object(body).map_err(|_| AnswerFault::Json)?;
    match claims.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(TokenFault::Inactive.into()),
        Some(_) | None => return Err(AnswerFault::Verdict),
    }
    access_token(&claims)?;
    let bound_to = claims.get("cnf").map(claims::certificate_hash).transpose()?;
    issuer(settings, &claims)?;
    if !settings.audiences.is_empty() {
        let value = claims.get(Claim::Audience.name()).ok_or(TokenFault::Audience)?;
        claims::names_us(&settings.audiences, value)?;
    }
    let expires = times(settings, &claims, now)?;
    let subject = if claims.contains_key(Claim::Subject.name()) || !claims.contains_key(Claim::ClientId.name()) {
        Claim::Subject
    } else {
        Claim::ClientId
    };
    let subject = claims::text(&claims, subject)?.to_owned();
    let kept = kept_until(settings, now);
    let until = expires.map_or(kept, |expires| expires.min(kept));
    let name = settings.name.clone();
    add_token_id(&mut claims, token);
    let claims = ClaimTree::kept(&claims, settings.kept.as_deref());
    let proof = Proof::token((name, subject), Method::Introspection, claims, expires.unwrap_or(kept), bound_to);
    Ok(Answered { principal: Principal::new(proof), until })
}

/// Whom `token` belongs to, by the answer `body` of a Kubernetes API server to a [`TokenReview`] made at `now`.
///
/// `status.user` becomes the claims, with the `jti` of the token. The server leaves `authenticated` out when it is false, and puts a text into
/// `error` for whatever is wrong with a token, so that text does not tell a bad token from a server in trouble.
///
/// [`TokenReview`]: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
///
/// # Errors
/// The first thing that is wrong, with the token or with the answer.
pub fn reviewed(settings: &AskedSettings, token: &str, body: &[u8], now: UnixTime) -> Result<Answered, AnswerFault> {
    let mut answer = json::object(body).map_err(|_| AnswerFault::Json)?;
    let says = |member: &str, word: &str| answer.get(member).and_then(Value::as_str) == Some(word);
    if !says("kind", "TokenReview") || !says("apiVersion", "authentication.k8s.io/v1") {
        return Err(AnswerFault::Kind);
    }
    let Some(Value::Object(mut status)) = answer.remove("status") else { return Err(AnswerFault::Kind) };
    match status.get("authenticated") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) | None => return Err(TokenFault::Inactive.into()),
        Some(_) => return Err(AnswerFault::Verdict),
    }
    if status.get("error").is_some_and(|error| error.as_str() != Some("")) {
        return Err(AnswerFault::Verdict);
    }
    // Without audiences the server did not look at those it was asked about: the token is for the server itself.
    let audiences = status.get("audiences").ok_or(TokenFault::Audience)?;
    claims::names_us(&settings.audiences, audiences)?;
    let Some(Value::Object(mut user)) = status.remove("user") else { return Err(AnswerFault::Kind) };
    let name = user.get("username").and_then(Value::as_str).filter(|name| !name.is_empty());
    let subject = name.ok_or(TokenFault::ClaimMissing(Claim::Subject))?.to_owned();
    let until = kept_until(settings, now);
    add_token_id(&mut user, token);
    let claims = ClaimTree::kept(&user, settings.kept.as_deref());
    let proof = Proof::token((settings.name.clone(), subject), Method::TokenReview, claims, until, None);
    Ok(Answered { principal: Principal::new(proof), until })
}

/// Adds the `jti` of `token` to claims without one, so that the token can be struck by it. It counts although nobody
/// here checked its signature: the issuer has just vouched for the whole token.
fn add_token_id(claims: &mut Map<String, Value>, token: &str) {
    let name = Claim::TokenId.name();
    if claims.get(name).is_none_or(Value::is_null)
        && let Some(id) = jwt::token_id(token)
    {
        claims.insert(name.to_owned(), id);
    }
}

/// Refuses the answer about anything else than an access token that whoever bears it may use.
///
/// `token_type` is of the standard; `token_use` is what Ory Hydra and Amazon Cognito say beside it.
fn access_token(claims: &Map<String, Value>) -> Result<(), TokenFault> {
    if claims::is_another_kind(claims) {
        return Err(TokenFault::NotAccessToken);
    }
    for (member, good) in [("token_type", ["bearer", "access_token"]), ("token_use", ["access", "access_token"])] {
        let Some(value) = claims.get(member) else { continue };
        let word = value.as_str().ok_or(TokenFault::NotAccessToken)?;
        if word.eq_ignore_ascii_case("dpop") {
            return Err(TokenFault::SenderConstrained);
        }
        if !good.iter().any(|good| word.eq_ignore_ascii_case(good)) {
            return Err(TokenFault::NotAccessToken);
        }
    }
    Ok(())
}

fn issuer(settings: &AskedSettings, claims: &Map<String, Value>) -> Result<(), TokenFault> {
    if !claims.contains_key(Claim::Issuer.name()) {
        return Ok(());
    }
    let named = claims::issuer(claims)?;
    let right = settings.issuer.as_ref().is_none_or(|expected| expected == named);
    if right { Ok(()) } else { Err(TokenFault::UnknownIssuer) }
}

/// `exp`, `nbf` and `iat`, all optional; the answer is `exp`.
fn times(settings: &AskedSettings, claims: &Map<String, Value>, now: UnixTime) -> Result<Option<UnixTime>, TokenFault> {
    let leeway = settings.leeway.min(MAX_LEEWAY);
    let latest = now.plus(leeway);
    let expires = claims::time(claims, Claim::Expires)?;
    if expires.is_some_and(|expires| now >= expires.plus(leeway)) {
        return Err(TokenFault::Expired);
    }
    if claims::time(claims, Claim::NotBefore)?.is_some_and(|begins| begins > latest) {
        return Err(TokenFault::NotYetValid);
    }
    if claims::time(claims, Claim::IssuedAt)?.is_some_and(|issued| issued > latest) {
        return Err(TokenFault::IssuedInFuture);
    }
    Ok(expires)
}

fn kept_until(settings: &AskedSettings, now: UnixTime) -> UnixTime {
    now.plus(settings.cache.min(MAX_ANSWER_AGE))
}
