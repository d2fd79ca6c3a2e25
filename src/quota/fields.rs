//! What a caller is told who came too often.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::authz::{Limit, RuleId, Unit};

/// A request that came too soon: the limit that turned it away, and when the next one may come.
///
/// The header fields describe that limit and no other, and do not name its rule: a caller must not learn it
/// ([draft-ietf-httpapi-ratelimit-headers](https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    limit: Limit,
    retry_after: Duration,
}

impl Exceeded {
    pub(super) fn new(limit: Limit, wait: Duration) -> Self {
        let rounded_up = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { limit, retry_after: Duration::from_secs(rounded_up.max(1)) }
    }

    /// For a permit whose limit nobody knows.
    pub(super) fn unknown(rule: &RuleId) -> Self {
        let (one, second) = (NonZeroU32::MIN, Duration::from_secs(1));
        Self::new(Limit { rule: rule.clone(), count: one, period: second, burst: one, unit: Unit::Requests }, second)
    }

    /// The limit.
    #[must_use]
    pub const fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The time until one request is let through: whole seconds, rounded up, at least one (RFC 9110 §10.2.3).
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        self.retry_after
    }

    /// The value of `RateLimit`: none left, the next one in so many seconds.
    #[must_use]
    pub fn field(&self) -> String {
        format!("\"endpoint\";r=0;t={}", self.retry_after.as_secs())
    }

    /// The value of `RateLimit-Policy`: so many requests in so many seconds.
    #[must_use]
    pub fn policy_field(&self) -> String {
        format!("\"endpoint\";q={};w={}", self.limit.count, self.limit.period.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Policy;

    #[test]
    fn seconds_are_rounded_up_and_never_zero() {
        let text = "version: 1\ncatalog: nats\nrules: [{ id: r, endpoints: [varz], allow: any, limit: { rate: 1/s } }]";
        let policy = Policy::parse("p.yaml", text, &crate::catalog::Catalogs::builtin()).unwrap();
        for (millis, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (59_500, 60)] {
            let exceeded = Exceeded::new(policy.limits()[0].clone(), Duration::from_millis(millis));
            assert_eq!(exceeded.retry_after(), Duration::from_secs(seconds), "{millis}");
        }
    }
}
