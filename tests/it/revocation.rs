//! Revocation: who is on the list loses at the next request, without a signal, on whatever was remembered or open.

use serde_json::{Value, json};

use crate::support::bench::{Bench, assemble};
use crate::support::eventually;
use crate::support::gateway::{POLICY, Setup};
use crate::support::keys::file;
use crate::support::pki::Authority;
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

const SPIFFE: &str = "spiffe://example.org/ns/monitoring/sa/prometheus";

/// A gateway that knows tokens, static keys and client certificates, with an empty list.
fn revoking() -> Bench {
    let more = format!(
        "  viewer:\n    - token: {{ issuer: keys, subject: [grafana] }}\n    - client_cert: {{ uri: '{SPIFFE}' }}\n"
    );
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream)
        .policy(&POLICY.replacen("  viewer:\n", &more, 1))
        .file("keys.yaml", file(&[("grafana", "sesame")]))
        .file("revoked.yaml", "version: 1\n");
    "    basic: true\n    client_auth: optional\n    client_ca_file: ca.pem\n".clone_into(&mut setup.listener);
    "  keys: { static_keys: keys.yaml }\n".clone_into(&mut setup.more_issuers);
    setup.config = Some(format!("{}revocations: revoked.yaml\n", setup.text()));
    let gateway = setup.start();
    assemble(upstream, gateway)
}

fn token(subject: &str, jti: &str) -> String {
    let mut claims = Issuer::shared().claims(&["viewer"]);
    (claims["sub"], claims["jti"]) = (json!(subject), json!(jti));
    Issuer::shared().keys[0].token(&claims)
}

fn bearer(subject: &str) -> Value {
    json!({ "issuer": "corp", "subject": subject, "method": "bearer_jwt" })
}

fn certificate() -> Value {
    json!({ "issuer": "client_certificate", "subject": SPIFFE, "method": "client_certificate" })
}

fn reloads(bench: &Bench, result: &str) -> f64 {
    bench.gateway.metric("monward_config_reloads_total", &[&format!("result=\"{result}\"")])
}

#[test]
fn by_the_name_of_a_token() {
    let bench = revoking();
    let (stolen, other) = (token("bob", "j-1"), token("bob", "j-2"));
    let (thief, bob) = (bench.caller().bearer(&stolen), bench.caller().bearer(&other));
    thief.permitted("/varz", &bearer("bob"));
    let mut open = thief.open();
    assert_eq!(open.statuses("/varz"), [200; 2]);
    bench.gateway.rewrite("revoked.yaml", "version: 1\ntokens:\n  - { issuer: corp, jti: j-1, reason: stolen }\n");
    eventually("the end of the token", || (open.statuses("/varz") == [401; 2]).then_some(()));
    let requests = bench.upstream.requests().len();
    for answer in thief.refused("/varz", 401, "revoked") {
        assert_eq!(bench.record_of(&answer)["principal"], bearer("bob"), "who it was is told");
        let bad = "Bearer realm=\"monward\", error=\"invalid_token\"";
        assert_eq!(answer.all("www-authenticate")[0], bad);
    }
    bench.caller().basic("bob", &stolen).refused("/varz", 401, "revoked");
    // Whatever is asked: nobody learns what there is.
    for target in ["/accountz", "/nothing", "/varz?x=1"] {
        thief.refused(target, 401, "revoked");
    }
    assert_eq!(open.statuses("/varz"), [401; 2]);
    assert_eq!(bench.upstream.requests().len(), requests);
    bob.permitted("/varz", &bearer("bob"));
    // The name of a token is one of its issuer's.
    bench.gateway.rewrite("revoked.yaml", "version: 1\ntokens:\n  - { issuer: keys, jti: j-1 }\n");
    thief.becomes("/varz", 401, 200);
    assert_eq!(open.statuses("/varz"), [200; 2]);
    assert!(reloads(&bench, "failed") < 0.5 && reloads(&bench, "ok") > 1.5);
}

#[test]
fn by_a_subject_of_each_kind() {
    let bench = revoking();
    let bob = bench.caller().bearer(&token("bob", "j-1"));
    let alice = bench.caller().bearer(&token("alice", "j-1"));
    let grafana = bench.caller().basic("grafana", "sesame");
    let prometheus = bench.caller().showing(&Authority::shared().workload(SPIFFE, 1));
    let key = json!({ "issuer": "keys", "subject": "grafana", "method": "static_key" });
    bob.permitted("/varz", &bearer("bob"));
    grafana.permitted("/varz", &key);
    prometheus.permitted("/varz", &certificate());
    let mut open = [bob.open(), grafana.open(), prometheus.open()];
    let entries = [
        "{ issuer: corp, subject: bob }".to_owned(),
        "{ issuer: keys, subject: grafana }".to_owned(),
        format!("{{ issuer: client_certificate, subject: '{SPIFFE}' }}"),
    ];
    let listed = entries.map(|entry| format!("  - {entry}\n")).concat();
    bench.gateway.rewrite("revoked.yaml", &format!("version: 1\nsubjects:\n{listed}"));
    bob.becomes("/varz", 200, 401);
    for caller in [&bob, &grafana, &prometheus] {
        caller.refused("/varz", 401, "revoked");
    }
    for open in &mut open {
        assert_eq!(open.statuses("/varz"), [401; 2]);
    }
    alice.permitted("/varz", &bearer("alice"));
    // A good token beside a revoked certificate, and the other way round.
    let beside = prometheus.bearer(&token("alice", "j-2"));
    for answer in beside.refused("/varz", 401, "revoked") {
        let both = json!({ "issuer": "corp", "subject": "alice", "method": "bearer_jwt", "also": [certificate()] });
        assert_eq!(bench.record_of(&answer)["principal"], both);
    }
    let spare = bench.caller().showing(&Authority::shared().workload("spiffe://example.org/other", 7));
    spare.bearer(&token("bob", "j-9")).refused("/varz", 401, "revoked");
}

#[test]
fn by_the_serial_number_of_a_certificate() {
    let bench = revoking();
    let authority = Authority::shared();
    let lost = bench.caller().showing(&authority.workload(SPIFFE, 0x1a));
    let fresh = bench.caller().showing(&authority.workload(SPIFFE, 0x1b));
    lost.permitted("/varz", &certificate());
    fresh.permitted("/varz", &certificate());
    let mut open = lost.open();
    assert_eq!(open.statuses("/varz"), [200; 2]);
    // As `openssl x509 -serial` writes it, and as people do.
    for serial in ["1A", "00:1a"] {
        bench.gateway.rewrite("revoked.yaml", &format!("version: 1\ncertificates:\n  - {{ serial: '{serial}' }}\n"));
        lost.becomes("/varz", 200, 401);
        lost.refused("/varz", 401, "revoked");
        assert_eq!(open.statuses("/varz"), [401; 2]);
        fresh.permitted("/varz", &certificate());
        lost.bearer(&token("bob", "j-1")).refused("/varz", 401, "revoked");
        bench.gateway.rewrite("revoked.yaml", "version: 1\n");
        lost.becomes("/varz", 401, 200);
    }
}

#[test]
fn a_faulty_list_changes_nothing_and_says_where_it_is_wrong() {
    let bench = revoking();
    let bob = bench.caller().bearer(&token("bob", "j-1"));
    let alice = bench.caller().bearer(&token("alice", "j-2"));
    let listed = "version: 1\nsubjects:\n  - { issuer: corp, subject: bob }\n";
    bob.permitted("/varz", &bearer("bob"));
    bench.gateway.rewrite("revoked.yaml", listed);
    bob.becomes("/varz", 200, 401);
    let cases = [
        (
            "an unknown key",
            "version: 1\nsubject:\n  - { issuer: corp, subject: alice }\n",
            ":2:",
            "did you mean `subjects`",
        ),
        ("no subject", "version: 1\nsubjects:\n  - { issuer: corp }\n", ":3:", "`subject` is missing"),
        (
            "an unknown issuer",
            "version: 1\nsubjects:\n  - { issuer: crop, subject: alice }\n",
            ":3:",
            "did you mean `corp`",
        ),
        ("no serial", "version: 1\ncertificates:\n  - { serial: xyz }\n", ":3:", "expected hexadecimal digits"),
        ("half a file", "version: 1\nsubjects:\n  - { issuer: corp, sub", ":", "is not valid YAML"),
    ];
    for (name, text, place, words) in cases {
        let (failed, said) = (reloads(&bench, "failed"), bench.gateway.stderr().len());
        bench.gateway.rewrite("revoked.yaml", text);
        eventually(name, || (reloads(&bench, "failed") > failed).then_some(()));
        let log = eventually(name, || {
            let log = bench.gateway.stderr()[said..].to_owned();
            log.contains("everything stays as it was").then_some(log)
        });
        assert!(log.contains(&format!("revoked.yaml{place}")) && log.contains(words), "{name}: {log}");
        bob.refused("/varz", 401, "revoked");
        alice.permitted("/varz", &bearer("alice"));
    }
    // A list that vanished is a fault as well, and no pardon.
    let failed = reloads(&bench, "failed");
    std::fs::remove_file(bench.gateway.path("revoked.yaml")).unwrap();
    eventually("the missing file", || (reloads(&bench, "failed") > failed).then_some(()));
    bob.refused("/varz", 401, "revoked");
    bench.gateway.rewrite("revoked.yaml", &listed.replace("bob", "alice"));
    bob.becomes("/varz", 401, 200);
    alice.refused("/varz", 401, "revoked");
}

#[test]
fn a_fault_in_another_file_does_not_save_whoever_is_revoked() {
    let bench = revoking();
    let bob = bench.caller().bearer(&token("bob", "j-1"));
    let alice = bench.caller().bearer(&token("alice", "j-2"));
    bob.permitted("/varz", &bearer("bob"));
    // Somebody is in the middle of editing the policy.
    let policy = std::fs::read_to_string(bench.gateway.path("policy.yaml")).unwrap();
    bench.gateway.rewrite("policy.yaml", "version: 1\nrules:\n");
    let mut open = bob.open();
    bench.gateway.rewrite("revoked.yaml", "version: 1\nsubjects:\n  - { issuer: corp, subject: bob }\n");
    bob.becomes("/varz", 200, 401);
    bob.refused("/varz", 401, "revoked");
    assert_eq!(open.statuses("/varz"), [401; 2]);
    alice.permitted("/varz", &bearer("alice"));
    assert!(reloads(&bench, "failed") > 0.5 && reloads(&bench, "ok") < 0.5);
    // A list that is faulty as well changes nothing.
    let failed = reloads(&bench, "failed");
    bench.gateway.rewrite("revoked.yaml", "version: 1\nsubjects:\n  - { issuer: crop, subject: alice }\n");
    eventually("the fault", || (reloads(&bench, "failed") > failed).then_some(()));
    bob.refused("/varz", 401, "revoked");
    alice.permitted("/varz", &bearer("alice"));
    bench.gateway.rewrite("policy.yaml", &policy);
    bench.gateway.rewrite("revoked.yaml", "version: 1\n");
    bob.becomes("/varz", 401, 200);
    assert!(reloads(&bench, "ok") > 0.5);
}
