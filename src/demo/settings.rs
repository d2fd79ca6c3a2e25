//! The files that a gateway of the demo reads: `monward.yaml`, its policy, certificates and keys.

use std::path::PathBuf;

use super::DemoError;
use super::folder::Folder;
use super::issuer::{AUDIENCE, Issuer};
use super::pki::Pki;
use super::upstream::Upstream;

/// How many requests the policy's rule `scrape` lets through at once.
pub(super) const BURST: usize = 3;

/// Writes all of them into `folder`; the answer is the path of `monward.yaml`.
pub(super) fn write(folder: &Folder, pki: &Pki, issuer: &Issuer, upstream: &Upstream) -> Result<PathBuf, DemoError> {
    folder.write("ca.pem", pki.authority_pem())?;
    folder.write("server.pem", pki.gateway.certificate_pem())?;
    folder.write("server.key", pki.gateway.key_pem().expose())?;
    folder.write("prometheus.pem", pki.prometheus.certificate_pem())?;
    folder.write("prometheus.key", pki.prometheus.key_pem().expose())?;
    folder.write("policy.yaml", POLICY)?;
    let (url, address) = (issuer.url(), upstream.address());
    folder.write("monward.yaml", &configuration(url, &address.to_string()))?;
    Ok(folder.path().join("monward.yaml"))
}

fn configuration(issuer: &str, upstream: &str) -> String {
    format!(
        "version: 1
listeners:
  - address: 127.0.0.1:0
    certificates:
      - {{ certificate: server.pem, key: server.key }}
    client_auth: optional
    client_ca_file: ca.pem
    upstream: nats
admin: {{ address: 127.0.0.1:0 }}
issuers:
  demo:
    issuer: {issuer}
    audiences: [{AUDIENCE}]
    ca_file: ca.pem
    allow_private_addresses: true
    algorithms: [ES256]
    profile: rfc9068
upstreams:
  nats:
    url: http://{upstream}
    policy: policy.yaml
audit: {{ file: audit.jsonl }}
log: {{ level: error }}
"
    )
}

const POLICY: &str = include_str!("policy.yaml");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_has_the_burst_that_the_tour_counts_on() {
        assert!(POLICY.contains(&format!("burst: {BURST} }}")));
        assert!(POLICY.contains(crate::demo::pki::PROMETHEUS));
    }

    #[test]
    fn the_configuration_stays_on_loopback() {
        let text = configuration("https://127.0.0.1:1", "127.0.0.1:2");
        for line in text.lines().filter(|line| line.contains("address:") || line.contains("://")) {
            assert!(line.contains("127.0.0.1:"), "{line}");
        }
    }
}
