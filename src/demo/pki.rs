//! The development PKI: one authority, two servers and one client, made anew for every demo.

use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    SanType,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::DemoError;
use crate::types::{Secret, UnixTime};

/// The certificates and keys of one demo (ECDSA P-256). The authority's own key is dropped once all are signed.
pub(super) struct Pki {
    authority: CertificateDer<'static>,
    authority_pem: String,
    /// For monward's listener.
    pub(super) gateway: Leaf,
    /// For the embedded issuer.
    pub(super) issuer: Leaf,
    /// For a Prometheus that has no token.
    pub(super) prometheus: Leaf,
}

/// The SPIFFE ID of the demo's Prometheus.
pub(super) const PROMETHEUS: &str = "spiffe://demo.example/ns/monitoring/sa/prometheus";

/// One certificate with its key.
pub(super) struct Leaf {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key: KeyPair,
}

impl Pki {
    /// Makes the authority, then a certificate for each server and for the client; all of them valid around `now`.
    pub(super) fn generate(now: UnixTime) -> Result<Self, DemoError> {
        Self::make(now).map_err(DemoError::preparing("make the development PKI"))
    }

    fn make(now: UnixTime) -> Result<Self, rcgen::Error> {
        let mut params = dated(Vec::new(), now)?;
        params.distinguished_name.push(DnType::CommonName, "monward demo authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let authority = params.self_signed(&key)?;
        let signer = Issuer::new(params, key);
        Ok(Self {
            authority: authority.der().clone(),
            authority_pem: authority.pem(),
            gateway: server("monward demo gateway", now, &signer)?,
            issuer: server("monward demo issuer", now, &signer)?,
            prometheus: client(PROMETHEUS, now, &signer)?,
        })
    }

    /// The authority's certificate, for `curl --cacert` and `ca_file`.
    pub(super) fn authority_pem(&self) -> &str {
        &self.authority_pem
    }

    /// A TLS client that trusts this authority and nobody else; with a certificate to show, or without.
    pub(super) fn client(&self, shown: Option<&Leaf>) -> Result<ClientConfig, DemoError> {
        let mut roots = RootCertStore::empty();
        let trusted = roots.add(self.authority.clone());
        trusted.map_err(DemoError::preparing("trust the development authority"))?;
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(DemoError::preparing("set up a TLS client"))?;
        let builder = builder.with_root_certificates(roots);
        let mut config = match shown {
            None => builder.with_no_client_auth(),
            Some(leaf) => builder
                .with_client_auth_cert(vec![leaf.certificate.clone()], leaf.private_key())
                .map_err(DemoError::preparing("set up a TLS client with a certificate"))?,
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Leaf {
    /// The certificate.
    pub(super) fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key (PKCS #8).
    pub(super) fn key_pem(&self) -> Secret<String> {
        Secret::new(self.key.serialize_pem())
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()))
    }

    /// A TLS server for HTTP/1.1 that shows this certificate.
    pub(super) fn config(&self) -> Result<ServerConfig, DemoError> {
        let key = self.private_key();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![self.certificate.clone()], key))
            .map_err(DemoError::preparing("set up a TLS server"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn server(name: &str, now: UnixTime, signer: &Issuer<'_, KeyPair>) -> Result<Leaf, rcgen::Error> {
    let mut params = dated(vec!["localhost".to_owned(), "127.0.0.1".to_owned()], now)?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    signed(params, signer)
}

/// The certificate of a client that is called by a URI.
fn client(uri: &str, now: UnixTime, signer: &Issuer<'_, KeyPair>) -> Result<Leaf, rcgen::Error> {
    let mut params = dated(Vec::new(), now)?;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    signed(params, signer)
}

fn signed(mut params: CertificateParams, signer: &Issuer<'_, KeyPair>) -> Result<Leaf, rcgen::Error> {
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, signer)?;
    Ok(Leaf { certificate: certificate.der().clone(), certificate_pem: certificate.pem(), key })
}

/// Parameters of a certificate for `names`, valid from an hour before `now` to a week after it.
fn dated(names: Vec<String>, now: UnixTime) -> Result<CertificateParams, rcgen::Error> {
    let start = i64::try_from(now.as_secs()).ok().and_then(|secs| time::OffsetDateTime::from_unix_timestamp(secs).ok());
    let start = start.ok_or(rcgen::Error::Time)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = start - Duration::from_hours(1);
    params.not_after = start + Duration::from_hours(7 * 24);
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_certificates_name_localhost_and_are_signed_by_the_authority() {
        let pki = Pki::generate(UnixTime::from_secs(1_800_000_000)).unwrap();
        let (_, authority) = x509_parser::parse_x509_certificate(&pki.authority).unwrap();
        for server in [&pki.gateway, &pki.issuer] {
            let (_, leaf) = x509_parser::parse_x509_certificate(&server.certificate).unwrap();
            assert_eq!(leaf.issuer(), authority.subject());
            let names = leaf.subject_alternative_name().unwrap().unwrap();
            assert_eq!(names.value.general_names.len(), 2, "localhost and 127.0.0.1");
            assert!(!leaf.is_ca());
            assert_eq!(leaf.validity().not_before.timestamp(), 1_800_000_000 - 3600);
            assert_eq!(leaf.validity().not_after.timestamp(), 1_800_000_000 + 7 * 86_400);
            server.config().unwrap();
        }
        assert!(authority.is_ca());
        pki.client(None).unwrap();
        pki.client(Some(&pki.prometheus)).unwrap();
        let principal = crate::authn::Certificate::read(&pki.prometheus.certificate).unwrap();
        assert_eq!(principal.subject(), PROMETHEUS);
    }
}
