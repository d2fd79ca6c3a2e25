//! How often tokens that name unknown keys may cause a fetch, over all issuers, and which names need none.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::key_name::KeyName;
use crate::types::UnixTime;

/// How long it is remembered that an issuer has no key of a name.
pub const ABSENT_FOR: Duration = Duration::from_mins(1);
/// The most such names that are remembered for one issuer.
pub const MAX_ABSENT: usize = 1000;

/// Why a token that names an unknown key causes no fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The issuer was asked for that very key a moment ago, and has none.
    Absent,
    /// The issuer fails to answer, or never did: it is asked again after the pauses of an outage.
    Failing,
    /// Too many fetches from this issuer of late.
    Issuer,
    /// Too many fetches for unknown keys from all issuers together.
    Overall,
}

/// Counts the fetches that unknown keys cause, from all issuers together: so many within any span of time.
///
/// It counts attempts. Fetches that are due anyway do not ask it.
#[derive(Clone, Debug)]
pub struct RefreshBudget {
    most: usize,
    span: Duration,
    /// The latest ones, the oldest first; never more than `most`.
    taken: VecDeque<UnixTime>,
}

impl RefreshBudget {
    /// `most` fetches within any `span`.
    #[must_use]
    pub const fn new(most: usize, span: Duration) -> Self {
        Self { most, span, taken: VecDeque::new() }
    }

    /// Takes one fetch, if one is left at `now`.
    pub fn take(&mut self, now: UnixTime) -> bool {
        let left = self.allows(now);
        if left {
            self.taken.push_back(now);
        }
        left
    }

    /// Whether one is left at `now`.
    pub(super) fn allows(&mut self, now: UnixTime) -> bool {
        // Those from the future are older than a clock that was set back since: kept, they would count for ever.
        self.taken.retain(|then| *then <= now && now.since(*then) < self.span);
        self.taken.len() < self.most
    }
}

impl Default for RefreshBudget {
    /// Ten a minute.
    fn default() -> Self {
        Self::new(10, Duration::from_mins(1))
    }
}

/// The names that an issuer was asked for and does not have.
#[derive(Clone, Debug, Default)]
pub(super) struct AbsentNames {
    since: HashMap<KeyName, UnixTime>,
}

impl AbsentNames {
    /// Whether the issuer was asked for `name` a moment ago, and has none.
    pub(super) fn has(&self, name: KeyName, now: UnixTime) -> bool {
        self.since.get(&name).is_some_and(|since| is_fresh(*since, now))
    }

    /// Remembers `name`, unless there are too many already: then the budgets alone count.
    pub(super) fn insert(&mut self, name: KeyName, now: UnixTime) {
        if self.since.len() >= MAX_ABSENT {
            self.since.retain(|_, since| is_fresh(*since, now));
        }
        if self.since.len() < MAX_ABSENT || self.since.contains_key(&name) {
            self.since.insert(name, now);
        }
    }

    /// Other keys are published: nothing is known of any name.
    pub(super) fn clear(&mut self) {
        self.since.clear();
    }
}

fn is_fresh(since: UnixTime, now: UnixTime) -> bool {
    since <= now && now.since(since) < ABSENT_FOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::Algorithm;

    const fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + seconds)
    }

    fn name(number: usize) -> KeyName {
        KeyName::of(Some(&number.to_string()), Algorithm::Es256)
    }

    #[test]
    fn b07_any_minute_has_ten_fetches_at_most() {
        let mut budget = RefreshBudget::default();
        let mut taken = Vec::new();
        for second in 0..600 {
            taken.extend((0..100).filter(|_| budget.take(at(second))).map(|_| second));
        }
        assert_eq!(taken.len(), 100);
        for start in 0..540 {
            assert!(taken.iter().filter(|second| (start..start + 60).contains(*second)).count() <= 10, "{start}");
        }
    }

    #[test]
    fn each_fetch_comes_back_when_its_own_time_is_over() {
        let mut budget = RefreshBudget::new(2, Duration::from_mins(1));
        assert_eq!([0, 30, 59].map(|second| budget.take(at(second))), [true, true, false]);
        assert_eq!([60, 60, 89, 90].map(|second| budget.take(at(second))), [true, false, false, true]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_shut_it_for_ever() {
        let mut budget = RefreshBudget::new(1, Duration::from_mins(1));
        assert!(budget.take(at(86_400)));
        assert_eq!([0, 1, 60].map(|second| budget.take(at(second))), [true, false, true]);
    }

    #[test]
    fn an_absent_name_is_remembered_for_a_minute() {
        let mut absent = AbsentNames::default();
        absent.insert(name(1), at(0));
        assert_eq!([0, 59, 60].map(|second| absent.has(name(1), at(second))), [true, true, false]);
        assert!(!absent.has(name(2), at(0)));
        absent.insert(name(1), at(100));
        assert!(!absent.has(name(1), at(50)), "before it was asked for: the clock was set back");
        absent.clear();
        assert!(!absent.has(name(1), at(100)));
    }

    #[test]
    fn a_flood_of_names_is_remembered_up_to_a_bound_and_forgotten_again() {
        let mut absent = AbsentNames::default();
        for number in 0..MAX_ABSENT * 3 {
            absent.insert(name(number), at(0));
        }
        assert_eq!(absent.since.len(), MAX_ABSENT);
        absent.insert(name(0), at(30));
        assert!(absent.has(name(0), at(80)), "one that is known is renewed");
        absent.insert(name(MAX_ABSENT * 3), at(61));
        assert_eq!(absent.since.len(), 2, "the old ones make room");
    }
}
