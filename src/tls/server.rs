//! What a listener shows its clients: certificates by name, versions, protocols.
//!
//! A reload builds a new [`ServerConfig`] with new session storage, so nothing resumes what is no longer in force.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// Why a certificate or key cannot be used; for the operator.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFault {
    /// The file cannot be read or holds no PEM.
    #[error("{0}")]
    Unreadable(String),
    /// The key does not fit, or is of a kind that is not served.
    #[error("the key does not fit the certificate: {0}")]
    Mismatch(rustls::Error),
    /// The certificate itself is broken.
    #[error("is not a certificate that can be served: {0}")]
    Broken(String),
}

/// One certificate chain with its key and the names it is for.
#[derive(Debug)]
pub struct Served {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
}

/// Reads a chain and its key, and checks that they belong together.
///
/// # Errors
/// What is wrong with which of them.
pub fn load(certificate: &Path, key: &Path) -> Result<Served, CertificateFault> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        CertificateFault::Unreadable(format!("cannot read `{}`: {error}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error))?;
    let Some(leaf) = chain.first() else {
        return Err(unreadable(certificate, &"it holds no certificate"));
    };
    let names = dns_names(leaf)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
    let key = CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(CertificateFault::Mismatch)?;
    Ok(Served { key: Arc::new(key), names })
}

/// The DNS names of the certificate's subjectAltName (RFC 6125 §6.4: the common name is never one).
fn dns_names(leaf: &CertificateDer<'_>) -> Result<Vec<String>, CertificateFault> {
    let broken = |error: &dyn std::fmt::Display| CertificateFault::Broken(error.to_string());
    let (_, certificate) = parse_x509_certificate(leaf).map_err(|error| broken(&error))?;
    let names = certificate.subject_alternative_name().map_err(|error| broken(&error))?;
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
/// # Errors
/// When the TLS library refuses the combination.
pub fn config(served: &[Served], tls12: bool) -> Result<Arc<ServerConfig>, rustls::Error> {
    let versions: &[&rustls::SupportedProtocolVersion] =
        if tls12 { &[&rustls::version::TLS13, &rustls::version::TLS12] } else { &[&rustls::version::TLS13] };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName::new(served)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
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
mod tests {
    use super::*;

    fn served(folder: &Path, name: &str) -> Served {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        load(&certificate, &key).unwrap()
    }

    #[test]
    fn the_certificate_is_chosen_by_exact_name_then_wildcard_then_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let all = ["a.example.org", "*.example.org", "b.test"].map(|name| served(folder.path(), name));
        let by_name = ByName::new(&all);
        for (asked, wanted) in [
            (Some("a.example.org"), 0),
            (Some("A.Example.ORG"), 0),
            (Some("x.example.org"), 1),
            (Some("x.y.example.org"), 0),
            (Some("b.test"), 2),
            (Some("unknown.test"), 0),
            (None, 0),
        ] {
            let found = by_name.find(asked).unwrap();
            assert!(Arc::ptr_eq(&found, &all[wanted].key), "{asked:?}");
        }
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        served(folder.path(), "a.test");
        served(folder.path(), "b.test");
        let fault = load(&folder.path().join("a.test.pem"), &folder.path().join("b.test.key")).unwrap_err();
        assert!(matches!(fault, CertificateFault::Mismatch(_)), "{fault}");
    }

    #[test]
    fn missing_and_empty_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for path in [&empty, &folder.path().join("absent.pem")] {
            let fault = load(path, path).unwrap_err().to_string();
            assert!(fault.contains(&path.display().to_string()), "{fault}");
        }
    }
}
