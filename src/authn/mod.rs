//! WHO asks: turns a credential into a [`Principal`], or says why not.
//!
//! In: the raw `Authorization` values, the keys of the issuers, the time. Out: a principal, or one of a closed list
//! of faults. The way of a token: [`bearer`] → [`Verifier::verify`] (cache → strict reading → claims → key →
//! signature). Keys come from [`KeyRing`], which says when to fetch and never fetches itself.
//!
//! It must never: take a key, a URL or an algorithm from a token; answer from anything but live keys; put a token, a
//! claim or key bytes into an error.
//!
//! Decision: signatures are checked by `ring` directly, without a JWT library. The usual ones parse JSON leniently
//! (last duplicate wins), ignore `crit`, `typ`, `crv`, `use` and `key_ops`, take absent `iss` and `aud` for good and
//! turn `oct` keys into HMAC keys. Once all that is checked here, the signature is the one call that is left.

mod algorithm;
mod arithmetic;
mod claims;
mod credential;
mod fault;
mod json;
mod jwk;
mod jwt;
mod keyring;
mod keyset;
mod principal;
mod verifier;

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use claims::{IssuerSettings, MAX_LEEWAY, Profile};
pub use credential::{CredentialFault, MAX_CREDENTIAL, bearer};
pub use fault::{Claim, TokenFault};
pub use jwk::SkipReason;
pub use jwt::MAX_TOKEN;
pub use keyring::{KeyRing, LiveKeys, RingSettings};
pub use keyset::{KeySet, KeySetFault, MAX_DOCUMENT, MAX_KEYS, SkippedKey};
pub use principal::{Method, Principal};
pub use verifier::Verifier;
