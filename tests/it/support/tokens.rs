//! Issuers with keys of every kind, and tokens that are right in all but one thing.

use std::process::Command;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

/// The audience that every test gateway expects.
pub const AUDIENCE: &str = "nats-monitoring";

/// base64url without padding.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What [`base64url`] was given.
pub fn base64url_decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The same token with one letter of its signature changed.
pub fn bent(token: &str) -> String {
    let at = token.rfind('.').unwrap() + 1;
    let other = if token[at..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &token[..at], &token[at + 1..])
}

enum Pair {
    Rsa { pair: RsaKeyPair, pem: String },
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A key that signs with one algorithm.
pub struct SigningKey {
    pub kid: String,
    pub algorithm: &'static str,
    pair: Pair,
}

/// A fresh RSA private key, PKCS#8, PEM.
pub fn rsa_pem(bits: u32) -> String {
    let made = Command::new("openssl")
        .args(["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", &format!("rsa_keygen_bits:{bits}")])
        .output()
        .expect("openssl is on PATH: `make test` installs it");
    assert!(made.status.success(), "openssl genpkey: {}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap()
}

/// What `openssl` prints for `arguments`, given `input`.
pub fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

impl SigningKey {
    /// A fresh key.
    pub fn new(kid: &str, algorithm: &'static str) -> Self {
        let random = SystemRandom::new();
        let pair = match algorithm {
            "RS256" | "RS384" | "RS512" | "PS256" => {
                let pem = rsa_pem(2048);
                let private = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).unwrap();
                Pair::Rsa { pair: RsaKeyPair::from_pkcs8(private.secret_pkcs8_der()).unwrap(), pem }
            }
            "ES256" | "ES384" => {
                let curve = ecdsa(algorithm);
                let document = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
                Pair::Ec(EcdsaKeyPair::from_pkcs8(curve, document.as_ref(), &random).unwrap())
            }
            "EdDSA" => {
                let document = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
                Pair::Ed(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap())
            }
            other => panic!("no key for {other}"),
        };
        Self { kid: kid.to_owned(), algorithm, pair }
    }

    /// The public half as a member of a JWKS.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa { .. } => {
                let (n, e) = self.rsa_public();
                json!({ "kty": "RSA", "n": n, "e": e })
            }
            Pair::Ec(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if self.algorithm == "ES256" { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key()) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Modulus and exponent of an RSA key, base64url.
    pub fn rsa_public(&self) -> (String, String) {
        let Pair::Rsa { pair, .. } = &self.pair else { panic!("not an RSA key") };
        let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
        (base64url(public.n), base64url(public.e))
    }

    /// The public half of an RSA key as `SubjectPublicKeyInfo`: PEM and DER.
    pub fn rsa_public_info(&self) -> (Vec<u8>, Vec<u8>) {
        let Pair::Rsa { pem, .. } = &self.pair else { panic!("not an RSA key") };
        let text = openssl(&["pkey", "-pubout"], pem.as_bytes());
        let der = openssl(&["pkey", "-pubout", "-outform", "DER"], pem.as_bytes());
        (text, der)
    }

    /// A signature over `message` with the key's own algorithm.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm, message)
    }

    /// A signature over `message` with any algorithm that the pair can do.
    pub fn sign_as(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa { pair, .. } => {
                let encoding: &dyn signature::RsaEncoding = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_SHA256,
                    "RS384" => &signature::RSA_PKCS1_SHA384,
                    "RS512" => &signature::RSA_PKCS1_SHA512,
                    "PS256" => &signature::RSA_PSS_SHA256,
                    other => panic!("an RSA key cannot sign {other}"),
                };
                let mut made = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &random, message, &mut made).unwrap();
                made
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A compact JWS over exactly these texts.
    pub fn seal(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// A token with this key's own header and `claims`.
    pub fn token(&self, claims: &Value) -> String {
        self.seal(&self.header(), &claims.to_string())
    }

    /// The usual header for this key.
    pub fn header(&self) -> String {
        json!({ "alg": self.algorithm, "kid": self.kid, "typ": "at+jwt" }).to_string()
    }
}

fn ecdsa(algorithm: &str) -> &'static signature::EcdsaSigningAlgorithm {
    if algorithm == "ES256" {
        &signature::ECDSA_P256_SHA256_FIXED_SIGNING
    } else {
        &signature::ECDSA_P384_SHA384_FIXED_SIGNING
    }
}

/// HMAC-SHA-256, as an attacker would use it.
pub fn seal_hs256(key: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(claims));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", base64url(tag))
}

/// Somebody who signs tokens.
pub struct Issuer {
    pub url: String,
    pub keys: Vec<SigningKey>,
}

impl Issuer {
    /// An issuer called `url` with one key for each of `keys` (kid, algorithm).
    pub fn new(url: &str, keys: &[(&str, &'static str)]) -> Self {
        Self {
            url: url.to_owned(),
            keys: keys.iter().map(|(kid, algorithm)| SigningKey::new(kid, algorithm)).collect(),
        }
    }

    /// The issuer that most tests share: one key of each kind.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Issuer> = OnceLock::new();
        SHARED.get_or_init(|| {
            let keys = [
                ("k1", "RS256"),
                ("e1", "ES256"),
                ("e3", "ES384"),
                ("d1", "EdDSA"),
                ("p1", "PS256"),
                ("r3", "RS384"),
                ("r5", "RS512"),
            ];
            Self::new("https://idp.test", &keys)
        })
    }

    /// The key set as the issuer publishes it.
    pub fn jwks(&self) -> String {
        json!({ "keys": self.keys.iter().map(SigningKey::jwk).collect::<Vec<_>>() }).to_string()
    }

    /// The key called `kid`.
    pub fn key(&self, kid: &str) -> &SigningKey {
        self.keys.iter().find(|key| key.kid == kid).unwrap()
    }

    /// The claims of a good token for the roles named.
    pub fn claims(&self, roles: &[&str]) -> Value {
        let now = super::now();
        json!({
            "iss": self.url, "aud": AUDIENCE, "sub": "u1", "client_id": "c1", "jti": "j1",
            "iat": now - 10, "exp": now + 300, "roles": roles,
        })
    }

    /// A good token for `role`, signed by the first key.
    pub fn token(&self, role: &str) -> String {
        self.keys[0].token(&self.claims(&[role]))
    }

    /// A good token for `role` with another subject.
    pub fn token_for(&self, subject: &str, role: &str) -> String {
        let mut claims = self.claims(&[role]);
        claims["sub"] = json!(subject);
        self.keys[0].token(&claims)
    }
}
