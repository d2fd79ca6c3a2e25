//! Dates as text: the `Date` field (RFC 9110 §5.6.7) and audit records (RFC 3339), each formatted once per second.

use std::cell::RefCell;

use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use crate::types::UnixTime;

const IMF_FIXDATE: StaticFormatDescription =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

const RFC_3339_SECOND: StaticFormatDescription = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].");

/// A second and its text.
type Last = RefCell<(u64, String)>;

thread_local! {
    static LAST_HTTP: Last = const { RefCell::new((u64::MAX, String::new())) };
    static LAST_RECORD: Last = const { RefCell::new((u64::MAX, String::new())) };
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
#[must_use]
pub fn http_date(now: UnixTime) -> String {
    LAST_HTTP.with_borrow_mut(|last| second(last, now, IMF_FIXDATE).to_owned())
}

/// `1994-11-06T08:49:37.123Z`.
#[must_use]
pub fn rfc3339(now: UnixTime) -> String {
    LAST_RECORD.with_borrow_mut(|last| format!("{}{:03}Z", second(last, now, RFC_3339_SECOND), now.as_millis() % 1000))
}

fn second(last: &mut (u64, String), now: UnixTime, format: StaticFormatDescription) -> &str {
    let (second, text) = last;
    if *second != now.as_secs() {
        *second = now.as_secs();
        let unix = i64::try_from(*second).unwrap_or(i64::MAX);
        let date = OffsetDateTime::from_unix_timestamp(unix).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        *text = date.format(format).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_milliseconds() {
        assert_eq!(rfc3339(UnixTime::from_millis(784_111_777_005)), "1994-11-06T08:49:37.005Z");
        assert_eq!(rfc3339(UnixTime::from_millis(784_111_777_999)), "1994-11-06T08:49:37.999Z");
        assert_eq!(rfc3339(UnixTime::from_millis(784_111_778_000)), "1994-11-06T08:49:38.000Z");
    }

    #[test]
    fn a_date_is_an_imf_fixdate() {
        assert_eq!(http_date(UnixTime::from_secs(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(UnixTime::from_millis(784_111_778_999)), "Sun, 06 Nov 1994 08:49:38 GMT");
    }
}
