//! The embedded OIDC issuer: discovery, keys, and tokens for three machines.
//!
//! In: requests over HTTPS on loopback. Out: `/.well-known/openid-configuration`, `/jwks`, and `POST /token` for the
//! client-credentials grant (RFC 6749 §4.4) with tokens of RFC 9068. It signs only what the demo's policy knows, and
//! never a broken token over HTTP: those are for the tour alone.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use rand::RngExt as _;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::DemoError;
use super::token::Signer;
use super::web::{Handler, answer, text};
use crate::types::{Secret, UnixTime};

/// The audience that the demo's gateway expects.
pub(super) const AUDIENCE: &str = "nats-monitoring";
/// How long a token lasts.
pub(super) const LIFETIME: Duration = Duration::from_mins(10);

/// A machine that may ask for tokens. Its id is also its role.
pub(super) struct Client {
    /// The `client_id`.
    pub(super) id: &'static str,
    /// The `client_secret`: random, for this demo only.
    pub(super) secret: Secret<String>,
}

/// What is wrong with a token, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Nothing.
    None,
    /// It ended ten minutes ago.
    Expired,
    /// It was made for another service.
    Audience,
}

/// The issuer: its address, key and clients.
pub(super) struct Issuer {
    url: String,
    signer: Signer,
    clients: Vec<Client>,
    clock: fn() -> UnixTime,
}

impl Issuer {
    /// A new issuer at `url` with a new key and new secrets; `clock` tells the time that tokens carry.
    pub(super) fn new(url: String, clock: fn() -> UnixTime) -> Result<Self, DemoError> {
        let clients = ["scraper", "operator", "viewer"];
        let clients = clients.map(|id| Client { id, secret: Secret::new(random_text()) }).into();
        Ok(Self { url, signer: Signer::generate()?, clients, clock })
    }

    /// The issuer's identifier, without a slash at its end.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Its clients.
    pub(super) fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// A token for `client`, with `flaw`.
    pub(super) fn mint(&self, client: &str, flaw: Flaw) -> Option<String> {
        let audience = if flaw == Flaw::Audience { "billing" } else { AUDIENCE };
        let now = (self.clock)().as_secs();
        let issued = if flaw == Flaw::Expired { now.saturating_sub(LIFETIME.as_secs() * 2) } else { now };
        self.signer.sign(&json!({
            "iss": self.url,
            "sub": client,
            "client_id": client,
            "aud": audience,
            "iat": issued,
            "exp": issued + LIFETIME.as_secs(),
            "jti": random_text(),
            "roles": [client],
        }))
    }

    fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks", self.url),
            "token_endpoint": format!("{}/token", self.url),
            "grant_types_supported": ["client_credentials"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })
    }

    fn token(&self, request: &Request<Bytes>) -> Result<Value, Refusal> {
        let form = form(request)?;
        let client = self.authenticate(request.headers(), &form)?;
        match form.get("grant_type").map(String::as_str) {
            Some("client_credentials") => {}
            Some(_) => return Err(Refusal::UnsupportedGrant),
            None => return Err(Refusal::Request("grant_type is missing")),
        }
        let token = self.mint(client, Flaw::None).ok_or(Refusal::Server)?;
        Ok(json!({ "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME.as_secs() }))
    }

    /// Client authentication by Basic or by form, never by both (RFC 6749 §2.3).
    fn authenticate(&self, headers: &HeaderMap, form: &BTreeMap<String, String>) -> Result<&'static str, Refusal> {
        let mut credentials = headers.get_all(AUTHORIZATION).iter();
        let (id, secret) = match (credentials.next(), credentials.next(), form.get("client_secret")) {
            (Some(header), None, None) => basic(header).ok_or(Refusal::Client)?,
            (None, _, Some(secret)) => (form.get("client_id").cloned().ok_or(Refusal::Client)?, secret.clone()),
            (None, _, None) => return Err(Refusal::Client),
            (Some(_), _, _) => return Err(Refusal::Request("more than one way of client authentication")),
        };
        let known = self.clients.iter().find(|client| client.id == id).ok_or(Refusal::Client)?;
        // Digests are compared, so that the time taken tells nothing about the secret.
        let same =
            digest(&SHA256, secret.as_bytes()).as_ref() == digest(&SHA256, known.secret.expose().as_bytes()).as_ref();
        if same { Ok(known.id) } else { Err(Refusal::Client) }
    }
}

impl Handler for Issuer {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let (document, allowed) = match request.uri().path() {
            "/.well-known/openid-configuration" => (Some(self.discovery()), Method::GET),
            "/jwks" => (Some(self.signer.key_set()), Method::GET),
            "/token" => (None, Method::POST),
            _ => return text(StatusCode::NOT_FOUND, "not found\n"),
        };
        if request.method() != allowed {
            let value = HeaderValue::from_static(if document.is_some() { "GET" } else { "POST" });
            return with(text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n"), ALLOW, value);
        }
        if let Some(document) = document {
            return with(json_answer(StatusCode::OK, &document), CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        }
        let response = match self.token(request) {
            Ok(token) => json_answer(StatusCode::OK, &token),
            Err(refusal) => refusal.answer(),
        };
        with(response, CACHE_CONTROL, HeaderValue::from_static("no-store"))
    }
}

/// Why no token was given (RFC 6749 §5.2).
enum Refusal {
    Request(&'static str),
    Client,
    UnsupportedGrant,
    Server,
}

impl Refusal {
    fn answer(&self) -> Response<Bytes> {
        let (status, error, description) = match self {
            Self::Request(why) => (StatusCode::BAD_REQUEST, "invalid_request", *why),
            Self::Client => (StatusCode::UNAUTHORIZED, "invalid_client", "unknown client or wrong secret"),
            Self::UnsupportedGrant => {
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", "only client_credentials is supported")
            }
            Self::Server => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the token could not be signed"),
        };
        let response = json_answer(status, &json!({ "error": error, "error_description": description }));
        if status == StatusCode::UNAUTHORIZED {
            return with(response, WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="monward demo issuer""#));
        }
        response
    }
}

/// The parameters of a form; one that is sent twice is refused (RFC 6749 §3.2).
fn form(request: &Request<Bytes>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut kinds = request.headers().get_all(CONTENT_TYPE).iter();
    let kind = kinds.next().and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if kinds.next().is_some() || !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::Request("the body must be application/x-www-form-urlencoded"));
    }
    let body = std::str::from_utf8(request.body()).map_err(|_| Refusal::Request("the body is not text"))?;
    let mut form = BTreeMap::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decoded = decode(name).zip(decode(value)).ok_or(Refusal::Request("a parameter is not UTF-8"))?;
        if form.insert(decoded.0, decoded.1).is_some() {
            return Err(Refusal::Request("a parameter is repeated"));
        }
    }
    Ok(form)
}

/// `client_id` and `client_secret` of a Basic header; both are form-encoded inside (RFC 6749 §2.3.1).
fn basic(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, value) = header.to_str().ok()?.split_once(' ')?;
    let pair = STANDARD.decode(value.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    decode(id).zip(decode(secret))
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn json_answer(status: StatusCode, document: &Value) -> Response<Bytes> {
    answer(status, "application/json", Bytes::from(document.to_string()))
}

fn with(mut response: Response<Bytes>, name: HeaderName, value: HeaderValue) -> Response<Bytes> {
    response.headers_mut().insert(name, value);
    response
}

/// 96 random bits in hexadecimal.
fn random_text() -> String {
    let number: u128 = rand::rng().random();
    format!("{:024x}", number >> 32)
}

#[cfg(test)]
mod tests;
