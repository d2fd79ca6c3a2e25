//! Small values that every module shares: time, TLS versions, request ids, secrets.
//!
//! Nothing here reads a clock or a random source; both come in as arguments.

use std::fmt;
use std::time::Duration;

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixTime(u64);

impl UnixTime {
    /// From whole milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the epoch; saturates at the far end of time.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole seconds since the epoch (rounded down), as `exp` and `nbf` count.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This time plus `span`, at most the far end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This time less `span`, at least the epoch.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The time since `earlier`; zero when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A version of TLS that monward speaks, the older one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.2.
    V12,
    /// TLS 1.3.
    V13,
}

impl TlsVersion {
    /// The version that files call `text`: `1.2`, `1.3`.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "1.2" => Some(Self::V12),
            "1.3" => Some(Self::V13),
            _ => None,
        }
    }
}

/// The id of one request: 128 random bits, spelled as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 32]);

impl RequestId {
    /// From 128 random bits.
    #[must_use]
    pub fn new(random: u128) -> Self {
        let mut text = [b'0'; 32];
        for (place, digit) in text.iter_mut().zip((0..32).rev()) {
            let nibble = u8::try_from((random >> (digit * 4)) & 0xf).unwrap_or_default();
            *place = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        }
        Self(text)
    }

    /// The 32 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // INVARIANT: only ASCII digits and letters, see `new`.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value that must never be printed, logged, serialized or copied by accident.
///
/// ```
/// let secret = monward::types::Secret::new("hunter2".to_owned());
/// assert_eq!(format!("{secret:?}"), "<secret>");
/// ```
///
/// It cannot be displayed, cloned or serialized:
///
/// ```compile_fail
/// let secret = monward::types::Secret::new("hunter2".to_owned());
/// println!("{secret}");
/// ```
/// ```compile_fail
/// let secret = monward::types::Secret::new("hunter2".to_owned());
/// let copy = secret.clone();
/// # drop(copy);
/// ```
/// ```compile_fail
/// let secret = monward::types::Secret::new("hunter2".to_owned());
/// serde_json::to_string(&secret).unwrap();
/// ```
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps `value`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Each call is a place to review.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_32_hexadecimal_digits() {
        assert_eq!(RequestId::new(0x0123_4567_89ab_cdef).to_string(), "00000000000000000123456789abcdef");
        assert_eq!(RequestId::new(u128::MAX).as_str(), "f".repeat(32));
    }

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(UnixTime::from_secs(u64::MAX).plus(Duration::from_secs(1)).as_millis(), u64::MAX);
        assert_eq!(UnixTime::from_secs(1).since(UnixTime::from_secs(2)), Duration::ZERO);
    }
}
