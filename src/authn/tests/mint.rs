//! Keys, tokens and settings for tests, and the reader of case files.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use num_bigint::BigUint;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    RsaKeyPair,
};
use serde_json::{Value, json};

use super::super::{
    Algorithm, IssuerSettings, KeyName, KeySet, LiveKeys, LoadBalancers, Profile, TokenFault, Trusted, Verifier,
};
use crate::types::UnixTime;

/// The second at which all tests take place.
pub(super) const NOW: u64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://idp.example.org";
pub(super) const AUDIENCE: &str = "nats-monitoring";
pub(super) const LEEWAY: u64 = 30;

/// Two RSA keys; making one takes a moment.
pub(super) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::Rsa(Box::new(rsa_key_pair())));
pub(super) static OTHER_RSA: LazyLock<Signer> = LazyLock::new(|| Signer::Rsa(Box::new(rsa_key_pair())));
pub(super) static P256: LazyLock<Signer> = LazyLock::new(|| Signer::P256(ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING)));
pub(super) static P384: LazyLock<Signer> = LazyLock::new(|| Signer::P384(ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING)));
pub(super) static ED25519: LazyLock<Signer> = LazyLock::new(|| {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Signer::Ed25519(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
});

pub(super) enum Signer {
    Rsa(Box<RsaKeyPair>),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn sign(&self, algorithm: Algorithm, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa: &dyn RsaEncoding = match algorithm {
            Algorithm::Rs384 => &RSA_PKCS1_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_SHA512,
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Ps384 => &RSA_PSS_SHA384,
            Algorithm::Ps512 => &RSA_PSS_SHA512,
            Algorithm::Rs256 | Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => &RSA_PKCS1_SHA256,
        };
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(rsa, &random, signed, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) | Self::P384(pair) => pair.sign(&random, signed).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(signed).as_ref().to_vec(),
        }
    }

    /// The public key, without `kid` and `alg`.
    pub(super) fn jwk(&self) -> Value {
        let halves = |point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            (encode(x), encode(y))
        };
        match self {
            Self::Rsa(pair) => {
                let key = PublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({ "kty": "RSA", "n": encode(&key.n), "e": encode(&key.e) })
            }
            Self::P256(pair) => {
                let (x, y) = halves(pair.public_key().as_ref());
                json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y })
            }
            Self::P384(pair) => {
                let (x, y) = halves(pair.public_key().as_ref());
                json!({ "kty": "EC", "crv": "P-384", "x": x, "y": y })
            }
            Self::Ed25519(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) }),
        }
    }

    /// The public key with more members.
    pub(super) fn jwk_with(&self, more: &Value) -> Value {
        with(self.jwk(), more)
    }

    /// A token of this key: raw texts, encoded as they are.
    pub(super) fn token(&self, algorithm: Algorithm, header: &str, claims: &str) -> String {
        token(header, claims, |signed| self.sign(algorithm, signed))
    }
}

/// An object with members set (or, for null, removed).
pub(super) fn with(mut object: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

pub(super) fn token(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
    let signature = encode(&sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A document with these keys.
pub(super) fn document(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

pub(super) fn live(keys: &[Value]) -> Option<LiveKeys> {
    let parsed = KeySet::parse(&document(keys), &Algorithm::ALL).inspect_err(|fault| panic!("{fault}"));
    parsed.ok().map(|(set, skipped)| {
        assert_eq!(skipped, []);
        LiveKeys { set: Arc::new(set), stale_at: now().plus(Duration::from_hours(24)) }
    })
}

pub(super) const fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

pub(super) const fn at(offset: i64) -> UnixTime {
    UnixTime::from_secs(NOW.saturating_add_signed(offset))
}

pub(super) fn settings(profile: Profile) -> IssuerSettings {
    IssuerSettings {
        name: "corp".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        algorithms: Algorithm::ALL.to_vec(),
        profile,
        leeway: Duration::from_secs(LEEWAY),
        max_lifetime: Duration::from_hours(24),
        trusted: Trusted::default(),
        load_balancers: LoadBalancers::default(),
    }
}

pub(super) fn verifier(profile: Profile) -> Verifier {
    Verifier::new(vec![settings(profile)], 100)
}

/// Claims that pass every check of both profiles.
pub(super) fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "client_id": "c1", "jti": "j1",
        "iat": NOW - 10, "exp": NOW + 300, "roles": ["viewer"],
    })
}

/// The fault of a token that names the key `kid`, which is not there, or none.
pub(super) fn unknown_key(kid: Option<&str>) -> TokenFault {
    TokenFault::UnknownKey { issuer: 0, key: KeyName::of(kid, Algorithm::Es256) }
}

/// The lines of a case file.
pub(super) fn corpus(path: &str) -> Vec<Value> {
    let folder = std::env::var("MONWARD_CORPORA").expect("set MONWARD_CORPORA to the folder of the case files");
    let path = std::path::Path::new(&folder).join(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ecdsa(algorithm: &'static ring::signature::EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap()
}

/// A fresh RSA key of 2048 bits; `ring` has none to give.
fn rsa_key_pair() -> RsaKeyPair {
    let one = BigUint::from(1_u32);
    let e = BigUint::from(65_537_u32);
    let mut primes = [prime(), prime()];
    primes.sort();
    let [q, p] = primes;
    let (p_1, q_1) = (&p - &one, &q - &one);
    let private = e.modinv(&(&p_1 * &q_1)).unwrap();
    let bytes = BigUint::to_bytes_be;
    RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents { n: bytes(&(&p * &q)), e: bytes(&e) },
        d: bytes(&private),
        dP: bytes(&(&private % &p_1)),
        dQ: bytes(&(&private % &q_1)),
        qInv: bytes(&q.modinv(&p).unwrap()),
        p: bytes(&p),
        q: bytes(&q),
    })
    .unwrap()
}

fn prime() -> BigUint {
    let (one, two) = (BigUint::from(1_u32), BigUint::from(2_u32));
    let small: Vec<u32> =
        (3..4000).step_by(2).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).collect();
    loop {
        let mut bytes = [0; 128];
        SystemRandom::new().fill(&mut bytes).unwrap();
        bytes[0] |= 0b1100_0000;
        bytes[127] |= 1;
        let candidate = BigUint::from_bytes_be(&bytes);
        let divisible = small.iter().any(|prime| &candidate % *prime == BigUint::ZERO);
        if !divisible && &candidate % 65_537_u32 != one && two.modpow(&(&candidate - &one), &candidate) == one {
            return candidate;
        }
    }
}
