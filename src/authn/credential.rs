//! Finds the one credential in the `Authorization` field of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use crate::types::Secret;

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
    /// The scheme is not one that is accepted here.
    #[error("the authorization scheme is not accepted")]
    Scheme,
    /// The scheme is accepted, but what follows is not what it says.
    #[error("what follows the authorization scheme is malformed")]
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

/// What one `Authorization` value holds.
#[derive(Debug)]
pub enum Credential<'a> {
    /// A bearer token ([RFC 6750 §2.1]).
    ///
    /// [RFC 6750 §2.1]: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    Bearer(&'a str),
    /// A name and a password ([RFC 7617 §2]).
    ///
    /// [RFC 7617 §2]: https://www.rfc-editor.org/rfc/rfc7617#section-2
    Basic {
        /// The name.
        user: String,
        /// The password: a token or a static key.
        password: Secret<String>,
    },
}

/// The credential among `headers`, all raw `Authorization` values of a request; `None` when there is no value.
///
/// `Bearer` or, where `basic` is on, `Basic`, in any case, exactly one space, one `token68`, nothing around it.
///
/// # Errors
/// When there are several values, or when the one is something else.
pub fn credential<'a>(
    mut headers: impl Iterator<Item = &'a [u8]>,
    basic: bool,
) -> Result<Option<Credential<'a>>, CredentialFault> {
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(CredentialFault::Several);
    }
    if value.len() > MAX_CREDENTIAL {
        return Err(CredentialFault::Malformed);
    }
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or(value);
    let is_basic = basic && scheme.eq_ignore_ascii_case(b"basic");
    if !is_basic && !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(CredentialFault::Scheme);
    }
    let token = value.get(scheme.len() + 1..).filter(|token| is_token68(token)).ok_or(CredentialFault::Malformed)?;
    let token = std::str::from_utf8(token).map_err(|_| CredentialFault::Malformed)?;
    if !is_basic {
        return Ok(Some(Credential::Bearer(token)));
    }
    let pair = STANDARD.decode(token).ok().and_then(|pair| String::from_utf8(pair).ok());
    let pair = pair.filter(|pair| !pair.contains(char::is_control)).ok_or(CredentialFault::Malformed)?;
    let (user, password) = pair.split_once(':').ok_or(CredentialFault::Malformed)?;
    Ok(Some(Credential::Basic { user: user.to_owned(), password: Secret::new(password.to_owned()) }))
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
