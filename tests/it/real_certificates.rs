//! A real Prometheus that shows a client certificate: alone, with a token bound to it, and revoked.

use serde_json::json;

use crate::real_prometheus::POLICY;
use crate::support::eventually;
use crate::support::gateway::Setup;
use crate::support::pki::{Authority, SERVER};
use crate::support::prometheus::{Prometheus, job, oauth2, trusting};
use crate::support::provider::{BOUND, JWT, Provider, SCRAPER, STRANGER};

/// Whoever shows the certificate of the Prometheus in the namespace `monitoring` may scrape.
const CERTIFIED: &str = r"
version: 1
catalog: prometheus
roles:
  viewer:
    - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/prometheus' }
rules:
  - id: scrape
    endpoints: [metrics]
    allow: [viewer]
    redact: none
";

/// Whoever shows a certificate of that namespace and has a token of a viewer, too.
const BOTH: &str = r"
version: 1
catalog: prometheus
roles:
  viewer:
    - all_of:
        - client_cert: { uri: 'spiffe://example.org/ns/monitoring/sa/*' }
        - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - id: scrape
    endpoints: [metrics]
    allow: [viewer]
    redact: none
";

const MINE: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";
const OTHER: &str = "spiffe://example.org/ns/shop/sa/checkout";

/// `tls_config` for the gateway, with the certificate called `name`.
fn certified(name: &str) -> String {
    format!(
        "    tls_config: {{ ca_file: ca.pem, server_name: {SERVER}, cert_file: {name}.pem, key_file: {name}.key }}\n"
    )
}

/// A gateway in front of `exporter` that knows the clients of the tests' authority.
fn knowing(exporter: &Prometheus, policy: &str, mode: &str) -> Setup {
    let mut setup =
        Setup::new(exporter.address).policy(policy).file("clients.crl", Authority::shared().revoked(&[], 2040));
    setup.listener = format!("    client_auth: {mode}\n    client_ca_file: ca.pem\n    crl_files: [clients.crl]\n");
    setup
}

#[test]
fn with_a_client_certificate_up_is_1_and_on_the_wrong_path_0() {
    let authority = Authority::shared();
    let (mine, other) = (authority.workload(MINE, 1), authority.workload(OTHER, 2));
    let foreign = Authority::new("another").workload(MINE, 1);
    let below = authority.below("workloads");
    let through = below.workload(MINE, 1).with(&below);
    let exporter = Prometheus::exporter();
    let lists = [authority.revoked(&[], 2040), below.revoked(&[], 2040)].concat();
    let gateway = knowing(&exporter, CERTIFIED, "optional").file("clients.crl", lists).start();
    let strict = knowing(&exporter, CERTIFIED, "required").start();
    let jobs = [
        job("good", &gateway, "/metrics", &[certified("mine")]),
        job("good-through", &gateway, "/metrics", &[certified("through")]),
        job("wrong-path", &gateway, "/federate", &[certified("mine")]),
        job("other", &gateway, "/metrics", &[certified("other")]),
        job("foreign", &gateway, "/metrics", &[certified("foreign")]),
        job("anonymous", &gateway, "/metrics", &[trusting()]),
        job("strict-good", &strict, "/metrics", &[certified("mine")]),
        job("strict-anonymous", &strict, "/metrics", &[trusting()]),
    ];
    let identities = [("mine", &mine), ("through", &through), ("other", &other), ("foreign", &foreign)];
    let prometheus = Prometheus::start(&jobs, &identities);
    prometheus.assert_up("good");
    prometheus.assert_up("good-through");
    prometheus.assert_down("wrong-path", "404");
    prometheus.assert_down("other", "403");
    prometheus.assert_down("anonymous", "401");
    prometheus.assert_up("strict-good");
    // Those do not get so far as to a status.
    for job in ["foreign", "strict-anonymous"] {
        let error = prometheus.assert_down(job, "");
        assert!(!error.contains("HTTP status"), "{job}: {error}");
    }

    for (status, reason, subject) in [(200, "rule", MINE), (404, "unknown_endpoint", MINE), (403, "no_role", OTHER)] {
        let found = gateway.audited(status);
        let principal = json!({ "method": "client_certificate", "subject": subject });
        for (name, value) in principal.as_object().unwrap() {
            assert_eq!(&found["principal"][name], value, "{found}");
        }
        assert_eq!(found["reason"], reason, "{found}");
    }
}

#[test]
fn h07_a_revoked_certificate_ends_scrapes_on_connections_that_are_open() {
    let authority = Authority::shared();
    let (mine, spare) = (authority.workload(MINE, 1), authority.workload(MINE, 2));
    let exporter = Prometheus::exporter();
    let gateway = knowing(&exporter, CERTIFIED, "optional").start();
    let jobs = [
        job("mine", &gateway, "/metrics", &[certified("mine")]),
        job("spare", &gateway, "/metrics", &[certified("spare")]),
    ];
    let prometheus = Prometheus::start(&jobs, &[("mine", &mine), ("spare", &spare)]);
    prometheus.assert_up("mine");
    prometheus.assert_up("spare");
    gateway.rewrite("clients.crl", &authority.revoked(&[1], 2040));
    gateway.reload("ok");
    eventually("an end of the scrapes", || (!prometheus.health("mine").up).then_some(()));
    prometheus.assert_up("spare");
    gateway.rewrite("clients.crl", &authority.revoked(&[], 2040));
    gateway.reload("ok");
    eventually("scrapes again", || prometheus.health("mine").up.then_some(()));
}

#[test]
fn a26_a_token_that_is_bound_to_a_certificate_is_good_with_that_one_alone() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let authority = Authority::shared();
    let (mine, thief) = (authority.workload(MINE, 1), authority.workload(OTHER, 2));
    let exporter = Prometheus::exporter();
    let setup = knowing(&exporter, POLICY, "optional").discovering(&provider.url());
    let gateway = setup.start();
    let token = oauth2(&provider, BOUND, JWT, ", cert_file: mine.pem, key_file: mine.key");
    let jobs = [
        job("owner", &gateway, "/metrics", &[certified("mine"), token.clone()]),
        job("thief", &gateway, "/metrics", &[certified("thief"), token.clone()]),
        job("without", &gateway, "/metrics", &[trusting(), token.clone()]),
    ];
    let prometheus = Prometheus::start(&jobs, &[("mine", &mine), ("thief", &thief)]);
    prometheus.assert_up("owner");
    prometheus.assert_down("thief", "401");
    prometheus.assert_down("without", "401");
}

#[test]
fn a_certificate_and_a_token_together() {
    let provider = Provider::start(&[("k1", "RS256")]);
    let authority = Authority::shared();
    let (mine, other) = (authority.workload(MINE, 1), authority.workload(OTHER, 2));
    let exporter = Prometheus::exporter();
    let gateway = knowing(&exporter, BOTH, "optional").discovering(&provider.url()).start();
    let (viewer, stranger) = (oauth2(&provider, SCRAPER, JWT, ""), oauth2(&provider, STRANGER, JWT, ""));
    let jobs = [
        job("both", &gateway, "/metrics", &[certified("mine"), viewer.clone()]),
        job("certificate-alone", &gateway, "/metrics", &[certified("mine")]),
        job("token-alone", &gateway, "/metrics", &[trusting(), viewer.clone()]),
        job("other-certificate", &gateway, "/metrics", &[certified("other"), viewer.clone()]),
        job("other-token", &gateway, "/metrics", &[certified("mine"), stranger.clone()]),
    ];
    let prometheus = Prometheus::start(&jobs, &[("mine", &mine), ("other", &other)]);
    prometheus.assert_up("both");
    for alone in ["certificate-alone", "token-alone", "other-certificate", "other-token"] {
        prometheus.assert_down(alone, "403");
    }
}
