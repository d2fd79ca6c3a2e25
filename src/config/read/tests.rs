use std::time::Duration;

use super::*;
use crate::config::KeySource;

const GOOD: &str = "\
version: 1
listeners:
  - address: 127.0.0.1:8443
    hosts: [NATS.example.org]
    certificates:
      - { certificate: server.pem, key: server.key }
    min_tls: \"1.3\"
    upstream: nats
admin: { address: 127.0.0.1:9901 }
issuers:
  corp:
    issuer: https://idp.example.org
    audiences: [nats-monitoring]
    jwks_file: jwks.json
    algorithms: [RS256, EdDSA]
    profile: jwt
    leeway: 10s
upstreams:
  nats:
    url: https://nats.internal:8222
    policy: policies/nats.yaml
    ca_file: ca.pem
    timeouts: { connect: 1s }
    max_body: 1MiB
limits: { header: 5s, header_bytes: 8KiB }
audit: { file: audit.jsonl }
log: { level: debug, format: json }
threads: 2
";

fn faults(text: &str) -> Vec<String> {
    read("monward.yaml", text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// `GOOD` with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replacen(line, replacement, 1)
}

#[test]
fn every_value_arrives_where_it_belongs() {
    let config = read("monward.yaml", GOOD).unwrap();
    let listener = &config.listeners[0];
    assert_eq!(listener.hosts, ["nats.example.org"]);
    assert!(!listener.tls12);
    let issuer = &config.issuers[0];
    assert_eq!((issuer.tokens.name.as_str(), issuer.tokens.profile), ("corp", Profile::Jwt));
    assert_eq!(issuer.keys, KeySource::File("jwks.json".into()));
    assert_eq!((issuer.tokens.leeway, issuer.max_stale), (Duration::from_secs(10), Duration::from_hours(24)));
    let upstream = &config.upstreams[0];
    assert_eq!((upstream.tls, upstream.host.as_str(), upstream.port), (true, "nats.internal", 8222));
    assert_eq!((upstream.connect_timeout, upstream.total_timeout), (Duration::from_secs(1), Duration::from_secs(30)));
    assert_eq!(upstream.max_body, 1 << 20);
    assert_eq!((config.limits.header, config.limits.header_bytes), (Duration::from_secs(5), 8192));
    assert_eq!(config.audit, Audit { stdout: false, file: Some("audit.jsonl".into()) });
    assert_eq!((config.log.level.as_str(), config.log.json, config.threads), ("debug", true, Some(2)));
}

#[test]
fn what_is_left_out_has_a_safe_default() {
    let text = GOOD.lines().take_while(|line| !line.starts_with("limits")).filter(|line| {
        !["admin", "    hosts", "    min_tls", "    algorithms", "    profile", "    leeway"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let config = read("monward.yaml", &text.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(config.admin.to_string(), "127.0.0.1:9901");
    assert!(config.listeners[0].hosts.is_empty() && config.listeners[0].tls12);
    assert_eq!(config.issuers[0].tokens.profile, Profile::Rfc9068);
    assert_eq!(config.issuers[0].tokens.leeway, Duration::from_secs(30));
    assert_eq!(config.audit, Audit { stdout: true, file: None });
    assert_eq!(config.limits.header, Duration::from_secs(10));
}

#[test]
fn each_fault_says_where_it_is_and_what_to_do() {
    for (line, replacement, expected) in [
        ("version: 1", "version: 2", "monward.yaml:1:10: this monward reads version 1 only"),
        (
            "    upstream: nats",
            "    upstream: nast",
            "monward.yaml:8:15: unknown upstream `nast`; did you mean `nats`?",
        ),
        (
            "admin: { address: 127.0.0.1:9901 }",
            "admin: { address: 0.0.0.0:9901 }",
            "monward.yaml:9:19: the admin listener has no authentication: bind it to a loopback address",
        ),
        ("    leeway: 10s", "    leeway: 61s", "monward.yaml:17:13: `61s` is out of range: 0s to 60s"),
        (
            "    leeway: 10s",
            "    leeway: 10",
            "monward.yaml:17:13: `10` has no unit that is known here; write it like `30s`",
        ),
        ("    leeway: 10s", "    leway: 10s", "monward.yaml:17:5: unknown key `leway`; did you mean `leeway`?"),
        ("[RS256, EdDSA]", "[RS256, HS256]", "monward.yaml:15:17: unknown algorithm `HS256`; did you mean `RS256`?"),
        (
            "    jwks_file: jwks.json",
            "    jwks_url: http://idp.example.org/keys",
            "monward.yaml:14:15: keys are fetched over https only (http: only from loopback with `allow_private_addresses: true`)",
        ),
        (
            "    jwks_file: jwks.json",
            "    jwks_url: http://127.0.0.1.example.org/keys\n    allow_private_addresses: true",
            "monward.yaml:14:15: keys are fetched over https only (http: only from loopback with `allow_private_addresses: true`)",
        ),
        (
            "    url: https://nats.internal:8222",
            "    url: http://nats.internal:8222",
            "monward.yaml:20:10: `ca_file`, `certificate`, `key` and `server_name` are for `https://` upstreams",
        ),
        (
            "audit: { file: audit.jsonl }",
            "audit: { stdout: false }",
            "monward.yaml:26:8: audit records must go somewhere: `stdout: true`, or `file: PATH`",
        ),
        (
            "    audiences: [nats-monitoring]",
            "    audiences: []",
            "monward.yaml:13:16: expected at least one value, and none of them empty",
        ),
        ("threads: 2", "threads: 0", "monward.yaml:28:10: 0 is out of range: 1 to 1024"),
        ("threads: 2", "threads: \"2\"", "monward.yaml:28:10: expected a whole number"),
    ] {
        assert_eq!(faults(&with(line, replacement)), [expected], "{replacement}");
    }
}

#[test]
fn all_faults_come_at_once() {
    let text =
        with("version: 1", "version: 3").replace("127.0.0.1:8443", "nowhere").replace("max_body: 1MiB", "max_body: 1");
    let found = faults(&text);
    assert_eq!(found.len(), 3, "{found:#?}");
    let lines: Vec<&str> = found.iter().filter_map(|fault| fault.split(':').nth(1)).collect();
    assert_eq!(lines, ["1", "3", "24"], "in the order of the file");
}

#[test]
fn nothing_at_all_is_told_what_is_missing() {
    let found = faults("{}");
    for key in ["version", "listeners", "issuers", "upstreams"] {
        assert!(found.iter().any(|fault| fault.ends_with(&format!("`{key}` is missing here"))), "{key}: {found:#?}");
    }
}

#[test]
fn two_issuers_cannot_share_an_iss() {
    let second = "issuers:\n  other:\n    issuer: https://idp.example.org\n    audiences: [us]\n    jwks_file: j\n";
    let found = faults(&with("issuers:\n", second));
    assert_eq!(found, ["monward.yaml:11:3: `other` and `corp` have the same `issuer`; give each its own"]);
}
