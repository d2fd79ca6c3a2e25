//! Checks static keys beside everything else: a hash takes long, on purpose, and no other request waits for it.
//!
//! Two checks run at once, on threads of their own, and a bounded number waits; what comes on top is told to come back.
//! A right key is remembered, so that a client that asks every few seconds costs one check and not thousands. What is
//! remembered is a MAC under a key that this process made up and never shows, bounded in number, and gone with the
//! next reload. Whether a key may be tried at all ([`Attempts`]) is asked first, of remembered ones too: else they
//! could be guessed at full speed.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ring::hmac;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::authn::{Attempts, MAX_STATIC_KEYS, Principal, StaticKeys, TokenFault};
use crate::types::{Secret, UnixTime};

/// How many checks run at once; each takes up to 64 MiB and a processor, and gives both back when it ends.
const AT_ONCE: usize = 2;

/// How many wait at most.
const WAITING: usize = 64;

/// How long one waits at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// Right keys that are remembered: both keys of every name that a file can have.
const REMEMBERED: usize = 2 * MAX_STATIC_KEYS;

/// Checks the keys of one file.
pub struct KeyCheck(Arc<Checker>);

struct Checker {
    keys: StaticKeys,
    right: Cache<[u8; 32], Arc<Principal>>,
    secret: hmac::Key,
    bounds: Arc<Bounds>,
}

/// What outlives a reload.
struct Bounds {
    attempts: Mutex<Attempts>,
    /// Places for checks that wait or run.
    places: Arc<Semaphore>,
    /// Places for those that run.
    running: Arc<Semaphore>,
    patience: Duration,
    checks: AtomicU64,
}

/// One name with one key, once shown.
struct Shown {
    user: String,
    key: Secret<String>,
    source: IpAddr,
    now: UnixTime,
    tag: [u8; 32],
}

impl KeyCheck {
    /// For `keys`. Right keys are remembered from now on; wrong ones that `before` has seen still count.
    #[must_use]
    pub fn new(keys: StaticKeys, before: Option<&Self>) -> Self {
        let bounds = before.map(|before| Arc::clone(&before.0.bounds));
        Self::with_bounds(keys, bounds.unwrap_or_else(|| Arc::new(Bounds::new(AT_ONCE, WAITING, PATIENCE))))
    }

    fn with_bounds(keys: StaticKeys, bounds: Arc<Bounds>) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>());
        Self(Arc::new(Checker { keys, right: Cache::new(REMEMBERED), secret, bounds }))
    }

    /// Who `key` proves to be at `source` when it comes with the name `user`.
    ///
    /// # Errors
    /// When name and key do not belong together, when too many wrong keys came before, and when too many others wait.
    pub async fn ask(
        &self,
        user: &str,
        key: &Secret<String>,
        source: IpAddr,
        now: UnixTime,
    ) -> Result<Arc<Principal>, TokenFault> {
        let (user, key) = (user.to_owned(), Secret::new(key.expose().clone()));
        let tag = self.0.tag(&user, &key);
        let shown = Shown { user, key, source, now, tag };
        if let Some(known) = self.0.known(&shown)? {
            return Ok(known);
        }
        let places = self.0.bounds.enter().await.ok_or(TokenFault::Unavailable)?;
        // Those that waited in front may have brought the same key, or one wrong key too many.
        if let Some(known) = self.0.known(&shown)? {
            return Ok(known);
        }
        let checker = Arc::clone(&self.0);
        // It runs to its end, counts and keeps its places until then, also when nobody waits for it any more.
        let check = spawn_blocking(move || {
            let _places = places;
            checker.check(&shown)
        });
        check.await.unwrap_or(Err(TokenFault::Unavailable))
    }

    /// How many right keys are remembered, for metrics.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.0.right.len()
    }

    /// How many checks ran since the start, for metrics.
    #[must_use]
    pub fn checks(&self) -> u64 {
        self.0.bounds.checks.load(Ordering::Relaxed)
    }
}

impl Checker {
    fn check(&self, shown: &Shown) -> Result<Arc<Principal>, TokenFault> {
        self.bounds.checks.fetch_add(1, Ordering::Relaxed);
        let answer = self.keys.check(&shown.user, &shown.key);
        match &answer {
            Ok(principal) => {
                self.right.insert(shown.tag, Arc::clone(principal));
                self.bounds.attempts.lock().right(&shown.user, shown.source, shown.now);
            }
            Err(TokenFault::Key) => self.bounds.attempts.lock().wrong(&shown.user, shown.source, shown.now),
            Err(_) => {}
        }
        answer
    }

    /// Whether a key may be tried, and whom it belongs to where that is remembered.
    fn known(&self, shown: &Shown) -> Result<Option<Arc<Principal>>, TokenFault> {
        let mut attempts = self.bounds.attempts.lock();
        attempts.check(&shown.user, shown.source, shown.now)?;
        let known = self.right.get(&shown.tag);
        if known.is_some() {
            attempts.right(&shown.user, shown.source, shown.now);
        }
        Ok(known)
    }

    /// The length comes first, so that no other name and key spell the same bytes.
    fn tag(&self, user: &str, key: &Secret<String>) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&(user.len() as u64).to_be_bytes());
        context.update(user.as_bytes());
        context.update(key.expose().as_bytes());
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl Bounds {
    fn new(at_once: usize, waiting: usize, patience: Duration) -> Self {
        Self {
            attempts: Mutex::new(Attempts::new()),
            places: Arc::new(Semaphore::new(at_once + waiting)),
            running: Arc::new(Semaphore::new(at_once)),
            patience,
            checks: AtomicU64::new(0),
        }
    }

    /// Waits for its turn; `None` when there is no place to wait, or no turn in time.
    async fn enter(&self) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let turn = timeout(self.patience, Arc::clone(&self.running).acquire_owned()).await.ok()?.ok()?;
        Some((place, turn))
    }
}

impl fmt::Debug for KeyCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCheck").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
