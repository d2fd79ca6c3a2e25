//! Which client certificates a listener believes: authorities, revocation lists, and the verdict on a chain.
//!
//! A chain is judged in the handshake, and again while its connection lives: see [`ClientTrust::verify`]. With
//! revocation lists, the whole chain is looked up; a certificate that no list covers, and a list that has ended, are
//! refused (RFC 5280 §6.3).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime as PkiTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};
use x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
use x509_parser::time::ASN1Time;
use x509_parser::{parse_x509_certificate, parse_x509_crl};

use crate::authn::CertificateFault;
use crate::types::UnixTime;

/// Whether a client may come without a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// It may; one that is shown must be good.
    Optional,
    /// It may not.
    Required,
}

/// Why no client certificate could be believed; always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ClientTrustFault {
    /// A file cannot be read.
    #[error("cannot read `{}`: {problem}; {hint}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the reader said; never content of the file.
        problem: String,
        /// What should be there.
        hint: &'static str,
    },
    /// A file holds nothing of what it is for.
    #[error("there is nothing in `{}` that counts; {hint}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What should be there.
        hint: &'static str,
    },
    /// A certificate in the CA file is not that of an authority.
    #[error("certificate {number} in `{}` is no CA certificate; {CA_HINT}", path.display())]
    NotAuthority {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        number: usize,
    },
    /// A revocation list cannot be used.
    #[error("revocation list {number} in `{}` cannot be used: {problem}; {CRL_HINT}", path.display())]
    BadList {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Two revocation lists speak of the same certificates; which one counts would be a guess.
    #[error("`{}` and `{}` both hold the revocation list of `{issuer}`; leave only the newest", first.display(), second.display())]
    TwoLists {
        /// The file of the first.
        first: PathBuf,
        /// The file of the second.
        second: PathBuf,
        /// Who signed them.
        issuer: String,
    },
    /// rustls itself refuses to work; a mistake of ours.
    #[error("client certificates cannot be set up: {0}")]
    Setup(String),
}

const CA_HINT: &str = "`client_ca_file` must hold the certificates of the authorities that sign clients, as PEM";
const CRL_HINT: &str = "each of `crl_files` must hold revocation lists of these authorities, as PEM or DER";

/// The most of authorities' names that is sent to clients as a hint, in bytes. A message that holds more than 64 KiB of
/// them cannot be written (RFC 8446 §4.2.4), and every client must read it.
const MAX_HINTS: usize = 16 * 1024;

/// What can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExpiryKind {
    /// The certificate of an authority (`notAfter`).
    ClientCa,
    /// A revocation list (`nextUpdate`).
    Crl,
}

impl ExpiryKind {
    /// The label in metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ClientCa => "client_ca",
            Self::Crl => "crl",
        }
    }
}

/// When something ends that client certificates depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The authority, as its certificate or list names it.
    pub name: String,
    /// What ends.
    pub kind: ExpiryKind,
    /// When.
    pub at: UnixTime,
}

/// The client certificates that one listener believes, from one reading of its files.
#[derive(Debug)]
pub struct ClientTrust {
    generation: u64,
    demand: Demand,
    verifier: Arc<dyn ClientCertVerifier>,
    expiries: Vec<Expiry>,
}

/// One revocation list with where it came from.
struct List {
    path: PathBuf,
    der: CertificateRevocationListDer<'static>,
    /// Who signed it, and for which part of the certificates; `None` is all of them.
    issuer: Vec<u8>,
    part: Option<Vec<u8>>,
    expiry: Expiry,
}

impl ClientTrust {
    /// Reads all files now.
    ///
    /// # Errors
    /// When any file is missing, empty or holds something else: nothing is believed then, and nothing left out.
    pub fn load(ca_file: &Path, crl_files: &[PathBuf], demand: Demand) -> Result<Self, ClientTrustFault> {
        let (roots, mut expiries) = authorities(ca_file)?;
        let roots = Arc::new(roots);
        let mut lists = Vec::new();
        for path in crl_files {
            lists.extend(revocation_lists(path, &roots)?);
        }
        one_list_each(&lists)?;
        expiries.extend(lists.iter().map(|list| list.expiry.clone()));
        let provider = Arc::new(ring::default_provider());
        let hints: usize = roots.subjects().iter().map(|name| name.as_ref().len() + 2).sum();
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = if hints > MAX_HINTS { builder.clear_root_hint_subjects() } else { builder };
        let builder = builder.with_crls(lists.into_iter().map(|list| list.der)).enforce_revocation_expiration();
        let builder = match demand {
            Demand::Optional => builder.allow_unauthenticated(),
            Demand::Required => builder,
        };
        let verifier = builder.build().map_err(|error| ClientTrustFault::Setup(error.to_string()))?;
        Ok(Self { generation: next_generation(), demand, verifier, expiries })
    }

    /// Different for each reading of the files: what was verified under another one must be verified again.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a client may come without a certificate.
    #[must_use]
    pub const fn demand(&self) -> Demand {
        self.demand
    }

    /// When authorities and revocation lists end.
    #[must_use]
    pub fn expiries(&self) -> &[Expiry] {
        &self.expiries
    }

    /// Judges a chain as the handshake does, leaf first, without the signature that proves possession of its key.
    ///
    /// # Errors
    /// Why it is not, or no longer, believed.
    pub fn verify(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), CertificateFault> {
        let Some((leaf, others)) = chain.split_first() else { return Err(CertificateFault::Missing) };
        let now = PkiTime::since_unix_epoch(Duration::from_secs(now.as_secs()));
        match self.verifier.verify_client_cert(leaf, others, now) {
            Ok(_) => Ok(()),
            Err(error) => Err(fault(&error).unwrap_or(CertificateFault::Chain)),
        }
    }

    /// What the handshake asks.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }
}

/// What an error of a handshake says of the client's certificate; `None` when it was about something else.
#[must_use]
pub fn fault(error: &rustls::Error) -> Option<CertificateFault> {
    if let rustls::Error::InvalidCertificate(cause) = error {
        return Some(fault_of_chain(cause));
    }
    if matches!(error, rustls::Error::NoCertificatesPresented) {
        return Some(CertificateFault::Missing);
    }
    matches!(error, rustls::Error::InvalidCertRevocationList(_)).then_some(CertificateFault::RevocationList)
}

fn fault_of_chain(cause: &CertificateError) -> CertificateFault {
    use CertificateError as Error;
    let known = [
        (matches!(cause, Error::BadEncoding), CertificateFault::Malformed),
        (matches!(cause, Error::Expired | Error::ExpiredContext { .. }), CertificateFault::Expired),
        (matches!(cause, Error::NotValidYet | Error::NotValidYetContext { .. }), CertificateFault::NotYetValid),
        (matches!(cause, Error::Revoked), CertificateFault::Revoked),
        (matches!(cause, Error::UnknownIssuer), CertificateFault::UnknownIssuer),
        (matches!(cause, Error::UnknownRevocationStatus), CertificateFault::RevocationUnknown),
        (
            matches!(cause, Error::ExpiredRevocationList | Error::ExpiredRevocationListContext { .. }),
            CertificateFault::RevocationListExpired,
        ),
        (matches!(cause, Error::InvalidPurpose | Error::InvalidPurposeContext { .. }), CertificateFault::Purpose),
        (
            matches!(
                cause,
                Error::BadSignature
                    | Error::UnsupportedSignatureAlgorithmContext { .. }
                    | Error::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            ),
            CertificateFault::Signature,
        ),
    ];
    let found = known.into_iter().find_map(|(is, fault)| is.then_some(fault));
    found.unwrap_or(CertificateFault::Chain)
}

fn next_generation() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

fn authorities(path: &Path) -> Result<(RootCertStore, Vec<Expiry>), ClientTrustFault> {
    let content = content(path, CA_HINT)?;
    let (mut roots, mut expiries) = (RootCertStore::empty(), Vec::new());
    for (index, der) in CertificateDer::pem_slice_iter(&content).enumerate() {
        let der = der.map_err(|_| not_pem(path, CA_HINT))?;
        let bad = || ClientTrustFault::NotAuthority { path: path.to_owned(), number: index + 1 };
        expiries.push(authority(&der).ok_or_else(bad)?);
        roots.add(der).map_err(|_| bad())?;
    }
    if roots.is_empty() {
        return Err(ClientTrustFault::Empty { path: path.to_owned(), hint: CA_HINT });
    }
    Ok((roots, expiries))
}

/// What is to be known of the certificate of an authority; `None` when it is not one, but a client's, say.
fn authority(der: &CertificateDer<'_>) -> Option<Expiry> {
    let (_, parsed) = parse_x509_certificate(der).ok().filter(|(rest, _)| rest.is_empty())?;
    let signs = parsed.key_usage().ok()?.is_none_or(|usage| usage.value.key_cert_sign());
    let ca = parsed.basic_constraints().ok()?.is_some_and(|constraints| constraints.value.ca);
    let at = time(parsed.validity().not_after);
    (ca && signs).then(|| Expiry { name: parsed.subject().to_string(), kind: ExpiryKind::ClientCa, at })
}

fn revocation_lists(path: &Path, roots: &Arc<RootCertStore>) -> Result<Vec<List>, ClientTrustFault> {
    let content = content(path, CRL_HINT)?;
    let ders = if content.starts_with(&[DER_SEQUENCE]) {
        vec![CertificateRevocationListDer::from(content)]
    } else {
        let all: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&content).collect();
        all.map_err(|_| not_pem(path, CRL_HINT))?
    };
    if ders.is_empty() {
        return Err(ClientTrustFault::Empty { path: path.to_owned(), hint: CRL_HINT });
    }
    let bad = |index: usize, problem| ClientTrustFault::BadList { path: path.to_owned(), number: index + 1, problem };
    let read = |(index, der)| revocation_list(path, der, roots).map_err(|problem| bad(index, problem));
    ders.into_iter().enumerate().map(read).collect()
}

/// The tag that every DER file of this kind begins with, and no PEM file.
const DER_SEQUENCE: u8 = 0x30;

fn revocation_list(
    path: &Path,
    der: CertificateRevocationListDer<'static>,
    roots: &Arc<RootCertStore>,
) -> Result<List, String> {
    // Whoever judges by it must be able to read it.
    WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::new(ring::default_provider()))
        .with_crls([der.clone()])
        .build()
        .map_err(|error| error.to_string())?;
    let (rest, parsed) = parse_x509_crl(&der).map_err(|_| "it cannot be read".to_owned())?;
    let end = parsed.next_update().filter(|_| rest.is_empty()).ok_or("it does not say when it ends")?;
    let part = parsed.extensions().iter().find(|extension| extension.oid == OID_X509_EXT_ISSUER_DISTRIBUTION_POINT);
    let part = part.map(|extension| extension.value.to_vec());
    let expiry = Expiry { name: parsed.issuer().to_string(), kind: ExpiryKind::Crl, at: time(end) };
    let issuer = parsed.issuer().as_raw().to_vec();
    Ok(List { path: path.to_owned(), issuer, part, expiry, der })
}

/// Of several lists that cover a certificate only one would be looked at: there must not be several.
fn one_list_each(lists: &[List]) -> Result<(), ClientTrustFault> {
    let overlap = |one: &List, other: &List| {
        one.issuer == other.issuer && (one.part.is_none() || other.part.is_none() || one.part == other.part)
    };
    for (index, first) in lists.iter().enumerate() {
        if let Some(second) = lists.iter().skip(index + 1).find(|second| overlap(first, second)) {
            let (first, second, issuer) = (first.path.clone(), second.path.clone(), first.expiry.name.clone());
            return Err(ClientTrustFault::TwoLists { first, second, issuer });
        }
    }
    Ok(())
}

fn content(path: &Path, hint: &'static str) -> Result<Vec<u8>, ClientTrustFault> {
    let unreadable = |error: std::io::Error| ClientTrustFault::Unreadable {
        path: path.to_owned(),
        problem: error.to_string(),
        hint,
    };
    std::fs::read(path).map_err(unreadable)
}

/// Not the reader's own words: they may quote the file, and the file may be a private key.
fn not_pem(path: &Path, hint: &'static str) -> ClientTrustFault {
    ClientTrustFault::Unreadable { path: path.to_owned(), problem: "it is broken".to_owned(), hint }
}

fn time(time: ASN1Time) -> UnixTime {
    UnixTime::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
}

#[cfg(test)]
mod tests;
