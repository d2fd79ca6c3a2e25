//! How often a rule allows a request.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::decision::RuleId;

/// A rate with a burst, counted for each principal and endpoint on their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rule that it belongs to.
    pub rule: RuleId,
    /// So many requests …
    pub count: NonZeroU32,
    /// … in this time, in the long run.
    pub period: Duration,
    /// So many may come at once after a pause.
    pub burst: NonZeroU32,
    /// What is counted.
    pub unit: Unit,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Each request as one.
    Requests,
    /// Each request as many times as its arguments make it cost the upstream, and never as more than the burst.
    Cost,
}

impl Limit {
    /// The most requests per period, and the largest burst.
    pub const MAX: u32 = 1_000_000;
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {} s, burst {}", self.count, self.period.as_secs(), self.burst)?;
        match self.unit {
            Unit::Requests => Ok(()),
            Unit::Cost => f.write_str(", by cost"),
        }
    }
}

/// Reads `6/min`: a whole number, a slash, and `s`, `sec`, `min`, `h` or `hour`.
///
/// # Errors
/// What is wrong, in words for the operator.
pub(super) fn parse_rate(text: &str) -> Result<(NonZeroU32, Duration), String> {
    const SHAPE: &str = "expected a rate such as `6/min`; units are `s`, `sec`, `min`, `h`, `hour`";
    let (count, unit) = text.split_once('/').ok_or(SHAPE)?;
    let period = match unit {
        "s" | "sec" => 1,
        "min" => 60,
        "h" | "hour" => 3600,
        _ => return Err(SHAPE.to_owned()),
    };
    if !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SHAPE.to_owned());
    }
    Ok((parse_count(count.parse().map_err(|_| SHAPE)?)?, Duration::from_secs(period)))
}

/// A number of requests from 1 to [`Limit::MAX`].
///
/// # Errors
/// What is wrong, in words for the operator.
pub(super) fn parse_count(number: i64) -> Result<NonZeroU32, String> {
    u32::try_from(number)
        .ok()
        .filter(|count| *count <= Limit::MAX)
        .and_then(NonZeroU32::new)
        .ok_or_else(|| format!("`{number}` is not from 1 to {}", Limit::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_one_spelling_per_unit() {
        for (text, count, seconds) in
            [("1/s", 1, 1), ("10/sec", 10, 1), ("6/min", 6, 60), ("7/h", 7, 3600), ("1000000/hour", 1_000_000, 3600)]
        {
            let (found, period) = parse_rate(text).unwrap();
            assert_eq!((found.get(), period.as_secs()), (count, seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in [
            "",
            "6",
            "/min",
            "6/",
            "6/m",
            "6/minute",
            "6 / min",
            " 6/min",
            "6/min ",
            "+6/min",
            "-6/min",
            "0/min",
            "6.5/min",
            "1000001/s",
            "99999999999999999999/s",
            "6/MIN",
            "six/min",
            "6/min/min",
            "٦/min",
        ] {
            assert!(parse_rate(text).is_err(), "{text:?}");
        }
    }
}
