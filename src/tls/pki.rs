//! A throw-away certificate authority for tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::sync::Arc;

/// One root, made anew for each test.
pub(crate) struct Pki {
    root: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key, both PEM.
pub(crate) struct Leaf {
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

/// What a client's certificate is made of, before it is signed: with a URI for a name, and the given serial number.
pub(crate) fn client_params(uri: &str, serial: u8) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "a client");
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.serial_number = Some(SerialNumber::from_slice(&[serial]));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// What an authority is made of.
pub(crate) fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

impl Pki {
    pub(crate) fn new() -> Self {
        Self::root(&CertificateParams::new(Vec::new()).unwrap())
    }

    /// A root of this description, which becomes an authority.
    pub(crate) fn root(params: &CertificateParams) -> Self {
        let (mut params, key) = (params.clone(), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// An authority that this one signs.
    pub(crate) fn below(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let root = params.signed_by(&key, &self.issuer).unwrap();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// The list of what this authority revoked, by serial number; good until the end of `year`.
    pub(crate) fn crl(&self, revoked: &[u8], year: i32) -> rcgen::CertificateRevocationList {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(year, 12, 31),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    pub(crate) fn ca_pem(&self) -> String {
        self.root.pem()
    }

    pub(crate) fn leaf(&self, name: &str) -> Leaf {
        self.sign(&CertificateParams::new(vec![name.to_owned()]).unwrap())
    }

    pub(crate) fn expired(&self, name: &str) -> Leaf {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 2);
        self.sign(&params)
    }

    pub(crate) fn sign(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Leaf { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() }
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.der().clone()).unwrap();
        roots
    }

    /// A client that believes this root alone.
    pub(crate) fn client(&self, identity: Option<&Leaf>) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots());
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some(leaf) => builder.with_client_auth_cert(leaf.chain(), leaf.key()).unwrap(),
        })
    }

    /// A server that wants a certificate of this root from every client.
    pub(crate) fn strict_server(&self, leaf: &Leaf) -> Arc<ServerConfig> {
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider());
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap());
        Arc::new(config.with_single_cert(leaf.chain(), leaf.key()).unwrap())
    }
}

impl Leaf {
    /// The same, shown with the certificate of `authority`.
    pub(crate) fn with(&self, authority: &Pki) -> Self {
        let certificate_pem = format!("{}{}", self.certificate_pem, authority.ca_pem());
        Self { certificate_pem, key_pem: self.key_pem.clone() }
    }

    /// A server that shows this certificate.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        Arc::new(config.with_single_cert(self.chain(), self.key()).unwrap())
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes()).map(Result::unwrap).collect()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap()
    }
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
