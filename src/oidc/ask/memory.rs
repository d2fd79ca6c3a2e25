//! What issuers said of tokens, as long as it counts.

use crate::authn::{Answered, Principal};
use crate::oidc::MAX_TIMEOUT;
use crate::types::UnixTime;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The SHA-256 of a token.
pub(super) type TokenHash = [u8; 32];

/// Tokens that one issuer called good. Bounded in number and, as claims vary in size, in bytes.
pub(super) struct Memory(Cache<TokenHash, Remembered, Bytes>);

#[derive(Clone)]
struct Remembered {
    principal: Arc<Principal>,
    asked: UnixTime,
    until: UnixTime,
    /// The memory of its claims.
    bytes: usize,
}

#[derive(Clone)]
struct Bytes;

/// For how long a token whose answer does not count any more is better than one that nobody has seen.
const LATELY: Duration = Duration::from_mins(5);

/// What is remembered of a token beside its claims and its subject, in bytes; with a margin.
const REST: usize = 1024;

/// What a token of usual size weighs.
const USUAL: u64 = 4 * 1024;

impl Memory {
    /// For about `entries` tokens.
    pub(super) fn new(entries: usize) -> Self {
        let bytes = u64::try_from(entries).unwrap_or(u64::MAX).saturating_mul(USUAL);
        Self(Cache::with_weighter(entries, bytes, Bytes))
    }

    /// Whom the token belongs to, if the issuer need not be asked again.
    ///
    /// A clock that was set back makes no answer live longer: what was said later than `now`, by more than requests
    /// may overtake each other, does not count.
    pub(super) fn recall(&self, hash: &TokenHash, now: UnixTime) -> Option<Arc<Principal>> {
        let known = self.0.get(hash)?;
        let counts = known.asked <= now.plus(MAX_TIMEOUT) && now < known.until;
        counts.then_some(known.principal)
    }

    /// Whether the token was good a few minutes ago. Answers stay until others need the room.
    pub(super) fn knew(&self, hash: &TokenHash, now: UnixTime) -> bool {
        self.0.peek(hash).is_some_and(|known| known.asked <= now.plus(MAX_TIMEOUT) && now < known.until.plus(LATELY))
    }

    /// Keeps an answer to a question of the time `asked`, unless it counts for no time at all.
    pub(super) fn keep(&self, hash: TokenHash, answered: Answered, asked: UnixTime) -> Arc<Principal> {
        let Answered { principal, until } = answered;
        let principal = Arc::new(principal);
        if asked < until {
            let bytes = principal.claims().bytes() + principal.subject().len();
            self.0.insert(hash, Remembered { principal: Arc::clone(&principal), asked, until, bytes });
        }
        principal
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Weighter<TokenHash, Remembered> for Bytes {
    fn weight(&self, _hash: &TokenHash, known: &Remembered) -> u64 {
        u64::try_from(known.bytes.saturating_add(REST)).unwrap_or(u64::MAX)
    }
}
