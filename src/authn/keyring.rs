//! When to fetch the keys of one issuer, and which keys are live. It fetches nothing and reads no clock.
//!
//! The edge drives it: wait until [`KeyRing::next_fetch`], say [`KeyRing::attempt`], fetch, then say
//! [`KeyRing::succeeded`] or [`KeyRing::failed`], and hand out [`KeyRing::keys`] anew. When a token names an unknown
//! key, ask [`KeyRing::want_refresh`]: after a yes, `next_fetch` is now.
//!
//! All budgets count attempts. An outage of the issuer, or a storm of invented key names, never becomes a storm of
//! fetches.

use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::keyset::{KeySet, KeySetFault, SkippedKey};
use crate::types::UnixTime;

/// The shortest time that `Cache-Control: max-age` can set between two fetches.
const MIN_AGE: Duration = Duration::from_mins(1);
/// The longest time between two fetches, whoever sets it.
const MAX_AGE: Duration = Duration::from_hours(24);
/// The first pause after a failure while there are no keys at all.
const FIRST_PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// The first pause after a failure while older keys serve.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after failures; they double up to here.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Unknown key names may cause a fetch when there were fewer than two attempts, of any cause, within this time.
const UNKNOWN_KEY_WINDOW: Duration = Duration::from_mins(1);

/// How the keys of one issuer are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RingSettings {
    /// How often to fetch when the answer does not say how long it is fresh.
    pub refresh: Duration,
    /// How long keys serve after the last good fetch.
    pub max_stale: Duration,
    /// The signature algorithms that the issuer may use.
    pub algorithms: Vec<Algorithm>,
}

/// The keys that verify now.
#[derive(Clone, Debug)]
pub struct LiveKeys {
    /// The keys.
    pub set: Arc<KeySet>,
    /// From when on they must not be used any more.
    pub stale_at: UnixTime,
}

impl LiveKeys {
    /// The keys, unless they are too old at `now`.
    #[must_use]
    pub fn at(&self, now: UnixTime) -> Option<&KeySet> {
        (now < self.stale_at).then_some(&*self.set)
    }
}

/// The keys of one issuer over time.
#[derive(Clone, Debug)]
pub struct KeyRing {
    settings: RingSettings,
    live: Option<LiveKeys>,
    skipped: Vec<SkippedKey>,
    next: UnixTime,
    /// Attempts since the last success, the current one included.
    unanswered: u32,
    /// The last two attempts, the older one first.
    attempts: [Option<UnixTime>; 2],
    /// A fetch for an unknown key was granted and has not begun.
    granted: bool,
}

impl KeyRing {
    /// Without keys; the first fetch is due at once.
    #[must_use]
    pub const fn new(settings: RingSettings) -> Self {
        Self {
            settings,
            live: None,
            skipped: Vec::new(),
            next: UnixTime::from_millis(0),
            unanswered: 0,
            attempts: [None; 2],
            granted: false,
        }
    }

    /// When to fetch; in the past or now: at once.
    ///
    /// Never further away than a day, so that a clock that was set back does not put fetches off.
    #[must_use]
    pub fn next_fetch(&self, now: UnixTime) -> UnixTime {
        self.next.min(now.plus(MAX_AGE))
    }

    /// A fetch begins.
    ///
    /// It counts as failed until it succeeds: if it is never heard of again, the next one is due after the pause.
    pub fn attempt(&mut self, now: UnixTime) {
        self.granted = false;
        let [_, last] = self.attempts;
        self.attempts = [last, Some(now)];
        self.unanswered = self.unanswered.saturating_add(1);
        self.next = now.plus(self.pause());
    }

    /// The fetch brought `body`, fresh for `max_age` if the answer said so.
    ///
    /// The answer is whether the keys changed. Also when they did not, [`Self::keys`] serve longer than before.
    ///
    /// # Errors
    /// When `body` is not a usable key set: that counts as a failed fetch, and the old keys stay.
    pub fn succeeded(&mut self, now: UnixTime, body: &[u8], max_age: Option<Duration>) -> Result<bool, KeySetFault> {
        let (set, skipped) = match KeySet::parse(body, &self.settings.algorithms) {
            Ok(parsed) => parsed,
            Err(fault) => {
                self.failed(now);
                return Err(fault);
            }
        };
        let old = self.live.take().map(|live| live.set).filter(|old| old.identity() == set.identity());
        let changed = old.is_none();
        let stale_at = now.plus(self.settings.max_stale);
        self.live = Some(LiveKeys { set: old.unwrap_or_else(|| Arc::new(set)), stale_at });
        self.skipped = skipped;
        self.unanswered = 0;
        self.next = now.plus(self.interval(max_age));
        Ok(changed)
    }

    /// The fetch brought nothing usable; the old keys stay.
    pub fn failed(&mut self, now: UnixTime) {
        self.next = now.plus(self.pause());
    }

    /// A token named a key that the set does not have: may it be fetched now?
    ///
    /// A yes is given once per fetch, at most twice a minute with all other attempts counted in, and not while the
    /// issuer fails to answer; then only the pauses between attempts count.
    pub fn want_refresh(&mut self, now: UnixTime) -> bool {
        let [older, _] = self.attempts;
        let spent = older.is_some_and(|older| now.since(older) < UNKNOWN_KEY_WINDOW);
        if self.granted || spent || self.unanswered > 0 || self.live.is_none() {
            return false;
        }
        self.granted = true;
        self.next = self.next.min(now);
        true
    }

    /// The last good keys. Whoever uses them compares `stale_at` with the time of use.
    #[must_use]
    pub fn keys(&self) -> Option<LiveKeys> {
        self.live.clone()
    }

    /// When the live keys were fetched.
    #[must_use]
    pub fn fetched_at(&self) -> Option<UnixTime> {
        self.live.as_ref().map(|live| live.stale_at.minus(self.settings.max_stale))
    }

    /// The keys of the last good document that were passed over: each is worth an alarm.
    #[must_use]
    pub fn skipped(&self) -> &[SkippedKey] {
        &self.skipped
    }

    /// The time to the next fetch after a good one; well before the keys are too old, whatever was asked for.
    fn interval(&self, max_age: Option<Duration>) -> Duration {
        let wanted = max_age.map_or(self.settings.refresh, |age| age.clamp(MIN_AGE, MAX_AGE));
        wanted.min(MAX_AGE).min(self.settings.max_stale / 2).max(Duration::from_secs(1))
    }

    fn pause(&self) -> Duration {
        let first = if self.live.is_some() { FIRST_PAUSE } else { FIRST_PAUSE_WITHOUT_KEYS };
        first.saturating_mul(2_u32.saturating_pow(self.unanswered.saturating_sub(1))).min(MAX_PAUSE)
    }
}
