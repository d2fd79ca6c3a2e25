//! Why a key set could not be fetched, or an issuer not be asked.

use crate::upstream::FetchError;

/// Why there is no key document or no answer. Closed; free of anything the issuer sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// A URL is unusable; the text names the rule.
    #[error("the URL is unusable: {0}")]
    Url(&'static str),
    /// The host has no address.
    #[error("the issuer's host name cannot be resolved")]
    Unresolved,
    /// The host has an address that must not be called without the operator's word.
    #[error("the issuer's host has a private or special address, and `allow_private_addresses` is not set")]
    AddressRefused,
    /// Plain HTTP to something else than this machine.
    #[error("plain http is for loopback addresses only")]
    PlainText,
    /// The HTTP exchange failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer is not a 200; redirects are not followed.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// The discovery document is no JSON object with `issuer` and `jwks_uri`.
    #[error("the discovery document is malformed")]
    Discovery,
    /// The discovery document speaks for another issuer.
    #[error("the discovery document names another issuer")]
    IssuerMismatch,
    /// The discovery document points to a host that is neither the issuer's nor listed in `jwks_hosts`.
    #[error("`jwks_uri` is on another host than the issuer")]
    JwksHost,
    /// A key set file cannot be read, or is no regular file.
    #[error("the key set file cannot be read ({0})")]
    File(std::io::ErrorKind),
    /// A key set file is too large.
    #[error("the key set file is too large")]
    FileTooLarge,
    /// The file of monward's own secret or token cannot be used; the text says why, and nothing of the file.
    #[error("the file of the secret cannot be used: {0}")]
    SecretFile(&'static str),
}

impl OidcError {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Unresolved => "unresolved",
            Self::AddressRefused => "address_refused",
            Self::PlainText => "plain_text",
            Self::Fetch(error) => error.label(),
            Self::Status(_) => "status",
            Self::Discovery => "discovery",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::JwksHost => "jwks_host",
            Self::File(_) => "file",
            Self::FileTooLarge => "file_too_large",
            Self::SecretFile(_) => "secret_file",
        }
    }
}
