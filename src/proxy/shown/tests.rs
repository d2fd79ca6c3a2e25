//! For how long a certificate that was shown goes on counting.

use std::path::PathBuf;

use rcgen::{CertificateParams, SanType, date_time_ymd};

use super::*;
use crate::tls::pki::{Pki, ca_params, client_params};

const URI: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";
/// 2025-12-31T23:59:00Z.
const NOW: u64 = 1_767_225_540;

/// An authority with the folder of its files.
struct Bench {
    folder: tempfile::TempDir,
    root: Pki,
}

impl Bench {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), root: Pki::root(&ca_params("clients")) }
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// What a listener believes of this authority; its list is good until the end of `year`.
    fn trust(&self, revoked: &[u8], year: i32, demand: Demand) -> ClientTrust {
        let list = self.root.crl(revoked, year).pem().unwrap();
        let (ca, list) = (self.write("ca.pem", &self.root.ca_pem()), self.write("list", &list));
        ClientTrust::load(&ca, &[list], demand).unwrap()
    }

    /// A connection that showed a certificate of this description.
    fn shown(&self, params: &CertificateParams, trust: &ClientTrust) -> Shown {
        Shown::new(&self.root.sign(params).chain(), trust, at(0))
    }
}

/// So many seconds after [`NOW`].
fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(NOW + seconds)
}

/// What the connection proves: a subject, or why not.
fn proves(shown: &Shown, trust: &ClientTrust, now: UnixTime) -> Option<Result<String, CertificateFault>> {
    let proven = certificate(Some(shown), Some(trust), now)?;
    Some(proven.map(|principal| principal.subject().to_owned()))
}

/// Whom a good one proves.
fn good() -> String {
    URI.to_owned()
}

#[test]
fn a_good_certificate_counts_for_as_long_as_nothing_changes() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2090, Demand::Optional);
    let shown = bench.shown(&client_params(URI, 1), &trust);
    for seconds in [0, 1, 59, 60, 3600, 86_400] {
        assert_eq!(proves(&shown, &trust, at(seconds)), Some(Ok(good())), "{seconds}");
    }
}

#[test]
fn h08_a_change_of_the_files_counts_at_the_next_request() {
    let (bench, other) = (Bench::new(), Bench::new());
    let before = bench.trust(&[], 2090, Demand::Optional);
    let shown = bench.shown(&client_params(URI, 7), &before);
    assert_eq!(proves(&shown, &before, at(1)), Some(Ok(good())));
    let revoked = bench.trust(&[7], 2090, Demand::Optional);
    assert_eq!(proves(&shown, &revoked, at(1)), Some(Err(CertificateFault::Revoked)));
    assert_eq!(proves(&shown, &revoked, at(2)), Some(Err(CertificateFault::Revoked)), "and stays so");
    let others = other.trust(&[], 2090, Demand::Optional);
    // An authority of the same name, but not the same.
    assert_eq!(proves(&shown, &others, at(3)), Some(Err(CertificateFault::Signature)));
    let again = bench.trust(&[], 2090, Demand::Optional);
    assert_eq!(proves(&shown, &again, at(4)), Some(Ok(good())));
}

#[test]
fn h07_a_list_that_ends_ends_the_connections_identity_within_a_minute() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2025, Demand::Optional);
    let shown = bench.shown(&client_params(URI, 1), &trust);
    // The list ends at the beginning of its last day.
    let ended = Some(Err(CertificateFault::RevocationListExpired));
    assert_eq!(proves(&shown, &trust, at(59)), Some(Ok(good())), "the handshake has just looked");
    assert_eq!(proves(&shown, &trust, at(60)), ended);
    assert_eq!(proves(&shown, &trust, at(61)), ended);
}

#[test]
fn a_clock_that_is_set_back_makes_no_verdict_last_longer() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2025, Demand::Optional);
    let shown = bench.shown(&client_params(URI, 1), &trust);
    let day = 86_400;
    assert_eq!(proves(&shown, &trust, at(59)), Some(Ok(good())));
    // Before the list ended, a verdict is worked out and is good.
    assert_eq!(proves(&shown, &trust, UnixTime::from_secs(NOW - 2 * day)), Some(Ok(good())));
    assert_eq!(proves(&shown, &trust, at(0)), Some(Err(CertificateFault::RevocationListExpired)));
    assert_eq!(proves(&shown, &trust, UnixTime::from_secs(NOW - 2 * day)), Some(Ok(good())));
}

#[test]
fn a_certificate_ends_to_the_second() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2090, Demand::Optional);
    let mut params = client_params(URI, 1);
    params.not_after = date_time_ymd(2026, 1, 1);
    let shown = bench.shown(&params, &trust);
    assert_eq!(proves(&shown, &trust, at(59)), Some(Ok(good())));
    assert_eq!(proves(&shown, &trust, at(60)), Some(Ok(good())), "the last second of its validity");
    assert_eq!(proves(&shown, &trust, at(61)), Some(Err(CertificateFault::Expired)));
    // Not only when the chain is looked at again.
    let ending = bench.shown(&params, &trust);
    assert_eq!(proves(&ending, &trust, at(50)), Some(Ok(good())));
    ending.verdict.lock().at = at(58);
    assert_eq!(proves(&ending, &trust, at(61)), Some(Err(CertificateFault::Expired)));
}

#[test]
fn h04_a_certificate_with_doubtful_names_is_trusted_and_proves_nothing() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2090, Demand::Optional);
    let mut params = client_params(URI, 1);
    params.subject_alt_names.push(SanType::URI("spiffe://example.org/admin".try_into().unwrap()));
    let shown = bench.shown(&params, &trust);
    assert_eq!(trust.verify(&shown.chain, at(0)), Ok(()));
    assert_eq!(proves(&shown, &trust, at(0)), Some(Err(CertificateFault::SeveralUris)));
}

#[test]
fn where_certificates_are_off_one_that_was_shown_counts_for_nothing() {
    let bench = Bench::new();
    let trust = bench.trust(&[], 2090, Demand::Required);
    let shown = bench.shown(&client_params(URI, 1), &trust);
    assert!(certificate(Some(&shown), None, at(0)).is_none());
    assert!(certificate(None, None, at(0)).is_none());
}

#[test]
fn h02_a_connection_from_before_certificates_were_demanded_proves_nothing() {
    let bench = Bench::new();
    let (optional, required) = (bench.trust(&[], 2090, Demand::Optional), bench.trust(&[], 2090, Demand::Required));
    assert!(certificate(None, Some(&optional), at(0)).is_none());
    let missing = certificate(None, Some(&required), at(0)).map(|proven| proven.map(drop));
    assert_eq!(missing, Some(Err(CertificateFault::Missing)));
}
