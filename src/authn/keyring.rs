//! When to fetch the keys of one issuer, and which keys are live. It fetches nothing and reads no clock.
//!
//! The edge drives it: wait until [`KeyRing::next_fetch`], say [`KeyRing::attempt`], fetch, then say
//! [`KeyRing::succeeded`] or [`KeyRing::failed`], and hand out [`KeyRing::keys`] anew. When a token names an unknown
//! key, ask [`KeyRing::want_refresh`]: after a yes, `next_fetch` is now. After a cold start, [`KeyRing::restore`] puts
//! in what an earlier run kept.
//!
//! All budgets count attempts. An outage of the issuer, or a storm of invented key names, never becomes a storm of
//! fetches.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::budget::{AbsentNames, MAX_ABSENT, RefreshBudget, Refused};
use super::key_name::KeyName;
use super::keyset::{KeySet, KeySetFault, SkippedKey};
use crate::types::UnixTime;

/// The shortest time that `Cache-Control: max-age` can set between two fetches.
const MIN_AGE: Duration = Duration::from_mins(1);
/// The longest time between two fetches, whoever sets it.
pub(super) const MAX_AGE: Duration = Duration::from_hours(24);
/// The first pause after a failure while there are no keys at all.
pub(super) const FIRST_PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);
/// The first pause after a failure while older keys serve.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause after failures; they double up to here.
pub(super) const MAX_PAUSE: Duration = Duration::from_mins(1);
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

impl RingSettings {
    /// The time to the next fetch after a good one; well before the keys are too old, whatever was asked for.
    pub(super) fn interval(&self, max_age: Option<Duration>) -> Duration {
        let wanted = max_age.map_or(self.refresh, |age| age.clamp(MIN_AGE, MAX_AGE));
        wanted.min(MAX_AGE).min(self.max_stale / 2).max(Duration::from_secs(1))
    }
}

/// The pause after so many attempts without an answer, the first one being `first`.
pub(super) fn pause(first: Duration, unanswered: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(unanswered.saturating_sub(1))).min(MAX_PAUSE)
}

/// A fetch that may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It was granted just now.
    Granted,
    /// It was granted before, or is under way.
    Joined,
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
    stage: Stage,
    /// The names that the fetch which was granted is for.
    asked: HashSet<KeyName>,
    absent: AbsentNames,
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    None,
    /// One for an unknown key was granted and has not begun.
    Granted,
    UnderWay,
}

impl KeyRing {
    /// Without keys; the first fetch is due at once.
    #[must_use]
    pub fn new(settings: RingSettings) -> Self {
        Self {
            settings,
            live: None,
            skipped: Vec::new(),
            next: UnixTime::from_millis(0),
            unanswered: 0,
            attempts: [None; 2],
            stage: Stage::None,
            asked: HashSet::new(),
            absent: AbsentNames::default(),
        }
    }

    /// Takes keys that were fetched at `fetched_at`, by an earlier run. The next fetch stays due at once.
    ///
    /// # Errors
    /// When `body` is not a usable key set; then there are no keys.
    pub fn restore(&mut self, fetched_at: UnixTime, body: &[u8]) -> Result<(), KeySetFault> {
        let (set, skipped) = KeySet::parse(body, &self.settings.algorithms)?;
        self.live = Some(LiveKeys { set: Arc::new(set), stale_at: fetched_at.plus(self.settings.max_stale) });
        self.skipped = skipped;
        Ok(())
    }

    /// For whoever takes the ring over: a fetch that is under way is the business of others.
    #[must_use]
    pub fn taken_over(mut self) -> Self {
        if self.stage == Stage::UnderWay {
            self.stage = Stage::None;
        }
        self
    }

    /// How the keys are kept.
    #[must_use]
    pub const fn settings(&self) -> &RingSettings {
        &self.settings
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
        self.stage = Stage::UnderWay;
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
        self.stage = Stage::None;
        self.note_absent(now, changed, &set);
        let stale_at = now.plus(self.settings.max_stale);
        self.live = Some(LiveKeys { set: old.unwrap_or_else(|| Arc::new(set)), stale_at });
        self.skipped = skipped;
        self.unanswered = 0;
        self.next = now.plus(self.settings.interval(max_age));
        Ok(changed)
    }

    /// The fetch brought nothing usable; the old keys stay.
    pub fn failed(&mut self, now: UnixTime) {
        self.stage = Stage::None;
        self.asked.clear();
        self.next = now.plus(self.pause());
    }

    /// A token named the key `name`, which the set does not have: may it be fetched now?
    ///
    /// Granted once per fetch, at most twice a minute with all other attempts counted in, and not while the issuer
    /// fails to answer: then only the pauses between attempts count. `budget` is asked last, so that what is refused
    /// here takes nothing from other issuers.
    ///
    /// # Errors
    /// Why not.
    pub fn want_refresh(&mut self, now: UnixTime, name: KeyName, budget: &mut RefreshBudget) -> Result<Wish, Refused> {
        if self.absent.has(name, now) {
            return Err(Refused::Absent);
        }
        match self.stage {
            // Whether the issuer has seen this name in the answer that is on its way, nobody knows: it is not noted.
            Stage::UnderWay => return Ok(Wish::Joined),
            Stage::Granted => {
                self.note_asked(name);
                return Ok(Wish::Joined);
            }
            Stage::None => {}
        }
        if self.unanswered > 0 || self.live.is_none() {
            return Err(Refused::Failing);
        }
        let [older, _] = self.attempts;
        // One from the future is older than a clock that was set back since.
        if older.is_some_and(|older| older <= now && now.since(older) < UNKNOWN_KEY_WINDOW) {
            return Err(Refused::Issuer);
        }
        if !budget.take(now) {
            return Err(Refused::Overall);
        }
        self.stage = Stage::Granted;
        self.note_asked(name);
        self.next = self.next.min(now);
        Ok(Wish::Granted)
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

    fn note_asked(&mut self, name: KeyName) {
        if self.asked.len() < MAX_ABSENT {
            self.asked.insert(name);
        }
    }

    /// After a good fetch: the names that it was for and did not bring.
    fn note_absent(&mut self, now: UnixTime, changed: bool, set: &KeySet) {
        if changed {
            self.absent.clear();
        }
        let names = set.names();
        for name in self.asked.drain().filter(|name| !names.contains(name)) {
            self.absent.insert(name, now);
        }
    }

    fn pause(&self) -> Duration {
        let first = if self.live.is_some() { FIRST_PAUSE } else { FIRST_PAUSE_WITHOUT_KEYS };
        pause(first, self.unanswered)
    }
}
