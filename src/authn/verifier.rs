//! Verifies bearer tokens, and remembers those that were good.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::digest;

use super::claims::{self, IssuerSettings};
use super::fault::TokenFault;
use super::keyring::LiveKeys;
use super::principal::{Method, Principal};
use super::{json, jwt};
use crate::types::UnixTime;

/// Verifies the tokens of all issuers of one configuration.
///
/// Good tokens are remembered by their SHA-256, bounded in number. What is remembered counts only while the very key
/// set that verified it is live, and no longer than a fresh verification would say yes. Bad tokens are not
/// remembered: they cost their sender as much as us, and a fault may pass.
pub struct Verifier {
    issuers: Vec<IssuerSettings>,
    cache: Cache<[u8; 32], Proof>,
}

/// A good token.
#[derive(Clone)]
struct Proof {
    principal: Arc<Principal>,
    issuer: usize,
    keys: [u8; 32],
    until: UnixTime,
}

impl Verifier {
    /// For `issuers`, remembering up to `cache_entries` good tokens.
    ///
    /// There is no other way to make one and nothing to switch off: every check applies to every token.
    #[must_use]
    pub fn new(issuers: Vec<IssuerSettings>, cache_entries: usize) -> Self {
        Self { issuers, cache: Cache::new(cache_entries) }
    }

    /// Who `token` proves to be there at `now`.
    ///
    /// `keys` are those of the issuers, in the order of [`Self::new`]. Its (yet unproven) `iss` chooses the issuer,
    /// and only the keys of that issuer are tried. Everything that can be judged without keys is judged first, so
    /// that a token which could not pass anyway never causes a fetch of keys.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify(&self, token: &str, keys: &[Option<LiveKeys>], now: UnixTime) -> Result<Arc<Principal>, TokenFault> {
        if token.len() > jwt::MAX_TOKEN {
            return Err(TokenFault::TooLong);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(proof) = self.cache.get(&hash)
            && proof.holds(keys, now)
        {
            return Ok(proof.principal);
        }
        let proof = self.prove(token, keys, now)?;
        let principal = Arc::clone(&proof.principal);
        self.cache.insert(hash, proof);
        Ok(principal)
    }

    /// How many good tokens are remembered, for metrics.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    fn prove(&self, token: &str, keys: &[Option<LiveKeys>], now: UnixTime) -> Result<Proof, TokenFault> {
        let token = jwt::read(token)?;
        let claims = json::object(&token.payload)?;
        let named = claims::issuer(&claims)?;
        let found = self.issuers.iter().enumerate().find(|(_, settings)| settings.issuer == named);
        let (issuer, settings) = found.ok_or(TokenFault::UnknownIssuer)?;
        if !token.header.is_access_token(settings.profile) {
            return Err(TokenFault::Type);
        }
        if !settings.algorithms.contains(&token.header.algorithm) {
            return Err(TokenFault::AlgorithmNotAllowed);
        }
        let accepted = claims::check(settings, &claims, now)?;
        let set = live(keys, issuer, now).ok_or(TokenFault::KeysMissing { issuer })?;
        set.check(&token, issuer)?;
        let until = claims::taken_until(settings, accepted.expires);
        let name = settings.name.clone();
        let principal = Principal::new(name, accepted.subject, Method::BearerJwt, claims, accepted.expires);
        Ok(Proof { principal: Arc::new(principal), issuer, keys: *set.identity(), until })
    }
}

impl Proof {
    /// Whether a fresh verification would say the same.
    fn holds(&self, keys: &[Option<LiveKeys>], now: UnixTime) -> bool {
        now < self.until && live(keys, self.issuer, now).is_some_and(|set| *set.identity() == self.keys)
    }
}

fn live(keys: &[Option<LiveKeys>], issuer: usize, now: UnixTime) -> Option<&super::KeySet> {
    keys.get(issuer)?.as_ref()?.at(now)
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers.len()).finish_non_exhaustive()
    }
}
