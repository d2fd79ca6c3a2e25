//! What a listener shows its clients: certificates by name, versions, protocols.
//!
//! A reload builds a new [`ServerConfig`] with new session storage, so nothing resumes what is no longer in force.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{NoKeyLog, ServerConfig};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use super::client_auth::ClientTrust;
use super::pem_file::problem;
use crate::types::UnixTime;

/// Why a certificate or key cannot be used; for the operator.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// The file cannot be read or holds no PEM.
    #[error("{0}")]
    Unreadable(String),
    /// The key does not fit, or is of a kind that is not served.
    #[error("the key in `{}` does not fit the certificate in `{}`: {problem}", key.display(), certificate.display())]
    Mismatch {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// What rustls said.
        problem: rustls::Error,
    },
    /// The certificate itself is broken.
    #[error("what `{}` holds is no certificate that can be served: {problem}", certificate.display())]
    Broken {
        /// The file.
        certificate: PathBuf,
        /// What its reader said.
        problem: String,
    },
}

/// One certificate chain with its key and the names it is for.
#[derive(Debug)]
pub struct Served {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
    expires: UnixTime,
}

impl Served {
    /// When the certificate ends.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }
}

/// Reads a chain and its key, and checks that they belong together.
///
/// # Errors
/// What is wrong with which of them.
pub fn load(certificate: &Path, key: &Path) -> Result<Served, CertificateFault> {
    let unreadable = |path: &Path, problem: &str| {
        CertificateFault::Unreadable(format!("cannot read `{}`: {problem}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &problem(&error)))?;
    let Some(leaf) = chain.first() else {
        return Err(unreadable(certificate, "it holds no certificate"));
    };
    let names =
        dns_names(leaf).map_err(|problem| CertificateFault::Broken { certificate: certificate.to_owned(), problem })?;
    let expires = expiry(leaf).unwrap_or_default();
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &problem(&error)))?;
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|problem| {
        CertificateFault::Mismatch { certificate: certificate.to_owned(), key: key.to_owned(), problem }
    })?;
    Ok(Served { key: Arc::new(pair), names, expires })
}

/// When a certificate ends; `None` when it cannot be read.
#[must_use]
pub fn expiry(certificate: &CertificateDer<'_>) -> Option<UnixTime> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    u64::try_from(certificate.validity().not_after.timestamp()).ok().map(UnixTime::from_secs)
}

/// The DNS names of the certificate's subjectAltName (RFC 6125 §6.4: the common name is never one).
fn dns_names(leaf: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    let (_, certificate) = parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let all = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let dns = all.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::IPAddress(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    });
    Ok(dns.collect())
}

/// The configuration of one listener; `served` is not empty, its first certificate answers unknown names.
///
/// Where clients show certificates, no session is ever resumed: a resumed one keeps the certificate of the first
/// handshake, and nobody looks at authorities and revocation lists again.
///
/// # Errors
/// When the TLS library refuses the combination.
pub fn config(
    served: &[Served],
    tls12: bool,
    client: Option<&ClientTrust>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let versions: &[&rustls::SupportedProtocolVersion] =
        if tls12 { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let builder =
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider())).with_protocol_versions(versions)?;
    let builder = match client {
        None => builder.with_no_client_auth(),
        Some(trust) => builder.with_client_cert_verifier(trust.verifier()),
    };
    let mut config = builder.with_cert_resolver(Arc::new(ByName::new(served)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A request in early data can be sent again by anybody who saw it; and keys are nobody's, whatever
    // `SSLKEYLOGFILE` says.
    config.max_early_data_size = 0;
    config.key_log = Arc::new(NoKeyLog);
    if client.is_some() {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Arc::new(config))
}

/// Chooses a certificate by the name the client asks for: exact, then one-label wildcard, then the first.
#[derive(Debug)]
struct ByName {
    first: Option<Arc<CertifiedKey>>,
    names: HashMap<String, Arc<CertifiedKey>>,
}

impl ByName {
    fn new(served: &[Served]) -> Self {
        let mut names = HashMap::new();
        for one in served {
            for name in &one.names {
                names.entry(name.clone()).or_insert_with(|| Arc::clone(&one.key));
            }
        }
        Self { first: served.first().map(|one| Arc::clone(&one.key)), names }
    }

    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase);
        let exact = name.as_ref().and_then(|name| self.names.get(name));
        let wildcard = || {
            let (_, rest) = name.as_ref()?.split_once('.')?;
            self.names.get(&format!("*.{rest}"))
        };
        exact.or_else(wildcard).or(self.first.as_ref()).cloned()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}

#[cfg(test)]
mod tests;
