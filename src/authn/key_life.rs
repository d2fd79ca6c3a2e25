//! The keys of one issuer over time, however it publishes them: as a set, or each under its name.

use std::time::Duration;

use super::budget::{RefreshBudget, Refused};
use super::key_name::KeyName;
use super::keyring::{KeyRing, LiveKeys, Wish};
use super::named_keys::NamedKeys;
use crate::types::UnixTime;

/// The keys of one issuer over time.
#[derive(Clone, Debug)]
pub enum KeyLife {
    /// It publishes a set.
    Published(KeyRing),
    /// It publishes each key under its name.
    Named(NamedKeys),
}

/// What a fetch is to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The whole set.
    Set,
    /// The key of this name.
    Key(KeyName),
}

impl KeyLife {
    /// See [`KeyRing::next_fetch`].
    #[must_use]
    pub fn next_fetch(&self, now: UnixTime) -> UnixTime {
        match self {
            Self::Published(ring) => ring.next_fetch(now),
            Self::Named(keys) => keys.next_fetch(now),
        }
    }

    /// A fetch begins; of what. `None` when nothing is due after all.
    pub fn attempt(&mut self, now: UnixTime) -> Option<Wanted> {
        match self {
            Self::Published(ring) => {
                ring.attempt(now);
                Some(Wanted::Set)
            }
            Self::Named(keys) => keys.attempt(now).map(Wanted::Key),
        }
    }

    /// The fetch brought `body`. Whether the keys changed.
    ///
    /// # Errors
    /// The word for why it cannot be used: that counts as a failed fetch.
    pub fn succeeded(&mut self, now: UnixTime, body: &[u8], max_age: Option<Duration>) -> Result<bool, &'static str> {
        match self {
            Self::Published(ring) => ring.succeeded(now, body, max_age).map_err(|fault| fault.label()),
            Self::Named(keys) => keys.succeeded(now, body, max_age).map_err(super::SkipReason::label),
        }
    }

    /// The issuer answered that what was wanted does not exist. Whether the keys changed.
    pub fn gone(&mut self, now: UnixTime) -> bool {
        match self {
            // A whole set that is gone is an outage.
            Self::Published(ring) => {
                ring.failed(now);
                false
            }
            Self::Named(keys) => keys.gone(now),
        }
    }

    /// The fetch brought nothing usable; the old keys stay.
    pub fn failed(&mut self, now: UnixTime) {
        match self {
            Self::Published(ring) => ring.failed(now),
            Self::Named(keys) => keys.failed(now),
        }
    }

    /// See [`KeyRing::want_refresh`].
    ///
    /// # Errors
    /// Why there is no fetch.
    pub fn want(&mut self, now: UnixTime, name: KeyName, budget: &mut RefreshBudget) -> Result<Wish, Refused> {
        match self {
            Self::Published(ring) => ring.want_refresh(now, name, budget),
            Self::Named(keys) => keys.want(now, name, budget),
        }
    }

    /// See [`KeyRing::taken_over`].
    #[must_use]
    pub fn taken_over(self) -> Self {
        match self {
            Self::Published(ring) => Self::Published(ring.taken_over()),
            Self::Named(keys) => Self::Named(keys.taken_over()),
        }
    }

    /// The keys to use now.
    #[must_use]
    pub fn keys(&self) -> Option<LiveKeys> {
        match self {
            Self::Published(ring) => ring.keys(),
            Self::Named(keys) => Some(keys.keys()),
        }
    }

    /// When the keys were fetched.
    #[must_use]
    pub fn fetched_at(&self) -> Option<UnixTime> {
        match self {
            Self::Published(ring) => ring.fetched_at(),
            Self::Named(keys) => keys.fetched_at(),
        }
    }

    /// How many keys of the last good document were passed over.
    #[must_use]
    pub fn skipped(&self) -> usize {
        match self {
            Self::Published(ring) => ring.skipped().len(),
            Self::Named(_) => 0,
        }
    }
}

impl From<KeyRing> for KeyLife {
    fn from(ring: KeyRing) -> Self {
        Self::Published(ring)
    }
}

impl From<NamedKeys> for KeyLife {
    fn from(keys: NamedKeys) -> Self {
        Self::Named(keys)
    }
}
