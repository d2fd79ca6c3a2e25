//! WHAT HAPPENED: one outcome becomes one record becomes one line.
//!
//! In: what the edge saw of a request or a refused connection. Out: one line of JSON in ASCII, whatever the client
//! sent: control characters, line separators and terminal escapes are spelled `\u00XX`. A record never holds a
//! credential, a claim, a header or a body; its texts are names of the configuration, canonical spellings and
//! identifiers that were verified.

mod line;

use std::borrow::Cow;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use line::{ascii_json, write_line};

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It went upstream and an answer left.
    Permit,
    /// It was refused before the upstream was asked.
    Deny,
    /// It went upstream, and nothing of what came back left.
    Withhold,
}

impl Decision {
    /// The label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
            Self::Withhold => "withhold",
        }
    }
}

/// The record of one request, or of one refused connection.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// When it came in, RFC 3339 in UTC with milliseconds.
    pub time: &'a str,
    /// Its id; the client got the same.
    pub request_id: &'a str,
    /// The listener's configured address.
    pub listener: &'a str,
    /// The address it came from.
    pub source: IpAddr,
    /// `HTTP/1.1`, `HTTP/2`, or `-` when no request was read.
    pub protocol: &'static str,
    /// `forward_auth` when a proxy asked about somebody's request, and fetches by itself what is permitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'static str>,
    /// Who asked, once proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<Who<'a>>,
    /// The roles that the policy gives to whoever asked, once it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<&'a str>>,
    /// The upstream's configured name, once it is known which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<&'a str>,
    /// The tenant whose part alone left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// The endpoint's name in the catalogue, once understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<&'a str>,
    /// The canonical path and arguments, once understood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<&'a str>,
    /// What was decided.
    pub decision: Decision,
    /// The rule that decided, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    /// Why, as a closed list of words.
    pub reason: &'static str,
    /// What a rule in shadow would have decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow<'a>>,
    /// The status that the client got; 0 when the connection was closed without one.
    pub status: u16,
    /// The status that the upstream gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_status: Option<u16>,
    /// How often each selector struck.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<Redaction<'a>>,
    /// How often the safety net masked a secret-shaped text.
    #[serde(skip_serializing_if = "is_zero")]
    pub masked: u64,
    /// The bytes of the answer's body that were sent.
    pub bytes: u64,
    /// `true` when the client went away, or was cut, before the answer had left whole.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// From the end of the request's head to the end of the answer, in microseconds.
    pub duration_us: u64,
    /// The part of it spent on the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_us: Option<u64>,
}

/// Who asked.
#[derive(Debug, Serialize)]
pub struct Who<'a> {
    /// The issuer's configured name.
    pub issuer: &'a str,
    /// The subject.
    pub subject: &'a str,
    /// How it was proven.
    pub method: &'static str,
    /// What was proven besides: a client certificate beside a token, for one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Who<'a>>,
}

/// What a rule in shadow would have decided.
#[derive(Debug, Serialize)]
pub struct Shadow<'a> {
    /// Permit or deny.
    pub decision: Decision,
    /// The rule.
    pub rule: &'a str,
}

/// One selector that struck.
#[derive(Debug, Serialize)]
pub struct Redaction<'a> {
    /// The selector, behind `names` or `texts` where the rule is about parts of them.
    pub selector: Cow<'a, str>,
    /// How often.
    pub count: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}
