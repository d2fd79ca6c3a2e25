//! The drift alarm at one endpoint: when to look, and what was told already.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::redact::{Drift, KnownFields};
use crate::types::UnixTime;

/// Seconds between two answers that are looked at: a new field stays, and looking costs about as much as redacting.
const PAUSE: u64 = 10;
/// Unknown fields of one endpoint that are remembered, at most.
const MAX_TOLD: usize = 64;

/// The alarm of one endpoint.
pub(super) struct Alarm {
    known: Option<Arc<KnownFields>>,
    /// When an answer was looked at last, in seconds; 0 is never.
    looked: AtomicU64,
    told: Mutex<BTreeSet<String>>,
}

impl Alarm {
    /// The alarm of an endpoint whose answers are known to have these fields; without them it never rings.
    pub(super) const fn new(known: Option<Arc<KnownFields>>) -> Self {
        Self { known, looked: AtomicU64::new(0), told: Mutex::new(BTreeSet::new()) }
    }

    /// What looks at an answer that arrives now, if it is time.
    pub(super) fn look(&self, now: UnixTime) -> Option<Drift> {
        let known = self.known.as_ref()?;
        let (now, last) = (now.as_secs().max(1), self.looked.load(Ordering::Relaxed));
        // A clock that was put back does not stop it.
        if (last..last.saturating_add(PAUSE)).contains(&now) && last != 0 {
            return None;
        }
        let mine = self.looked.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
        mine.ok().map(|_| Drift::new(Arc::clone(known)))
    }

    /// Those of `found` that were not told before, and how many there are with those that were.
    pub(super) fn news<'a>(&self, found: &'a BTreeSet<String>) -> (Vec<&'a str>, usize) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = |field: &&String| told.len() < MAX_TOLD && told.insert((*field).clone());
        let news = found.iter().filter(|field| is_new(field)).map(String::as_str).collect();
        (news, told.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm() -> Alarm {
        Alarm::new(Some(Arc::new(KnownFields::parse(["$.a"]).unwrap())))
    }

    #[test]
    fn one_answer_in_ten_seconds_is_looked_at() {
        let alarm = alarm();
        for (second, wanted) in
            [(100, true), (100, false), (109, false), (110, true), (119, false), (120, true), (50, true), (55, false)]
        {
            assert_eq!(alarm.look(UnixTime::from_secs(second)).is_some(), wanted, "at {second}");
        }
        assert!(Alarm::new(None).look(UnixTime::from_secs(1)).is_none());
    }

    #[test]
    fn each_field_is_told_once_and_no_more_than_are_remembered() {
        let alarm = alarm();
        let fields = |from: usize, to: usize| (from..to).map(|at| format!("$.f{at:03}")).collect::<BTreeSet<_>>();
        assert_eq!(alarm.news(&fields(0, 2)), (vec!["$.f000", "$.f001"], 2));
        assert_eq!(alarm.news(&fields(1, 3)), (vec!["$.f002"], 3));
        assert_eq!(alarm.news(&fields(1, 3)), (vec![], 3));
        let many = fields(0, 100);
        let (news, count) = alarm.news(&many);
        assert_eq!((news.len(), count), (MAX_TOLD - 3, MAX_TOLD));
        assert_eq!(alarm.news(&many), (vec![], MAX_TOLD));
    }
}
