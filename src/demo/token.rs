//! The issuer's signing key and the tokens it signs (JWS by ES256, RFC 7518 §3.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::DemoError;

/// An ECDSA P-256 key that signs JWTs; it lives in memory only.
pub(super) struct Signer {
    pair: EcdsaKeyPair,
    key_id: String,
    jwk: Value,
    random: SystemRandom,
}

impl Signer {
    /// Makes a new key. Its id is its thumbprint (RFC 7638 §3).
    pub(super) fn generate() -> Result<Self, DemoError> {
        let failed = DemoError::preparing("make the issuer's signing key");
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random)
            .map_err(|_| "no randomness".to_owned())
            .and_then(|document| {
                EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).map_err(|fault| fault.to_string())
            })
            .map_err(failed)?;
        // An uncompressed point: 4, then both coordinates (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let thumbprint = digest(&SHA256, format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes());
        let key_id = URL_SAFE_NO_PAD.encode(thumbprint);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": key_id, "x": x, "y": y });
        Ok(Self { pair, key_id, jwk, random })
    }

    /// The set of public keys (RFC 7517 §5).
    pub(super) fn key_set(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    /// Signs `claims` as an access token (RFC 9068 §2.1); `None` when the machine has no randomness left.
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": self.key_id });
        let signed =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&self.random, signed.as_bytes()).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}
