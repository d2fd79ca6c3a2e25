//! The shapes of names in certificates: SPIFFE IDs, other URIs, DNS names, e-mail addresses.

/// The longest name that is looked at, in bytes; also the longest SPIFFE ID ([SPIFFE-ID §2.3]).
///
/// [SPIFFE-ID §2.3]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#23-maximum-spiffe-id-length
pub(super) const MAX_NAME: usize = 2048;

/// The longest trust domain, in bytes.
const MAX_TRUST_DOMAIN: usize = 255;
/// The longest DNS name, in bytes (RFC 1035 §2.3.4).
const MAX_DNS: usize = 253;
/// The longest label of a DNS name, in bytes.
const MAX_LABEL: usize = 63;

/// Whether a name can be shown, compared and cut off nowhere: printable ASCII of a sane length.
pub(super) fn is_plain(name: &str) -> bool {
    let printable = name.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    printable && !name.is_empty() && name.len() <= MAX_NAME
}

/// Whether a URI says of itself that it is a SPIFFE ID, in any case of its scheme.
pub(super) fn claims_spiffe(uri: &str) -> bool {
    scheme(uri).is_some_and(|scheme| scheme.eq_ignore_ascii_case("spiffe"))
}

/// Whether it is a SPIFFE ID of a workload: `spiffe://trust.domain/a/path` ([SPIFFE-ID §2]).
///
/// [SPIFFE-ID §2]: https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md#2-spiffe-identity
pub(super) fn is_spiffe_id(uri: &str) -> bool {
    let parts = uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
    let Some((trust_domain, path)) = parts else { return false };
    uri.len() <= MAX_NAME && is_trust_domain(trust_domain) && path.split('/').all(is_segment)
}

/// Whether it can be the trust domain of a SPIFFE ID; a port, a user or upper case cannot.
pub(super) fn is_trust_domain(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= MAX_TRUST_DOMAIN && text.bytes().all(allowed)
}

/// Whether it is one segment of a path that says what it means: neither empty, nor dots, nor encoded.
pub(super) fn is_segment(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(text, "" | "." | "..") && text.bytes().all(allowed)
}

/// Whether a URI that is no SPIFFE ID is one at all: a scheme, and only characters of RFC 3986 §2 behind it.
pub(super) fn is_uri(uri: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let Some(scheme) = scheme(uri) else { return false };
    uri.len() > scheme.len() + 1 && uri.len() <= MAX_NAME && uri.bytes().all(allowed)
}

/// The scheme of a URI (RFC 3986 §3.1), as written.
pub(super) fn scheme(uri: &str) -> Option<&str> {
    let (scheme, _) = uri.split_once(':')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins && scheme.bytes().all(allowed)).then_some(scheme)
}

/// Whether it is a DNS name in lower case, without a wildcard.
pub(super) fn is_dns_name(text: &str) -> bool {
    text.len() <= MAX_DNS && text.split('.').all(is_label)
}

/// Whether it is one label of a DNS name in lower case.
pub(super) fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !text.is_empty() && text.len() <= MAX_LABEL && text.bytes().all(allowed)
}

/// The local part and the domain of an e-mail address with exactly one `@`. With several, which one counts would be a
/// guess.
pub(super) fn mailbox(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.split_once('@')?;
    (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some((local, domain))
}
