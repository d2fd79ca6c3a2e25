//! Reads one key of a key set, or says why it is passed over.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};
use thiserror::Error;

use super::algorithm::{Algorithm, Family};
use super::arithmetic::{self, Curve};
use super::jwt;

/// RSA moduli from this many bits …
const MIN_MODULUS_BITS: usize = 2048;
/// … to this many, which bounds the time of a verification.
const MAX_MODULUS_BITS: usize = 8192;
/// The longest RSA exponent, in bytes.
const MAX_EXPONENT: usize = 4;

/// Members that only private or symmetric keys have ([RFC 7518 §6]).
///
/// [RFC 7518 §6]: https://www.rfc-editor.org/rfc/rfc7518#section-6
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key of a set is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum SkipReason {
    /// It is not an object.
    #[error("is not an object")]
    NotObject,
    /// Its `kid` is not text of a sane length.
    #[error("its `kid` is not a text of a sane length")]
    KeyId,
    /// Another key of the set has the same `kid`; both are passed over.
    #[error("shares its `kid` with another key; neither is used")]
    DuplicateKeyId,
    /// Its `kty` is none of `RSA`, `EC`, `OKP`.
    #[error("its `kty` is not `RSA`, `EC` or `OKP`")]
    KeyType,
    /// It is a shared secret, with which everybody who can verify could sign.
    #[error("is a shared secret")]
    Symmetric,
    /// It has private members: it is no secret any more.
    #[error("has private members; it should be revoked")]
    Private,
    /// Its `use` is not `sig`.
    #[error("its `use` is not `sig`")]
    Use,
    /// Its `key_ops` do not have `verify`.
    #[error("its `key_ops` do not have `verify`")]
    Operations,
    /// Its `alg` is not understood.
    #[error("its `alg` is not understood")]
    Algorithm,
    /// Its `alg` does not fit its `kty` and `crv`.
    #[error("its `alg` does not fit its `kty` and `crv`")]
    AlgorithmMismatch,
    /// Its algorithm is not in the issuer's allow-list.
    #[error("its algorithm is not allowed for this issuer")]
    AlgorithmNotAllowed,
    /// Its `crv` is none of `P-256`, `P-384`, `Ed25519`.
    #[error("its `crv` is not `P-256`, `P-384` or `Ed25519`")]
    Curve,
    /// A number in it is missing, not canonical base64url, or of the wrong length.
    #[error("a number in it is missing, not canonical or of the wrong length")]
    Encoding,
    /// Its point is not on its curve, or of small order.
    #[error("its point is not on its curve or of small order")]
    Point,
    /// Its modulus has less than 2048 or more than 8192 bits.
    #[error("its modulus has not {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} bits")]
    ModulusSize,
    /// Its modulus can be factored: it is even, or bears the ROCA fingerprint.
    #[error("its modulus can be factored")]
    Modulus,
    /// Its exponent is 1, even or huge.
    #[error("its exponent is 1, even or huge")]
    Exponent,
}

impl SkipReason {
    /// The label in metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotObject => "key_not_object",
            Self::KeyId => "key_kid_malformed",
            Self::DuplicateKeyId => "key_kid_duplicate",
            Self::KeyType => "key_type",
            Self::Symmetric => "key_symmetric",
            Self::Private => "key_private",
            Self::Use => "key_use",
            Self::Operations => "key_operations",
            Self::Algorithm => "key_algorithm_unknown",
            Self::AlgorithmMismatch => "key_algorithm_mismatch",
            Self::AlgorithmNotAllowed => "key_algorithm_not_allowed",
            Self::Curve => "key_curve",
            Self::Encoding => "key_encoding",
            Self::Point => "key_point",
            Self::ModulusSize => "key_modulus_size",
            Self::Modulus => "key_modulus",
            Self::Exponent => "key_exponent",
        }
    }
}

/// A usable public key. It has exactly one algorithm ([RFC 8725 §3.1]).
///
/// [RFC 8725 §3.1]: https://www.rfc-editor.org/rfc/rfc8725#section-3.1
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: Option<String>,
    pub(super) algorithm: Algorithm,
    material: Material,
}

#[derive(Clone)]
enum Material {
    Rsa { parameters: &'static RsaParameters, key: RsaPublicKeyComponents<Vec<u8>> },
    Point { curve: &'static dyn VerificationAlgorithm, key: Vec<u8> },
}

impl Key {
    /// Reads a key ([RFC 7517 §4]) of an issuer that may use the algorithms `allowed`.
    ///
    /// [RFC 7517 §4]: https://www.rfc-editor.org/rfc/rfc7517#section-4
    pub(super) fn read(value: &Value, allowed: &[Algorithm]) -> Result<Self, SkipReason> {
        let members = value.as_object().ok_or(SkipReason::NotObject)?;
        let kid = match members.get("kid") {
            None => None,
            Some(value) => Some(jwt::key_id(value).ok_or(SkipReason::KeyId)?.to_owned()),
        };
        let family = family(members)?;
        check_purpose(members)?;
        let algorithm = algorithm(members, family, allowed)?;
        let material = match algorithm {
            Algorithm::Rs256 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => rsa(members, &signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => rsa(members, &signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => rsa(members, &signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => rsa(members, &signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => point(members, &arithmetic::P256, &signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => point(members, &arithmetic::P384, &signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDsa => ed25519(members),
        };
        Ok(Self { kid, algorithm, material: material? })
    }

    /// The key `kid` on P-256 with the coordinates `x` and `y`, for `ES256`.
    pub(super) fn es256(kid: String, x: &[u8], y: &[u8]) -> Result<Self, SkipReason> {
        let material = on_curve(x, y, &arithmetic::P256, &signature::ECDSA_P256_SHA256_FIXED)?;
        Ok(Self { kid: Some(kid), algorithm: Algorithm::Es256, material })
    }

    /// Adds what tells this key from others.
    pub(super) fn add_to(&self, hash: &mut digest::Context) {
        let kid = self.kid.as_deref().unwrap_or_default().as_bytes();
        let (first, second) = match &self.material {
            Material::Rsa { key, .. } => (key.n.as_slice(), key.e.as_slice()),
            Material::Point { key, .. } => (key.as_slice(), &[][..]),
        };
        for part in [kid, self.algorithm.label().as_bytes(), first, second] {
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
    }

    /// Whether `signature` is the one of this key over `signed`.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { parameters, key } => key.verify(parameters, signed, signature),
            Material::Point { curve, key } => UnparsedPublicKey::new(*curve, key).verify(signed, signature),
        }
        .is_ok()
    }
}

fn text<'key>(members: &'key Map<String, Value>, name: &str) -> Option<&'key str> {
    members.get(name).and_then(Value::as_str)
}

fn family(members: &Map<String, Value>) -> Result<Family, SkipReason> {
    let curve = text(members, "crv");
    match (text(members, "kty"), curve) {
        (Some("RSA"), _) => Ok(Family::Rsa),
        (Some("EC"), Some("P-256")) => Ok(Family::P256),
        (Some("EC"), Some("P-384")) => Ok(Family::P384),
        (Some("OKP"), Some("Ed25519")) => Ok(Family::Ed25519),
        (Some("EC" | "OKP"), _) => Err(SkipReason::Curve),
        (Some("oct"), _) => Err(SkipReason::Symmetric),
        _ => Err(SkipReason::KeyType),
    }
}

/// Whether it is a public key that may verify: `use` and `key_ops` ([RFC 7517 §4.2 and §4.3]) when they are there.
///
/// [RFC 7517 §4.2 and §4.3]: https://www.rfc-editor.org/rfc/rfc7517#section-4.2
fn check_purpose(members: &Map<String, Value>) -> Result<(), SkipReason> {
    if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err(SkipReason::Private);
    }
    if members.get("use").is_some_and(|purpose| purpose != "sig") {
        return Err(SkipReason::Use);
    }
    let may_verify = |value: &Value| value.as_array().is_some_and(|operations| operations.contains(&"verify".into()));
    if members.get("key_ops").is_some_and(|value| !may_verify(value)) {
        return Err(SkipReason::Operations);
    }
    Ok(())
}

/// The one algorithm of a key.
///
/// Its `alg`, when it has one. Else its curve leaves only one; an RSA key is for the one RSA algorithm that the
/// issuer may use, or for `RS256` when there are several. Never for whatever a token's header asks.
fn algorithm(members: &Map<String, Value>, family: Family, allowed: &[Algorithm]) -> Result<Algorithm, SkipReason> {
    let algorithm = match members.get("alg") {
        Some(value) => value.as_str().and_then(Algorithm::parse).ok_or(SkipReason::Algorithm)?,
        None => match family {
            Family::Rsa => only_rsa(allowed).unwrap_or(Algorithm::Rs256),
            Family::P256 => Algorithm::Es256,
            Family::P384 => Algorithm::Es384,
            Family::Ed25519 => Algorithm::EdDsa,
        },
    };
    if algorithm.family() != family {
        return Err(SkipReason::AlgorithmMismatch);
    }
    if !allowed.contains(&algorithm) {
        return Err(SkipReason::AlgorithmNotAllowed);
    }
    Ok(algorithm)
}

fn only_rsa(allowed: &[Algorithm]) -> Option<Algorithm> {
    let mut candidates = allowed.iter().filter(|algorithm| algorithm.family() == Family::Rsa);
    let first = candidates.next()?;
    candidates.all(|other| other == first).then_some(*first)
}

/// A number in canonical base64url.
fn number(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkipReason> {
    let text = text(members, name).ok_or(SkipReason::Encoding)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| SkipReason::Encoding)
}

/// An RSA key; a leading zero byte is refused, as [RFC 7518 §6.3.1.1] wants and `ring` does.
///
/// [RFC 7518 §6.3.1.1]: https://www.rfc-editor.org/rfc/rfc7518#section-6.3.1.1
fn rsa(members: &Map<String, Value>, parameters: &'static RsaParameters) -> Result<Material, SkipReason> {
    let (n, e) = (number(members, "n")?, number(members, "e")?);
    let bits = match n.first() {
        None | Some(0) => return Err(SkipReason::Encoding),
        Some(first) => n.len() * 8 - first.leading_zeros() as usize,
    };
    if !(MIN_MODULUS_BITS..=MAX_MODULUS_BITS).contains(&bits) {
        return Err(SkipReason::ModulusSize);
    }
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if !is_odd(&n) || arithmetic::has_roca_fingerprint(&n) {
        return Err(SkipReason::Modulus);
    }
    if !is_odd(&e) || e.len() > MAX_EXPONENT || e.first() == Some(&0) || e == [1] {
        return Err(SkipReason::Exponent);
    }
    Ok(Material::Rsa { parameters, key: RsaPublicKeyComponents { n, e } })
}

fn point(
    members: &Map<String, Value>,
    curve: &Curve,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<Material, SkipReason> {
    on_curve(&number(members, "x")?, &number(members, "y")?, curve, algorithm)
}

fn on_curve(
    x: &[u8],
    y: &[u8],
    curve: &Curve,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Result<Material, SkipReason> {
    if x.len() != curve.width || y.len() != curve.width {
        return Err(SkipReason::Encoding);
    }
    if !curve.contains(x, y) {
        return Err(SkipReason::Point);
    }
    // Uncompressed, as SEC 1 §2.3.3 writes it.
    Ok(Material::Point { curve: algorithm, key: [&[4], x, y].concat() })
}

fn ed25519(members: &Map<String, Value>) -> Result<Material, SkipReason> {
    let key = number(members, "x")?;
    if key.len() != 32 {
        return Err(SkipReason::Encoding);
    }
    if !arithmetic::is_sound_ed25519(&key) {
        return Err(SkipReason::Point);
    }
    Ok(Material::Point { curve: &signature::ED25519, key })
}
