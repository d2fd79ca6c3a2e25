//! Finds the one bearer token of a request.

use thiserror::Error;

/// The longest `Authorization` value that is looked at, in bytes.
pub const MAX_CREDENTIAL: usize = 16 * 1024;

/// Why a request carries no usable credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CredentialFault {
    /// There is none.
    #[error("the request carries no credential")]
    Missing,
    /// There are several; which one counts would be a guess.
    #[error("the request carries several credentials")]
    Several,
    /// The scheme is not `Bearer`.
    #[error("the authorization scheme is not `Bearer`")]
    Scheme,
    /// The scheme is `Bearer`, but what follows is not one token.
    #[error("what follows `Bearer` is not one token")]
    Malformed,
    /// There is one in the query, where logs and histories keep it ([RFC 9700 §4.3.2]).
    ///
    /// [RFC 9700 §4.3.2]: https://www.rfc-editor.org/rfc/rfc9700#section-4.3.2
    #[error("the request carries a credential in its query")]
    InQuery,
}

impl CredentialFault {
    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "credential_missing",
            Self::Several => "credential_several",
            Self::Scheme => "credential_scheme",
            Self::Malformed => "credential_malformed",
            Self::InQuery => "credential_in_query",
        }
    }
}

/// The bearer token among `headers`, all raw `Authorization` values of a request.
///
/// `Bearer` in any case, exactly one space, one `b64token` ([RFC 6750 §2.1]), nothing around it.
///
/// # Errors
/// When there is not exactly one value, or when it is something else.
///
/// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
pub fn bearer<'a>(mut headers: impl Iterator<Item = &'a [u8]>) -> Result<&'a str, CredentialFault> {
    let value = headers.next().ok_or(CredentialFault::Missing)?;
    if headers.next().is_some() {
        return Err(CredentialFault::Several);
    }
    if value.len() > MAX_CREDENTIAL {
        return Err(CredentialFault::Malformed);
    }
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or(value);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(CredentialFault::Scheme);
    }
    let token = value.get(scheme.len() + 1..).ok_or(CredentialFault::Malformed)?;
    if !is_token68(token) {
        return Err(CredentialFault::Malformed);
    }
    std::str::from_utf8(token).map_err(|_| CredentialFault::Malformed)
}

/// `1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`
fn is_token68(token: &[u8]) -> bool {
    let end = token.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let (text, _) = token.split_at(end);
    // Without an early end the loop runs over many bytes at once: this is on the path of every request.
    let all = text.iter().fold(true, |all, byte| {
        all & (byte.is_ascii_alphanumeric() | matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/'))
    });
    all && !text.is_empty()
}
