//! One line of an audit file, read back.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Deserialize;

use crate::audit::Decision;
use crate::authz::Circumstances;
use crate::types::UnixTime;

/// The record of one request or of one refused connection, as a line of an audit file tells it.
///
/// Members that this version does not know are passed over; a known one of the wrong type makes the line a broken one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Recorded {
    /// When it came in, RFC 3339 in UTC.
    pub time: String,
    /// Its id: 32 hexadecimal digits.
    pub request_id: String,
    /// The listener's configured address.
    pub listener: String,
    /// The upstream's configured name.
    pub upstream: Option<String>,
    /// Where it came from.
    pub source: IpAddr,
    /// `HTTP/1.1`, `HTTP/2`, or `-`.
    pub protocol: String,
    /// `forward_auth`: a proxy asked what its client may.
    pub via: Option<String>,
    /// Who asked, once proven.
    pub principal: Option<Caller>,
    /// The roles that the policy of that time gave; `None` where the record does not tell.
    pub roles: Option<Vec<String>>,
    /// The tenant whose part alone left.
    pub tenant: Option<String>,
    /// The endpoint's name.
    pub endpoint: Option<String>,
    /// Canonical path and arguments; of what was permitted, with what the rule added.
    pub request: Option<String>,
    /// What was decided.
    pub decision: Decision,
    /// The rule that decided.
    pub rule: Option<String>,
    /// Why.
    pub reason: String,
    /// The status that the client got; 0 for none.
    pub status: u16,
    /// The status that the upstream gave.
    pub upstream_status: Option<u16>,
    /// How often each selector struck.
    #[serde(default)]
    pub redactions: Vec<Struck>,
    /// How often the safety net struck.
    #[serde(default)]
    pub masked: u64,
    /// The bytes of body that were sent.
    #[serde(default)]
    pub bytes: u64,
    /// Whether the answer did not leave whole.
    #[serde(default)]
    pub cut: bool,
    /// How long it took, in microseconds.
    #[serde(default)]
    pub duration_us: u64,
    /// The upstream's part of it.
    pub upstream_us: Option<u64>,
    /// What a rule in shadow mode would have decided.
    pub shadow: Option<Shadow>,
}

/// Who asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Caller {
    /// The issuer's configured name.
    pub issuer: String,
    /// The subject.
    pub subject: String,
    /// How it was proven.
    pub method: String,
    /// What was proven besides.
    #[serde(default)]
    pub also: Vec<Caller>,
}

/// One selector that struck.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Struck {
    /// The selector.
    pub selector: String,
    /// How often.
    pub count: u64,
}

/// What would have been decided.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Shadow {
    /// What.
    pub decision: Decision,
    /// By which rule.
    pub rule: String,
}

impl Recorded {
    /// Reads one line.
    ///
    /// # Errors
    /// What is wrong with it, in words for the operator.
    pub fn parse(line: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if !is_time(&record.time) {
            return Err("`time` is not a time such as `2026-01-02T03:04:05.678Z`".to_owned());
        }
        if request_id(&record.request_id).as_ref() != Some(&record.request_id) {
            return Err("`request_id` is not 32 hexadecimal digits".to_owned());
        }
        Ok(record)
    }

    /// What was known besides who asked for what; the version of TLS is not recorded.
    #[must_use]
    pub fn circumstances(&self) -> Circumstances {
        let time = self.time.parse::<Timestamp>().ok();
        let now = time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).map(UnixTime::from_millis);
        // The address of a proxy is not its client's.
        let source = Some(self.source).filter(|_| self.via.is_none());
        Circumstances { now, source, ..Circumstances::default() }
    }

    /// The minute in which it came in.
    #[must_use]
    pub fn minute(&self) -> &str {
        self.time.get(..16).unwrap_or_default()
    }

    /// The roles of that time.
    #[must_use]
    pub fn known_roles(&self) -> Option<&[String]> {
        self.roles.as_deref()
    }
}

impl Caller {
    /// All that was proven, each on its own.
    pub fn proofs(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.also)
    }
}

/// The 32 digits of a request id, however it is written: `urn:uuid:` in front, dashes, capitals.
#[must_use]
pub fn request_id(text: &str) -> Option<String> {
    let digits = text.strip_prefix("urn:uuid:").unwrap_or(text).replace('-', "").to_ascii_lowercase();
    let good = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then_some(digits)
}

/// `2026-01-02T03:04:05Z`, with or without a fraction.
fn is_time(text: &str) -> bool {
    let shape = b"0000-00-00T00:00:00";
    let (Some(start), Some(rest)) = (text.as_bytes().get(..shape.len()), text.get(shape.len()..)) else { return false };
    let fits = |(byte, wanted): (&u8, &u8)| if *wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    let fraction = rest.strip_suffix('Z').map(|fraction| fraction.strip_prefix('.').unwrap_or(fraction));
    start.iter().zip(shape).all(fits) && fraction.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}
