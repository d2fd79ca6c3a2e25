//! The keys of an issuer that publishes no set, but each key under its name: learned one by one, when tokens name them.
//!
//! As with [`super::KeyRing`], the edge does the fetching: wait until [`NamedKeys::next_fetch`], take a name from
//! [`NamedKeys::attempt`], fetch that key, say how it ended. Names must be UUIDs, so that a token cannot choose where
//! a fetch goes; each key is fetched anew from time to time and leaves when its issuer has it no more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::algorithm::Algorithm;
use super::budget::{AbsentNames, RefreshBudget, Refused};
use super::jwk::{Key, SkipReason};
use super::key_name::KeyName;
use super::keyring::{FIRST_PAUSE_WITHOUT_KEYS, LiveKeys, MAX_AGE, MAX_PAUSE, RingSettings, Wish, pause};
use super::keyset::KeySet;
use super::spki;
use crate::types::UnixTime;

/// The most keys of one issuer that are held; the one learned first makes room.
pub const MAX_NAMED: usize = 8;

/// What became of a wish for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its fetch, or that is under way.
    Open,
    /// The key is held.
    Held,
    /// The issuer has no such key.
    Absent,
    /// The issuer could not be asked.
    Unknown,
}

/// The keys of one issuer that were learned by name.
#[derive(Clone, Debug)]
pub struct NamedKeys {
    settings: RingSettings,
    /// The one learned first leads.
    held: Vec<Held>,
    live: LiveKeys,
    /// Names that were granted, the next one first.
    queue: VecDeque<KeyName>,
    current: Option<KeyName>,
    absent: AbsentNames,
    /// This issuer's part of the fetches for unknown keys.
    granted: RefreshBudget,
    /// Attempts since the last answer, the current one included.
    unanswered: u32,
    /// While the issuer does not answer: until when it is left alone.
    rest: UnixTime,
}

#[derive(Clone)]
struct Held {
    name: KeyName,
    key: Key,
    fetched_at: UnixTime,
    next: UnixTime,
}

impl NamedKeys {
    /// Without keys; none is fetched before a token names it.
    #[must_use]
    pub fn new(settings: RingSettings) -> Self {
        Self {
            settings,
            held: Vec::new(),
            live: live(&[], Duration::ZERO),
            queue: VecDeque::new(),
            current: None,
            absent: AbsentNames::default(),
            granted: RefreshBudget::new(MAX_NAMED, Duration::from_mins(1)),
            unanswered: 0,
            rest: UnixTime::default(),
        }
    }

    /// As [`super::KeyRing::taken_over`].
    #[must_use]
    pub fn taken_over(mut self) -> Self {
        self.current = None;
        self
    }

    /// When to fetch the next key; in the past or now: at once. Never further away than a day.
    #[must_use]
    pub fn next_fetch(&self, now: UnixTime) -> UnixTime {
        let latest = now.plus(MAX_AGE);
        if !self.queue.is_empty() {
            return now;
        }
        self.held.iter().map(|held| held.next).min().map_or(latest, |next| next.min(latest))
    }

    /// A fetch begins, of the key that is due: one that a token named, or one that is held for long.
    ///
    /// It counts as failed until an answer is told.
    pub fn attempt(&mut self, now: UnixTime) -> Option<KeyName> {
        self.publish(now);
        let due = self.held.iter().filter(|held| held.next <= now).min_by_key(|held| held.next).map(|held| held.name);
        self.current = self.queue.pop_front().or(due);
        if self.current.is_some() {
            self.unanswered = self.unanswered.saturating_add(1);
            self.failed_until(now);
        }
        self.current
    }

    /// The fetch brought `body`, a public key in PEM, fresh for `max_age` if the answer said so. Whether keys changed.
    ///
    /// # Errors
    /// When `body` is no key that can be used: that counts as a failed fetch.
    pub fn succeeded(&mut self, now: UnixTime, body: &[u8], max_age: Option<Duration>) -> Result<bool, SkipReason> {
        let read = self.current.and_then(|name| Some((name, name.uuid()?))).map(|(name, kid)| {
            let key = spki::read(kid, body)?;
            let allowed = self.settings.algorithms.contains(&Algorithm::Es256);
            if allowed { Ok((name, key)) } else { Err(SkipReason::AlgorithmNotAllowed) }
        });
        let Some(read) = read else { return Ok(false) };
        let (name, key) = read.inspect_err(|_| self.failed(now))?;
        let next = now.plus(self.settings.interval(max_age));
        let fresh = Held { name, key, fetched_at: now, next };
        match self.held.iter_mut().find(|held| held.name == name) {
            Some(held) => *held = fresh,
            None => self.held.push(fresh),
        }
        if self.held.len() > MAX_NAMED {
            self.held.remove(0);
        }
        self.answered();
        Ok(self.publish(now))
    }

    /// The issuer answered that it has no such key. Whether keys changed.
    pub fn gone(&mut self, now: UnixTime) -> bool {
        if let Some(name) = self.current {
            self.held.retain(|held| held.name != name);
            self.absent.insert(name, now);
        }
        self.answered();
        self.publish(now)
    }

    /// The fetch brought no answer; what is held stays.
    pub fn failed(&mut self, now: UnixTime) {
        self.failed_until(now);
        self.current = None;
        self.publish(now);
    }

    /// A token named the key `name`, which is not held: may it be fetched now?
    ///
    /// # Errors
    /// Why not. A name that is no UUID is one that the issuer does not have.
    pub fn want(&mut self, now: UnixTime, name: KeyName, budget: &mut RefreshBudget) -> Result<Wish, Refused> {
        if name.uuid().is_none() || self.absent.has(name, now) {
            return Err(Refused::Absent);
        }
        if self.is_open(name) {
            return Ok(Wish::Joined);
        }
        // A rest that is longer than any pause was begun before the clock was set back.
        if self.unanswered > 0 && now < self.rest && self.rest.since(now) <= MAX_PAUSE {
            return Err(Refused::Failing);
        }
        if !self.granted.allows(now) {
            return Err(Refused::Issuer);
        }
        if !budget.take(now) {
            return Err(Refused::Overall);
        }
        self.granted.take(now);
        self.queue.push_back(name);
        Ok(Wish::Granted)
    }

    /// What became of the wish for `name`.
    #[must_use]
    pub fn fate(&self, name: KeyName, now: UnixTime) -> Fate {
        if self.is_open(name) {
            Fate::Open
        } else if self.held.iter().any(|held| held.name == name) {
            Fate::Held
        } else if self.absent.has(name, now) {
            Fate::Absent
        } else {
            Fate::Unknown
        }
    }

    /// The keys that are held. Whoever uses them compares `stale_at` with the time of use.
    #[must_use]
    pub fn keys(&self) -> LiveKeys {
        self.live.clone()
    }

    /// When the key that is held the longest without a new fetch was fetched.
    #[must_use]
    pub fn fetched_at(&self) -> Option<UnixTime> {
        self.held.iter().map(|held| held.fetched_at).min()
    }

    fn is_open(&self, name: KeyName) -> bool {
        self.current == Some(name) || self.queue.contains(&name)
    }

    fn answered(&mut self) {
        self.current = None;
        self.unanswered = 0;
    }

    /// Puts the next attempt off: of the current key, if it is held, and of names to come.
    fn failed_until(&mut self, now: UnixTime) {
        self.rest = now.plus(pause(FIRST_PAUSE_WITHOUT_KEYS, self.unanswered));
        let (rest, current) = (self.rest, self.current);
        self.held.iter_mut().filter(|held| Some(held.name) == current).for_each(|held| held.next = rest);
    }

    /// Renews the live set, without keys that are too old; whether it is another one.
    fn publish(&mut self, now: UnixTime) -> bool {
        let max_stale = self.settings.max_stale;
        self.held.retain(|held| now < held.fetched_at.plus(max_stale));
        let fresh = live(&self.held, max_stale);
        let changed = fresh.set.identity() != self.live.set.identity();
        self.live = fresh;
        changed
    }
}

/// The oldest key decides how long the set serves: none is used for longer than it may be.
fn live(held: &[Held], max_stale: Duration) -> LiveKeys {
    let set = KeySet::learned(held.iter().map(|held| held.key.clone()).collect());
    let oldest = held.iter().map(|held| held.fetched_at).min();
    let stale_at = oldest.map_or(UnixTime::from_millis(u64::MAX), |oldest| oldest.plus(max_stale));
    LiveKeys { set: Arc::new(set), stale_at }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("fetched_at", &self.fetched_at).finish_non_exhaustive()
    }
}
