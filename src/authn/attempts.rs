//! Remembers wrong keys, so that nobody guesses many of them.
//!
//! * From one source, [`PER_SOURCE`] wrong keys; then no key is tried from there until a minute has passed since the
//!   first of them. A source is an IPv4 address or an IPv6 network of 64 bits, which one machine may have to itself.
//! * For one name, [`PER_NAME`] from everywhere.
//! * Where a name came from with its right key within the last hour, it stands apart: neither of the two counts for
//!   that name from there, only [`PER_SOURCE`] wrong keys for just this name from just there. So a stranger who knows
//!   a name cannot lock out who uses it, nor can a neighbour behind the same address with a wrong key of his own.
//!
//! A name is locked for a right key too: one that opened while wrong ones do not would tell them apart for free.
//! All this is the same for names that exist and names that do not. The price: under an attack on its name, a client
//! that comes from a new address waits; and a neighbour behind the same address can find out which names come from it.
//!
//! Both memories are bounded, and the oldest go first. To push one out takes as many checks of wrong keys as there
//! are places, long after it has expired.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

use super::fault::TokenFault;
use crate::types::UnixTime;

/// How long wrong keys count, from the first one.
pub const WINDOW: Duration = Duration::from_mins(1);

/// The most wrong keys from one source in a window.
const PER_SOURCE: u32 = 10;

/// The most wrong keys for one name in a window.
const PER_NAME: u32 = 30;

/// How long a right key speaks for its source.
const TRUST: Duration = Duration::from_hours(1);

/// The most entries of each memory.
const ROOM: usize = 65_536;

/// The wrong and the right keys of late. Names are kept as hashes.
#[derive(Debug)]
pub struct Attempts {
    wrong: Recent<u32>,
    trusted: Recent<()>,
    hasher: RandomState,
}

/// Whose wrong keys are counted together.
#[derive(Hash)]
enum Counted<'a> {
    Source(IpAddr),
    Name(&'a str),
    /// A name from where it came with its right key.
    Pair(IpAddr, &'a str),
}

impl Attempts {
    /// Without any.
    #[must_use]
    pub fn new() -> Self {
        Self::with_room(ROOM)
    }

    /// With room for `room` entries in each memory.
    pub(super) fn with_room(room: usize) -> Self {
        Self { wrong: Recent::new(WINDOW, room), trusted: Recent::new(TRUST, room), hasher: RandomState::new() }
    }

    /// Whether a key for `user` from `source` may be tried at `now`.
    ///
    /// # Errors
    /// [`TokenFault::Attempts`] when too many wrong ones came before it.
    pub fn check(&self, user: &str, source: IpAddr, now: UnixTime) -> Result<(), TokenFault> {
        let wrong = |(key, most): &(u64, u32)| self.wrong.get(*key, now).is_some_and(|count| count >= *most);
        if self.counters(user, source, now).iter().any(wrong) { Err(TokenFault::Attempts) } else { Ok(()) }
    }

    /// Notes that a key for `user` from `source` was wrong.
    pub fn wrong(&mut self, user: &str, source: IpAddr, now: UnixTime) {
        for (key, _) in self.counters(user, source, now) {
            let count = self.wrong.get(key, now).unwrap_or_default();
            self.wrong.put(key, count.saturating_add(1), now);
        }
    }

    /// Notes that a key for `user` from `source` was right.
    pub fn right(&mut self, user: &str, source: IpAddr, now: UnixTime) {
        let pair = self.pair(user, network(source));
        self.trusted.renew(pair, (), now);
    }

    /// How many entries the two memories have.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.wrong.values.len().max(self.wrong.ages.len()), self.trusted.values.len().max(self.trusted.ages.len()))
    }

    /// What counts for `user` from `source`, and the most wrong keys there may be.
    fn counters(&self, user: &str, source: IpAddr, now: UnixTime) -> Vec<(u64, u32)> {
        let source = network(source);
        let pair = self.pair(user, source);
        if self.trusted.get(pair, now).is_some() {
            return vec![(pair, PER_SOURCE)];
        }
        let one = |counted: Counted<'_>| self.hasher.hash_one(counted);
        vec![(one(Counted::Source(source)), PER_SOURCE), (one(Counted::Name(user)), PER_NAME)]
    }

    fn pair(&self, user: &str, source: IpAddr) -> u64 {
        self.hasher.hash_one(Counted::Pair(source, user))
    }
}

impl Default for Attempts {
    fn default() -> Self {
        Self::new()
    }
}

/// What one client may be taken to have: an IPv4 address, or a network of 64 bits.
#[must_use]
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// Values that expire a fixed time after they began, bounded in number.
#[derive(Debug)]
struct Recent<T> {
    values: HashMap<u64, (UnixTime, T)>,
    /// The same entries by age.
    ages: BTreeSet<(UnixTime, u64)>,
    life: Duration,
    room: usize,
}

impl<T: Copy> Recent<T> {
    fn new(life: Duration, room: usize) -> Self {
        Self { values: HashMap::new(), ages: BTreeSet::new(), life, room }
    }

    /// The value of `key`, while it lives. One that began in the future does not: the clock was set back.
    fn get(&self, key: u64, now: UnixTime) -> Option<T> {
        self.values.get(&key).filter(|(since, _)| self.lives(*since, now)).map(|(_, value)| *value)
    }

    /// Sets the value of `key`, which keeps its age while it lives.
    fn put(&mut self, key: u64, value: T, now: UnixTime) {
        let before = self.values.get(&key).map(|(since, _)| *since);
        let since = before.filter(|since| self.lives(*since, now)).unwrap_or(now);
        if let Some(before) = before {
            self.ages.remove(&(before, key));
        }
        self.values.insert(key, (since, value));
        self.ages.insert((since, key));
        self.make_room(now);
    }

    /// Sets the value of `key`, which begins anew.
    fn renew(&mut self, key: u64, value: T, now: UnixTime) {
        self.remove(key);
        self.put(key, value, now);
    }

    fn remove(&mut self, key: u64) {
        if let Some((since, _)) = self.values.remove(&key) {
            self.ages.remove(&(since, key));
        }
    }

    /// Takes out what has expired, and the oldest while there is too much.
    fn make_room(&mut self, now: UnixTime) {
        while let Some((since, key)) = self.ages.first().copied() {
            if self.ages.len() <= self.room && self.lives(since, now) {
                return;
            }
            self.remove(key);
        }
    }

    fn lives(&self, since: UnixTime, now: UnixTime) -> bool {
        since <= now && now < since.plus(self.life)
    }
}
