//! WHO asks: turns a credential into a [`Principal`], or says why not.
//!
//! In: the raw `Authorization` values, the assertions of front doors, the keys of the issuers, the time. Out: a principal, or one of a closed list
//! of faults. The way of a token: [`credential`] → [`Verifier::verify`] (cache → strict reading → claims → key →
//! signature). Keys come from [`KeyLife`], which says when to fetch and never fetches itself. Of a token that only its
//! issuer can judge, [`introspected`] and [`reviewed`] read what the issuer answered.
//!
//! A name with a static key goes to [`StaticKeys`], with [`Attempts`] against guessing; [`Revocations`] have the last
//! word on everybody.
//!
//! It must never: take a key, a URL or an algorithm from a token; answer from anything but live keys; put a token, a
//! claim or key bytes into an error.
//!
//! Decision: signatures are checked by `ring` directly, without a JWT library. The usual ones parse JSON leniently
//! (last duplicate wins), ignore `crit`, `typ`, `crv`, `use` and `key_ops`, take absent `iss` and `aud` for good and
//! turn `oct` keys into HMAC keys. Once all that is checked here, the signature is the one call that is left.

mod algorithm;
mod answer;
mod arithmetic;
mod attempts;
mod budget;
mod certificate;
mod claim_tree;
mod claims;
mod credential;
mod door;
mod fault;
mod json;
mod jwk;
mod jwt;
mod key_life;
mod key_name;
mod keyring;
mod keyset;
mod name_pattern;
mod named_keys;
mod names;
mod principal;
mod revocations;
mod spki;
mod static_keys;
mod verifier;

#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use answer::{AnswerFault, Answered, AskedSettings, MAX_ANSWER_AGE, introspected, reviewed};
pub use attempts::{Attempts, WINDOW as ATTEMPTS_WINDOW, network};
pub use budget::{ABSENT_FOR, MAX_ABSENT, RefreshBudget, Refused};
pub use certificate::{Certificate, CertificateFault};
pub use claim_tree::{ClaimTree, ClaimValue, Kept};
pub use claims::{IssuerSettings, MAX_LEEWAY, Profile};
pub use credential::{Credential, CredentialFault, MAX_CREDENTIAL, credential};
pub use door::{Door, LoadBalancers, Origin, Trusted};
pub use fault::{Claim, TokenFault};
pub use jwk::SkipReason;
pub use jwt::MAX_TOKEN;
pub use key_life::{KeyLife, Wanted};
pub use key_name::KeyName;
pub use keyring::{KeyRing, LiveKeys, RingSettings, Wish};
pub use keyset::{KeySet, KeySetFault, MAX_DOCUMENT, MAX_KEYS, SkippedKey};
pub use name_pattern::{NameKind, NamePattern, certificate_names};
pub use named_keys::{Fate, MAX_NAMED, NamedKeys};
pub use principal::{CLIENT_CERTIFICATE, Method, Principal, Proof};
pub use revocations::Revocations;
pub use static_keys::{MAX_STATIC_KEYS, StaticKeys};
pub use verifier::Verifier;
