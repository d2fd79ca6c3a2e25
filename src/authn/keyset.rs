//! The public keys of one issuer, read key by key.

use std::collections::HashSet;
use std::fmt;

use ring::digest;
use serde_json::Value;
use thiserror::Error;

use super::algorithm::Algorithm;
use super::fault::TokenFault;
use super::json::{self, JsonFault};
use super::jwk::{Key, SkipReason};
use super::jwt::{self, Compact};
use super::key_name::KeyName;

/// The longest document that is read, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;
/// The most keys, usable or not, that a document may list.
pub const MAX_KEYS: usize = 64;

/// A key that is passed over, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Its position in the document, from 0.
    pub position: usize,
    /// Its `kid`, when it has an acceptable one.
    pub kid: Option<String>,
    /// Why.
    pub reason: SkipReason,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kid {
            Some(kid) => write!(f, "key {} (`{kid}`) {}", self.position, self.reason),
            None => write!(f, "key {} {}", self.position, self.reason),
        }
    }
}

/// Why a document is not a key set that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeySetFault {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("the key set is longer than {MAX_DOCUMENT} bytes")]
    TooLarge,
    /// Not JSON.
    #[error("the key set is not JSON")]
    Json,
    /// An object in it names a member twice.
    #[error("the key set names a member twice")]
    DuplicateMember,
    /// Nested too deep.
    #[error("the key set is nested too deep")]
    TooDeep,
    /// Not an object with a list `keys`.
    #[error("the key set is not an object with a list `keys`")]
    Shape,
    /// More than [`MAX_KEYS`] keys.
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooManyKeys,
    /// None of its keys can be used.
    #[error("the key set has no key that can be used")]
    NoUsableKey {
        /// Why each of them is passed over.
        skipped: Vec<SkippedKey>,
    },
}

impl KeySetFault {
    /// The label in metrics and logs.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLarge => "key_set_too_large",
            Self::Json => "key_set_json",
            Self::DuplicateMember => "key_set_duplicate_member",
            Self::TooDeep => "key_set_too_deep",
            Self::Shape => "key_set_shape",
            Self::TooManyKeys => "key_set_too_many_keys",
            Self::NoUsableKey { .. } => "key_set_no_usable_key",
        }
    }
}

impl From<JsonFault> for KeySetFault {
    fn from(fault: JsonFault) -> Self {
        match fault {
            JsonFault::Syntax => Self::Json,
            JsonFault::NotObject => Self::Shape,
            JsonFault::Duplicate => Self::DuplicateMember,
            JsonFault::TooDeep => Self::TooDeep,
        }
    }
}

/// The usable keys of one issuer; empty only where keys are learned one by one.
///
/// INVARIANT: no two of them share a `kid`, and each has exactly one algorithm, one that the issuer may use.
pub struct KeySet {
    keys: Vec<Key>,
    identity: [u8; 32],
}

impl KeySet {
    /// Reads a JWK set ([RFC 7517 §5]) of an issuer that may use the algorithms `allowed`.
    ///
    /// A key that cannot be used is passed over and told; the others work. Of keys that share a `kid` none is used:
    /// which one a token means would be a guess.
    ///
    /// # Errors
    /// When the document as a whole is no key set, or no key of it can be used.
    ///
    /// [RFC 7517 §5]: https://www.rfc-editor.org/rfc/rfc7517#section-5
    pub fn parse(document: &[u8], allowed: &[Algorithm]) -> Result<(Self, Vec<SkippedKey>), KeySetFault> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeySetFault::TooLarge);
        }
        let members = json::object(document)?;
        let listed = members.get("keys").and_then(Value::as_array).ok_or(KeySetFault::Shape)?;
        if listed.len() > MAX_KEYS {
            return Err(KeySetFault::TooManyKeys);
        }
        let (keys, skipped) = read_all(listed, allowed);
        if keys.is_empty() {
            return Err(KeySetFault::NoUsableKey { skipped });
        }
        let mut identity = [0; 32];
        identity.copy_from_slice(digest::digest(&digest::SHA256, document).as_ref());
        Ok((Self { keys, identity }, skipped))
    }

    /// The keys that were learned one by one so far; their names differ.
    pub(super) fn learned(keys: Vec<Key>) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        for key in &keys {
            key.add_to(&mut hash);
        }
        let mut identity = [0; 32];
        identity.copy_from_slice(hash.finish().as_ref());
        Self { keys, identity }
    }

    /// How many keys can be used.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.keys.len()
    }

    /// What tells this set from others: the SHA-256 of its document.
    pub(super) const fn identity(&self) -> &[u8; 32] {
        &self.identity
    }

    /// All names under which a token can find a key here.
    pub(super) fn names(&self) -> HashSet<KeyName> {
        let named = self.keys.iter().map(|key| KeyName::of(key.kid.as_deref(), key.algorithm));
        named.chain(self.keys.iter().map(|key| KeyName::of(None, key.algorithm))).collect()
    }

    /// Checks the signature of `token` with the one key that it can mean.
    pub(super) fn check(&self, token: &Compact<'_>, issuer: usize) -> Result<(), TokenFault> {
        let wanted = token.header.algorithm;
        let found = if let Some(kid) = &token.header.kid {
            self.keys.iter().find(|key| key.kid.as_ref() == Some(kid))
        } else {
            self.only(wanted)?
        };
        let name = || KeyName::of(token.header.kid.as_deref(), wanted);
        let key = found.ok_or_else(|| TokenFault::UnknownKey { issuer, key: name() })?;
        if key.algorithm != wanted {
            return Err(TokenFault::AlgorithmOfKey);
        }
        if key.verifies(token.signed, &token.signature) { Ok(()) } else { Err(TokenFault::Signature) }
    }

    /// The only key of an algorithm, which a token without `kid` means; when there are several, none is tried.
    fn only(&self, algorithm: Algorithm) -> Result<Option<&Key>, TokenFault> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithm == algorithm);
        let first = fitting.next();
        if fitting.next().is_some() { Err(TokenFault::KeyIdMissing) } else { Ok(first) }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("count", &self.keys.len()).finish_non_exhaustive()
    }
}

fn read_all(listed: &[Value], allowed: &[Algorithm]) -> (Vec<Key>, Vec<SkippedKey>) {
    let mut usable = Vec::new();
    let mut skipped = Vec::new();
    for (position, value) in listed.iter().enumerate() {
        match Key::read(value, allowed) {
            Ok(key) => usable.push((position, key)),
            Err(reason) => {
                let kid = value.get("kid").and_then(jwt::key_id).map(str::to_owned);
                skipped.push(SkippedKey { position, kid, reason });
            }
        }
    }
    let names: Vec<Option<String>> = usable.iter().map(|(_, key)| key.kid.clone()).collect();
    let is_shared = |key: &Key| key.kid.is_some() && names.iter().filter(|name| **name == key.kid).count() > 1;
    let (shared, single): (Vec<_>, Vec<_>) = usable.into_iter().partition(|(_, key)| is_shared(key));
    skipped.extend(shared.into_iter().map(|(position, key)| SkippedKey {
        position,
        kid: key.kid,
        reason: SkipReason::DuplicateKeyId,
    }));
    skipped.sort_by_key(|key| key.position);
    (single.into_iter().map(|(_, key)| key).collect(), skipped)
}
