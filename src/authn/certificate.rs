//! The names that a client certificate proves.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{BasicConstraints, GeneralName, KeyUsage, SubjectAlternativeName};
use x509_parser::oid_registry::{
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE, OID_X509_EXT_SUBJECT_ALT_NAME, Oid,
};
use x509_parser::parse_x509_certificate;
use x509_parser::prelude::FromDer;

use super::name_pattern::NameKind;
use super::names::{MAX_NAME, claims_spiffe, is_plain, is_spiffe_id, is_uri};
use super::principal::{Principal, Proof};
use crate::types::UnixTime;

/// Why a client certificate proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum CertificateFault {
    /// It cannot be read.
    #[error("the client certificate cannot be read")]
    Malformed,
    /// There is none, on a listener that demands one.
    #[error("the connection shows no client certificate")]
    Missing,
    /// It is that of an authority, which signs others and never speaks for itself.
    #[error("the client certificate is that of an authority")]
    Authority,
    /// Its key is not for signatures.
    #[error("the key of the client certificate is not for signatures")]
    KeyUsage,
    /// A name in it is empty, far too long, or has a character that others may read differently.
    #[error("the client certificate has a name that is not plain ASCII")]
    Name,
    /// It has several URIs; which one counts would be a guess.
    #[error("the client certificate has several URIs")]
    SeveralUris,
    /// Its SPIFFE ID is malformed.
    #[error("the client certificate has a malformed SPIFFE ID")]
    SpiffeId,
    /// It has not begun.
    #[error("the client certificate is not valid yet")]
    NotYetValid,
    /// It has ended.
    #[error("the client certificate has expired")]
    Expired,
    /// Its authority revoked it.
    #[error("the client certificate was revoked")]
    Revoked,
    /// There are revocation lists, but none of its authority.
    #[error("no revocation list covers the client certificate")]
    RevocationUnknown,
    /// The revocation list of its authority has ended.
    #[error("the revocation list for the client certificate has expired")]
    RevocationListExpired,
    /// The revocation list of its authority cannot be used: it is signed by somebody else, for example.
    #[error("the revocation list for the client certificate cannot be used")]
    RevocationList,
    /// No trusted authority issued it.
    #[error("no trusted authority issued the client certificate")]
    UnknownIssuer,
    /// It is not for clients (extended key usage).
    #[error("the client certificate is not for clients")]
    Purpose,
    /// A signature is wrong, or of a kind that is not accepted.
    #[error("a signature of the client certificate is not accepted")]
    Signature,
    /// Its chain breaks another rule: name constraints, length, depth of search.
    #[error("the chain of the client certificate breaks a rule")]
    Chain,
}

impl CertificateFault {
    /// The label in metrics and audit records.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Malformed => "certificate_malformed",
            Self::Missing => "certificate_missing",
            Self::Authority => "certificate_of_authority",
            Self::KeyUsage => "certificate_key_usage",
            Self::Name => "certificate_name",
            Self::SeveralUris => "certificate_several_uris",
            Self::SpiffeId => "certificate_spiffe_id",
            Self::NotYetValid => "certificate_not_yet_valid",
            Self::Expired => "certificate_expired",
            Self::Revoked => "certificate_revoked",
            Self::RevocationUnknown => "certificate_revocation_unknown",
            Self::RevocationListExpired => "crl_expired",
            Self::RevocationList => "crl_unusable",
            Self::UnknownIssuer => "certificate_unknown_issuer",
            Self::Purpose => "certificate_purpose",
            Self::Signature => "certificate_signature",
            Self::Chain => "certificate_chain",
        }
    }
}

/// What counts of a client certificate. Whether it is trusted was decided before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The URI in its subject alternative names; a SPIFFE ID where its scheme is `spiffe`.
    pub uri: Option<String>,
    /// The DNS names there, in lower case.
    pub dns: Vec<String>,
    /// The e-mail addresses there.
    pub emails: Vec<String>,
    /// The common name of its subject; proves nothing unless a policy names it.
    pub common_name: Option<String>,
    /// Its serial number in lower-case hexadecimal, without leading zeros.
    pub serial: String,
    /// The SHA-256 of its DER.
    pub fingerprint: [u8; 32],
}

impl Certificate {
    /// Reads the client's own certificate, which was found trustworthy before ([X509-SVID §4 and §5.2], RFC 5280).
    ///
    /// Who it is valid for, and until when, is all that is read here; the chain and the clock are judged by TLS.
    ///
    /// # Errors
    /// When it cannot be read without doubt. A name that is no name is never passed over for the sake of another.
    ///
    /// [X509-SVID §4 and §5.2]: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md
    pub fn read(leaf: &[u8]) -> Result<Arc<Principal>, CertificateFault> {
        let (rest, parsed) = parse_x509_certificate(leaf).map_err(|_| CertificateFault::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateFault::Malformed);
        }
        let mut certificate = Self {
            common_name: common_name(&parsed)?,
            serial: serial(parsed.raw_serial()),
            fingerprint: digest(&SHA256, leaf).as_ref().try_into().map_err(|_| CertificateFault::Malformed)?,
            ..Self::default()
        };
        if let Some(names) = extension::<SubjectAlternativeName<'_>>(&parsed, &OID_X509_EXT_SUBJECT_ALT_NAME)? {
            certificate.take_names(&names.general_names)?;
        }
        speaks_for_itself(&parsed)?;
        let end = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
        Ok(Arc::new(Principal::new(Proof::certificate(certificate, UnixTime::from_secs(end)))))
    }

    /// What it is called in records and budgets: its first name, in the order of the fields.
    #[must_use]
    pub fn subject(&self) -> String {
        let name = self.uri.as_ref().or(self.dns.first()).or(self.emails.first()).or(self.common_name.as_ref());
        name.cloned().unwrap_or_else(|| format!("serial {}", self.serial))
    }

    /// Adds a name; of a kind that stands once, it replaces the other. For suppositions, which nobody proves.
    pub fn name(&mut self, kind: NameKind, name: &str) {
        match kind {
            NameKind::Uri => self.uri = Some(name.to_owned()),
            NameKind::Dns => self.dns.push(name.to_ascii_lowercase()),
            NameKind::Email => self.emails.push(name.to_owned()),
            NameKind::CommonName => self.common_name = Some(name.to_owned()),
        }
    }

    /// All its names, of every kind.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        let one = self.uri.iter().chain(&self.common_name);
        one.chain(&self.dns).chain(&self.emails)
    }

    fn take_names(&mut self, names: &[GeneralName<'_>]) -> Result<(), CertificateFault> {
        let mut uris = 0;
        for name in names {
            match name {
                GeneralName::URI(uri) => {
                    uris += 1;
                    self.uri = sane_uri(plain(uri)?)?;
                }
                GeneralName::DNSName(name) => self.dns.push(plain(name)?.to_ascii_lowercase()),
                GeneralName::RFC822Name(address) => self.emails.push(plain(address)?.to_owned()),
                GeneralName::Invalid(..) => return Err(CertificateFault::Name),
                GeneralName::OtherName(..)
                | GeneralName::X400Address(_)
                | GeneralName::DirectoryName(_)
                | GeneralName::EDIPartyName(_)
                | GeneralName::IPAddress(_)
                | GeneralName::RegisteredID(_) => {}
            }
        }
        if uris > 1 { Err(CertificateFault::SeveralUris) } else { Ok(()) }
    }
}

/// Whether it is the certificate of one who acts, not of one who signs certificates ([X509-SVID §5.2]).
///
/// A key that nobody says a purpose of is for all of them (RFC 5280 §4.2.1.3).
///
/// [X509-SVID §5.2]: https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#52-leaf-validation
fn speaks_for_itself(parsed: &X509Certificate<'_>) -> Result<(), CertificateFault> {
    let constraints = extension::<BasicConstraints>(parsed, &OID_X509_EXT_BASIC_CONSTRAINTS)?;
    let usage = extension::<KeyUsage>(parsed, &OID_X509_EXT_KEY_USAGE)?;
    let signs = usage.as_ref().is_some_and(|usage| usage.key_cert_sign() || usage.crl_sign());
    if signs || constraints.is_some_and(|constraints| constraints.ca) {
        return Err(CertificateFault::Authority);
    }
    if usage.is_none_or(|usage| usage.digital_signature()) { Ok(()) } else { Err(CertificateFault::KeyUsage) }
}

fn plain(name: &str) -> Result<&str, CertificateFault> {
    if is_plain(name) { Ok(name) } else { Err(CertificateFault::Name) }
}

/// A SPIFFE ID must be a good one; any other URI counts when it is one at all.
fn sane_uri(uri: &str) -> Result<Option<String>, CertificateFault> {
    if claims_spiffe(uri) && !is_spiffe_id(uri) {
        return Err(CertificateFault::SpiffeId);
    }
    Ok(is_uri(uri).then(|| uri.to_owned()))
}

/// The common name, where there is exactly one that is text.
fn common_name(parsed: &X509Certificate<'_>) -> Result<Option<String>, CertificateFault> {
    let mut names = parsed.subject().iter_common_name();
    let (Some(name), None) = (names.next(), names.next()) else { return Ok(None) };
    match name.as_str() {
        Ok(name) if name.contains(char::is_control) || name.len() > MAX_NAME => Err(CertificateFault::Name),
        Ok(name) => Ok(Some(name.to_owned()).filter(|name| !name.is_empty())),
        Err(_) => Ok(None),
    }
}

/// The one extension of that kind, read to its last byte; a second one, or one that cannot be read, is a fault.
fn extension<'a, T: FromDer<'a, X509Error>>(
    parsed: &X509Certificate<'a>,
    oid: &Oid<'_>,
) -> Result<Option<T>, CertificateFault> {
    let found = parsed.get_extension_unique(oid).map_err(|_| CertificateFault::Malformed)?;
    let Some(found) = found else { return Ok(None) };
    match T::from_der(found.value) {
        Ok(([], value)) => Ok(Some(value)),
        Ok(_) | Err(_) => Err(CertificateFault::Malformed),
    }
}

fn serial(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16);
    let digits: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).flatten().collect();
    let short = digits.trim_start_matches('0');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}
