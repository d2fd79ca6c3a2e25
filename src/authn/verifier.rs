//! Verifies bearer tokens and assertions of front doors, and remembers those that were good.

use std::fmt;
use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::digest;

use super::claim_tree::{ClaimTree, Kept};
use super::claims::{self, IssuerSettings, Profile};
use super::door::{Door, Origin};
use super::fault::TokenFault;
use super::jwt::{Padding, Parts};
use super::keyring::LiveKeys;
use super::principal::{Principal, Proof};
use super::{json, jwt};
use crate::types::UnixTime;

/// Verifies the tokens of all issuers of one configuration.
///
/// Good tokens are remembered by their SHA-256, bounded in number. What is remembered counts only while the very key
/// set that verified it is live, and no longer than a fresh verification would say yes. Bad tokens are not
/// remembered: they cost their sender as much as us, and a fault may pass.
pub struct Verifier {
    issuers: Vec<IssuerSettings>,
    /// The issuer that is asked about everything that is no JWT.
    opaque: Option<usize>,
    /// What is kept of the claims of a good token; `None` is all.
    kept: Option<Arc<Kept>>,
    /// The issuers' names, shared by all proofs.
    names: Vec<Arc<str>>,
    cache: Cache<(Way, [u8; 32]), Verified>,
}

/// How a token came. What is good one way proves nothing the other way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Bearer,
    Beside(Door),
}

/// A good token.
#[derive(Clone)]
struct Verified {
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
        let is_opaque = |settings: &IssuerSettings| settings.profile == Profile::Asked && settings.issuer.is_empty();
        let opaque = issuers.iter().position(is_opaque);
        let names = issuers.iter().map(|settings| settings.name.as_str().into()).collect();
        Self { issuers, opaque, kept: None, names, cache: Cache::new(cache_entries) }
    }

    /// Keeps only this of the claims of good tokens.
    #[must_use]
    pub fn keeping(self, kept: Arc<Kept>) -> Self {
        Self { kept: Some(kept), ..self }
    }

    /// Who the bearer of `token` is at `now`.
    ///
    /// `keys` are those of the issuers, in the order of [`Self::new`]. Its (yet unproven) `iss` chooses among the
    /// issuers of bearer tokens, and only the keys of that issuer are tried. Everything that can be judged without
    /// keys is judged first, so that a token which could not pass anyway never causes a fetch of keys.
    ///
    /// # Errors
    /// The first thing that is wrong; [`TokenFault::Unasked`] where only the issuer can tell.
    pub fn verify(&self, token: &str, keys: &[Option<LiveKeys>], now: UnixTime) -> Result<Arc<Principal>, TokenFault> {
        if token.len() <= jwt::MAX_TOKEN
            && let Some(issuer) = self.opaque
            && !jwt::has_shape(token)
        {
            return Err(TokenFault::Unasked { issuer });
        }
        self.known((Way::Bearer, token), |settings| settings.profile.takes_bearer(), keys, now)
    }

    /// Whom the value of a front door's field proves to be there at `now`.
    ///
    /// Its (yet unproven) `iss` chooses among the issuers of that door that trust the place where the request comes
    /// from. Where none does ([`Self::trusts`]), the field counts for nothing.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn verify_assertion(
        &self,
        (door, value): (Door, &[u8]),
        origin: Origin<'_>,
        keys: &[Option<LiveKeys>],
        now: UnixTime,
    ) -> Result<Arc<Principal>, TokenFault> {
        let may = |settings: &IssuerSettings| settings.profile == Profile::Door(door) && settings.trusted.holds(origin);
        let text = std::str::from_utf8(value).map_err(|_| TokenFault::Encoding)?;
        self.known((Way::Beside(door), text), may, keys, now)
    }

    /// Whether the field of `door` counts on requests from there.
    #[must_use]
    pub fn trusts(&self, door: Door, origin: Origin<'_>) -> bool {
        self.issuers.iter().any(|settings| settings.profile == Profile::Door(door) && settings.trusted.holds(origin))
    }

    /// Whether the client certificate from there is one that `door` itself comes with.
    #[must_use]
    pub fn is_doors_own(&self, door: Door, origin: Origin<'_>) -> bool {
        let doors = self.issuers.iter().filter(|settings| settings.profile == Profile::Door(door));
        doors.into_iter().any(|settings| settings.trusted.names(origin))
    }

    /// How many good tokens are remembered, for metrics.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }

    /// Who it is, remembered or proven. `may` tells the issuers that can be meant.
    fn known(
        &self,
        (way, token): (Way, &str),
        may: impl Fn(&IssuerSettings) -> bool,
        keys: &[Option<LiveKeys>],
        now: UnixTime,
    ) -> Result<Arc<Principal>, TokenFault> {
        if token.len() > jwt::MAX_TOKEN {
            return Err(TokenFault::TooLong);
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        if let Some(verified) = self.cache.get(&(way, hash))
            && verified.holds(keys, now)
            && self.issuers.get(verified.issuer).is_some_and(&may)
        {
            return Ok(verified.principal);
        }
        let verified = self.prove((way, token), may, keys, now)?;
        let principal = Arc::clone(&verified.principal);
        self.cache.insert((way, hash), verified);
        Ok(principal)
    }

    fn prove(
        &self,
        (way, token): (Way, &str),
        may: impl Fn(&IssuerSettings) -> bool,
        keys: &[Option<LiveKeys>],
        now: UnixTime,
    ) -> Result<Verified, TokenFault> {
        let parts = jwt::split(token, way.padding())?;
        if let Some(issuer) = self.asked(&parts, &may) {
            return Err(TokenFault::Unasked { issuer });
        }
        let token = parts.read()?;
        let mut claims = json::object(&token.payload)?;
        let (issuer, settings) = self.find(claims::issuer(&claims)?, may).ok_or(TokenFault::UnknownIssuer)?;
        if !token.header.is_of(settings.profile) {
            return Err(TokenFault::Type);
        }
        if !settings.allows(token.header.algorithm) {
            return Err(TokenFault::AlgorithmNotAllowed);
        }
        let accepted = match way {
            Way::Bearer => claims::check(settings, &claims, now)?,
            Way::Beside(door) => door.check(settings, (&token.header, &claims), now)?,
        };
        let set = live(keys, issuer, now).ok_or(TokenFault::KeysMissing { issuer })?;
        set.check(&token, issuer)?;
        if let Way::Beside(door) = way {
            door.vouch(&mut claims);
        }
        let until = claims::taken_until(settings, accepted.expires);
        let name = self.names.get(issuer).cloned().unwrap_or_default();
        let who = (name, accepted.subject);
        let claims = ClaimTree::kept(&claims, self.kept.as_deref());
        let proof = Proof::token(who, settings.profile.method(), claims, accepted.expires, accepted.bound_to);
        Ok(Verified { principal: Arc::new(Principal::new(proof)), issuer, keys: *set.identity(), until })
    }

    fn find(&self, named: &str, may: impl Fn(&IssuerSettings) -> bool) -> Option<(usize, &IssuerSettings)> {
        self.issuers.iter().enumerate().find(|(_, settings)| settings.issuer == named && may(settings))
    }

    /// The issuer that must be asked about a JWT, where its `iss` is of such a one. Then the rest of the token is
    /// for that issuer to judge.
    fn asked(&self, parts: &Parts<'_>, may: impl Fn(&IssuerSettings) -> bool) -> Option<usize> {
        if !self.issuers.iter().any(|settings| settings.profile == Profile::Asked && may(settings)) {
            return None;
        }
        let claims = parts.claims().ok()?;
        let (issuer, settings) = self.find(claims::issuer(&claims).ok()?, may)?;
        (settings.profile == Profile::Asked).then_some(issuer)
    }
}

impl Way {
    const fn padding(self) -> Padding {
        match self {
            Self::Bearer => Padding::Refused,
            Self::Beside(door) => door.padding(),
        }
    }
}

impl Verified {
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
