//! Client-side TLS: which roots are trusted, which certificate is shown.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pem_file::problem;

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The operating system's bundle.
    System,
    /// Only those in this PEM file.
    File(PathBuf),
}

/// The certificate that monward shows when the server asks for one; PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate and its intermediates, leaf first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Why no TLS configuration could be made; always the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ClientTlsFault {
    /// A file cannot be read or is not PEM.
    #[error("cannot read `{}`: {problem}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader said; never content of the file.
        problem: String,
    },
    /// A CA file, or the system's bundle, holds no usable certificate.
    #[error("no CA certificate in {from}")]
    NoRoots {
        /// A path in backticks, or the system's bundle.
        from: String,
    },
    /// A certificate in a CA file cannot be a root.
    #[error("certificate {number} in `{}` is no usable CA certificate", path.display())]
    BadRoot {
        /// The file.
        path: PathBuf,
        /// Counted from one.
        number: usize,
    },
    /// rustls itself refuses to work; a mistake of ours.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
    /// Certificate and key do not belong together, or cannot be used.
    #[error("certificate `{}` and its key cannot be used: {problem}", path.display())]
    Identity {
        /// The certificate file.
        path: PathBuf,
        /// What rustls said.
        problem: String,
    },
}

/// A configuration that verifies the server, offers only HTTP/1.1, and reads all files now.
///
/// # Errors
/// When a file is missing, empty or unusable.
pub fn client_config(roots: &Roots, identity: Option<&Identity>) -> Result<Arc<ClientConfig>, ClientTlsFault> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientTlsFault::Setup(error.to_string()))?
        .with_root_certificates(root_store(roots)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain = certificates(&identity.certificate)?;
            let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|e| unreadable(&identity.key, &e))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| ClientTlsFault::Identity {
                path: identity.certificate.clone(),
                problem: error.to_string(),
            })?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn root_store(roots: &Roots) -> Result<RootCertStore, ClientTlsFault> {
    let mut store = RootCertStore::empty();
    match roots {
        Roots::System => {
            // What cannot be read of a bundle is left out; one of which nothing is left is a fault below.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        Roots::File(path) => {
            for (index, certificate) in certificates(path)?.into_iter().enumerate() {
                let bad = |_| ClientTlsFault::BadRoot { path: path.clone(), number: index.saturating_add(1) };
                store.add(certificate).map_err(bad)?;
            }
        }
    }
    if store.is_empty() {
        let from = match roots {
            Roots::System => "the system's bundle".to_owned(),
            Roots::File(path) => format!("`{}`", path.display()),
        };
        return Err(ClientTlsFault::NoRoots { from });
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientTlsFault> {
    CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &pem::Error) -> ClientTlsFault {
    ClientTlsFault::Unreadable { path: path.to_owned(), problem: problem(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::pki::Pki;

    fn written(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn a_ca_file_and_a_client_certificate_make_a_configuration() {
        let (directory, pki) = (tempfile::tempdir().unwrap(), Pki::new());
        let leaf = pki.leaf("monward.example");
        let roots = Roots::File(written(&directory, "ca.pem", &pki.ca_pem()));
        let identity = Identity {
            certificate: written(&directory, "client.pem", &leaf.certificate_pem),
            key: written(&directory, "client.key", &leaf.key_pem),
        };
        let config = client_config(&roots, Some(&identity)).unwrap();
        assert!(config.client_auth_cert_resolver.has_certs());
        assert_eq!(config.alpn_protocols, vec![b"http/1.1".to_vec()]);
        assert!(!client_config(&roots, None).unwrap().client_auth_cert_resolver.has_certs());
    }

    #[test]
    fn every_unusable_file_is_named_and_nothing_of_it_is_shown() {
        let (directory, pki) = (tempfile::tempdir().unwrap(), Pki::new());
        let (leaf, other) = (pki.leaf("monward.example"), pki.leaf("other.example"));
        let ca = written(&directory, "ca.pem", &pki.ca_pem());
        let certificate = written(&directory, "client.pem", &leaf.certificate_pem);
        let junk = "-----BEGIN CERTIFICATE-----\nCANARY!\n-----END CERTIFICATE-----\n";
        let no_certificate = "-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n";
        let identity =
            |name: &str, key: &str| Identity { certificate: certificate.clone(), key: written(&directory, name, key) };
        let rows: [(&str, Roots, Option<Identity>, &str); 7] = [
            ("missing CA file", Roots::File("/nowhere/ca.pem".into()), None, "cannot read `/nowhere/ca.pem`"),
            ("empty CA file", Roots::File(written(&directory, "empty", "")), None, "no CA certificate in `"),
            ("junk", Roots::File(written(&directory, "junk", junk)), None, "not PEM"),
            ("no certificate", Roots::File(written(&directory, "no", no_certificate)), None, "certificate 1 in `"),
            (
                "key in place of CA",
                Roots::File(written(&directory, "k", &leaf.key_pem)),
                None,
                "no CA certificate in `",
            ),
            ("another's key", Roots::File(ca.clone()), Some(identity("b", &other.key_pem)), "cannot be used"),
            ("no key", Roots::File(ca), Some(identity("c", "")), "nothing of the wanted kind"),
        ];
        for (name, roots, identity, expected) in rows {
            let message = client_config(&roots, identity.as_ref()).unwrap_err().to_string();
            assert!(message.contains(expected), "{name}: {message}");
            assert!(!message.contains("CANARY") && !message.contains("Q0FOQVJZ"), "{name}: {message}");
        }
    }
}
