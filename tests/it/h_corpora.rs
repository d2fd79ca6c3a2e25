//! H, continued: the collected certificate chains, judged by what judges servers and clients of monward.

use std::path::PathBuf;
use std::sync::Arc;

use monward::authn::Certificate;
use monward::tls::client_auth::{ClientTrust, Demand};
use monward::types::UnixTime;
use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime as PkiTime};
use rustls::server::ParsedCertificate;
use serde::Deserialize;

use crate::support::corpora::cases;

#[derive(Deserialize)]
struct Case {
    id: String,
    features: Vec<String>,
    validation_kind: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    validation_time: Option<String>,
    expected_result: String,
    expected_peer_name: Option<PeerName>,
    crls: Vec<String>,
}

#[derive(Deserialize)]
struct PeerName {
    value: String,
}

impl Case {
    /// The chain as it is sent, the peer's own first.
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        std::iter::once(&self.peer_certificate)
            .chain(&self.untrusted_intermediates)
            .map(|pem| certificate(pem))
            .collect()
    }

    fn time(&self) -> UnixTime {
        self.validation_time.as_deref().map_or_else(monward::ops::clock::now, time)
    }

    /// Not about what we promise: how a public authority should issue, and a depth of chains that nobody can set here.
    fn is_skipped(&self) -> bool {
        self.features.iter().any(|feature| feature == "max-chain-depth" || feature.starts_with("pedantic-"))
    }
}

fn certificate(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// `2024-04-01T00:00:00.005+00:00`; all of them are in UTC.
fn time(text: &str) -> UnixTime {
    assert!(text.ends_with("+00:00"), "{text}");
    let number = |from: usize, to: usize| text[from..to].parse::<u8>().unwrap();
    let month = time::Month::try_from(number(5, 7)).unwrap();
    let date = time::Date::from_calendar_date(text[..4].parse().unwrap(), month, number(8, 10)).unwrap();
    let moment = date.with_hms(number(11, 13), number(14, 16), number(17, 19)).unwrap().assume_utc();
    UnixTime::from_secs(u64::try_from(moment.unix_timestamp()).unwrap())
}

fn roots(case: &Case) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(case.trusted_certs.iter().map(|pem| certificate(pem)));
    Arc::new(roots)
}

/// What judges the upstreams and issuers that monward calls.
fn judge_server(case: &Case) -> Result<(), String> {
    let (roots, chain) = (roots(case), case.chain());
    let (leaf, others) = chain.split_first().unwrap();
    let now = PkiTime::since_unix_epoch(std::time::Duration::from_secs(case.time().as_secs()));
    let provider = Arc::new(ring::default_provider());
    let Some(name) = &case.expected_peer_name else {
        let parsed = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
        let algorithms = provider.signature_verification_algorithms.all;
        return verify_server_cert_signed_by_trust_anchor(&parsed, &roots, others, now, algorithms)
            .map_err(|error| error.to_string());
    };
    let lists = case.crls.iter().map(|pem| CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).unwrap());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider)
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| error.to_string())?;
    let name = ServerName::try_from(name.value.clone()).map_err(|error| error.to_string())?;
    verifier.verify_server_cert(leaf, others, &name, &[], now).map(drop).map_err(|error| error.to_string())
}

/// What judges the clients of monward.
fn judge_client(case: &Case, folder: &tempfile::TempDir) -> Result<(), String> {
    let write = |name: &str, content: &str| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let ca = write("ca.pem", &case.trusted_certs.concat());
    let lists = if case.crls.is_empty() { vec![] } else { vec![write("clients.crl", &case.crls.concat())] };
    let trust = ClientTrust::load(&ca, &lists, Demand::Required).map_err(|error| error.to_string())?;
    trust.verify(&case.chain(), case.time()).map_err(|fault| fault.label().to_owned())
}

/// Where the verdict is known to be another one than the collection wants: why that is right, or does no harm.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "a key that is an authority's is not a peer's, whatever else it says",
        &["pathlen::validation-ignores-pathlen-in-leaf", "rfc5280::ca-as-leaf"],
    ),
    (
        "an authority that signed itself anew counts as one more link",
        &["pathlen::self-issued-certs-pathlen", "rfc5280::nc::permitted-self-issued"],
    ),
    (
        "constraints on directory names and e-mail addresses are not worked out: refused",
        &[
            "rfc5280::nc::permitted-dn-match",
            "rfc5280::nc::nc-permits-email-exact",
            "rfc5280::nc::nc-permits-email-domain",
            "rfc5280::nc::nc-permits-email-literal-asterisk-exact-match",
            "rfc5280::nc::nc-permits-email-literal-double-asterisk",
            "rfc5280::nc::nc-permits-email-literal-mid-asterisk",
        ],
    ),
    (
        "what a list or its signer forgot to say changes nothing about what is revoked",
        &["crl::crlnumber-missing", "crl::crlnumber-critical", "crl::issuer-missing-crlsign"],
    ),
    (
        "hints for finding the next link are not needed to check it",
        &[
            "rfc5280::aki::critical-aki",
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::ski::critical-ski",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::ski::intermediate-missing-ski",
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-authoritycertissuer",
            "webpki::aki::root-with-aki-authoritycertserialnumber",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::aki::root-with-aki-ski-mismatch",
        ],
    ),
    (
        "a trust anchor is a name and a key that the operator chose; the rest of its certificate is not judged",
        &[
            "rfc5280::validity::expired-root",
            "rfc5280::ca-empty-subject",
            "rfc5280::unknown-critical-extension-root",
            "rfc5280::root-missing-basic-constraints",
            "rfc5280::root-non-critical-basic-constraints",
            "rfc5280::root-inconsistent-ca-extensions",
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
        ],
    ),
    (
        "constraints hold whether they are marked as critical or not, and wherever they stand",
        &[
            "rfc5280::nc::permitted-dns-match-noncritical",
            "rfc5280::nc::invalid-dnsname-leading-period",
            "rfc5280::nc::not-allowed-in-ee-noncritical",
            "rfc5280::nc::not-allowed-in-ee-critical",
            "rfc5280::pc::ica-noncritical-pc",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
        ],
    ),
    (
        "the common name is never looked at, so it cannot be wrong",
        &[
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::case-mismatch",
        ],
    ),
    (
        "manners of public authorities",
        &[
            "rfc5280::san::noncritical-with-empty-subject",
            "rfc5280::san::underscore-dns",
            "webpki::san::san-critical-with-nonempty-subject",
            "webpki::malformed-aia",
            "rfc5280::leaf-ku-keycertsign",
        ],
    ),
];

#[test]
fn h05_h10_h11_collected_chains_are_judged_as_expected() {
    let known = |id: &str| KNOWN.iter().any(|(_, ids)| ids.contains(&id));
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Case> = cases("x509-limbo/cases.ndjson");
    let (mut judged, mut other) = (0, Vec::new());
    for case in all.iter().filter(|case| !case.is_skipped()) {
        let verdict = match case.validation_kind.as_str() {
            "SERVER" => judge_server(case),
            _ => judge_client(case, &folder),
        };
        judged += 1;
        let differs = verdict.is_ok() != (case.expected_result == "SUCCESS");
        if differs != known(&case.id) {
            other.push(format!("{}: {verdict:?}", case.id));
        }
    }
    assert_eq!(judged, 188, "as many as the collection has, but those that are skipped");
    assert!(other.is_empty(), "{} verdicts are not as expected:\n{}", other.len(), other.join("\n"));
}

#[test]
fn h05_no_collected_certificate_makes_a_reader_panic() {
    let folder = tempfile::tempdir().unwrap();
    let all: Vec<Case> = cases("x509-limbo/cases.ndjson");
    let mut read = 0;
    for case in &all {
        for der in case.chain().iter().chain(&case.trusted_certs.iter().map(|pem| certificate(pem)).collect::<Vec<_>>())
        {
            if let Ok(principal) = Certificate::read(der) {
                assert!(!principal.subject().is_empty());
                read += 1;
            }
        }
        // As if each were a client's; almost all are servers'.
        let _verdict = judge_client(case, &folder);
    }
    assert!(read > 100, "{read}");
}
