//! The only place that reads a clock. Everything else takes the time as an argument.

use crate::types::UnixTime;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The wall clock: for tokens, certificates, audit records.
///
/// A clock set before 1970 reads as 1970, where every token has yet to begin.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The clock that only goes forward: for deadlines and durations.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn instant() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_past_the_year_2020_and_the_other_one_never_goes_back() {
        assert!(now() > UnixTime::from_secs(1_577_836_800));
        let before = instant();
        assert!(instant() >= before);
    }
}
