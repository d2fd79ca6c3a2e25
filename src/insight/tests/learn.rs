//! What is learned: no less than what was permitted, and nothing that was refused.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::line;
use crate::authn::Principal;
use crate::authz::{Circumstances, Outcome, Policy, explain};
use crate::catalog::Catalogs;
use crate::insight::{Learned, Learner, Recorded};

fn learn(records: &[Value]) -> (Learned, Policy) {
    let mut memory = Learner::new(Catalogs::builtin(), "nats").unwrap();
    for more in records {
        memory.take(&Recorded::parse(&line(more)).unwrap());
    }
    let learned = memory.learn().unwrap_or_else(|faults| panic!("{faults:#?}"));
    let policy = Policy::parse("p.yaml", &learned.policy, &Catalogs::builtin()).unwrap();
    (learned, policy)
}

/// What goes upstream for a token of `corp`, or the reason why nothing does.
fn answer(policy: &Policy, subject: &str, target: &str) -> String {
    let who = Principal::supposed("corp".to_owned(), subject.to_owned(), Map::new());
    match explain(policy, &who, "GET", target, &Circumstances::default()).outcome {
        Outcome::Permitted { upstream, .. } => upstream,
        Outcome::Refused(refused) => refused.reason.label().to_owned(),
        Outcome::NotUnderstood(fault) => fault.label().to_owned(),
    }
}

fn asked(request: &str) -> Value {
    json!({ "request": request })
}

fn refused(request: &str) -> Value {
    json!({ "request": request, "decision": "deny", "reason": "no_rule", "rule": null, "status": 403 })
}

fn by(subject: &str, mut record: Value) -> Value {
    record["principal"] = json!({ "issuer": "corp", "subject": subject, "method": "bearer_jwt" });
    record
}

#[test]
fn exactly_the_arguments_that_were_seen_are_granted() {
    for (seen, granted, not) in [
        (&["/varz"][..], &["/varz"][..], &["/connz", "/healthz", "/"][..]),
        (&["/connz?limit=10"], &["/connz?limit=10", "/connz?limit=3"], &["/connz?limit=11", "/connz?auth=1"]),
        (&["/connz", "/connz?limit=10"], &["/connz", "/connz?limit=1024"], &["/connz?limit=1025", "/connz?offset=1"]),
        (&["/connz", "/connz?auth=1"], &["/connz", "/connz?auth=1"], &["/connz?subs=1", "/connz?state=all"]),
        (&["/connz?subs=detail"], &["/connz?subs=detail"], &["/connz?subs=1"]),
        (&["/connz?state=closed"], &["/connz?state=closed"], &["/connz?state=open", "/connz?state=all"]),
        (&["/accountz?acc=A"], &["/accountz?acc=A", "/accountz?acc=B", "/accountz"], &["/accstatz"]),
        (&["/connz?cid=7"], &["/connz?cid=7"], &["/connz?cid=8"]),
        (&["/healthz"], &["/healthz"], &["/healthz?js-enabled-only=1"]),
        (&["/subsz?offset=5"], &["/subsz?offset=5"], &["/subsz?offset=6", "/subsz?test=a"]),
    ] {
        let records: Vec<Value> = seen.iter().map(|request| asked(request)).collect();
        let (learned, policy) = learn(&records);
        for request in granted {
            let answer = answer(&policy, "alice", request);
            assert!(answer.starts_with('/'), "{seen:?}: {request} is {answer}\n{}", learned.policy);
        }
        for request in not {
            let answer = answer(&policy, "alice", request);
            // What is left out of a request may be filled in with what was seen.
            let is_seen = seen.contains(&answer.as_str());
            assert!(is_seen || !answer.starts_with('/'), "{seen:?}: {request} is {answer}\n{}", learned.policy);
        }
        assert_eq!(answer(&policy, "bob", seen[0]), "no_role", "nobody else");
    }
}

/// What stands behind the head of [`a_learned_policy_reads_like_this`].
const READS: &str = r#"
roles:
  bob:
    - token: { issuer: "corp", subject: ["bob"] }
  alice:
    - token: { issuer: "corp", subject: ["alice"] }

rules:
  # varz: 1 times from 2026-01-02T03:04:05.678Z to 2026-01-02T03:04:05.678Z, at most 1 in a minute by one caller
  # varz: nothing was taken out of the answers that were seen; this set may take out more
  - id: bob-1
    endpoints: [varz]
    allow: [bob]
    limit: { rate: 2/min, burst: 2 }
    redact: standard
  # varz: 2 times from 2026-01-02T03:04:05.678Z to 2026-01-02T03:04:05.678Z, at most 2 in a minute by one caller
  # varz: nothing was taken out of the answers that were seen; this set may take out more
  - id: alice-1
    endpoints: [varz]
    allow: [alice]
    limit: { rate: 3/min, burst: 4 }
    redact: standard
  # connz: 1 times from 2026-01-02T03:04:05.678Z to 2026-01-02T03:04:05.678Z, at most 1 in a minute by one caller
  # connz: nothing was taken out of the answers that were seen; this set may take out more
  - id: alice-2
    endpoints: [connz]
    allow: [alice]
    args:
      connz: { auth: [true], offset: forbid, limit: { max: 10 } }
    limit: { rate: 2/min, burst: 2 }
    redact: standard
  # stacksz: 1 times from 2026-01-03T00:00:00.000Z to 2026-01-03T00:00:00.000Z, at most 1 in a minute by one caller
  # stacksz: no redaction set keeps its promise here; its readers see all of it
  - id: alice-3
    endpoints: [stacksz]
    allow: [alice]
    limit: { rate: 2/min, burst: 2 }
    redact: none

# Refused when it was asked, and granted by no rule for its own sake:
#   alice: /routez, 1 times, no_rule
"#;

#[test]
fn a_learned_policy_reads_like_this() {
    let (learned, _) = learn(&[
        asked("/varz"),
        asked("/varz"),
        asked("/connz?auth=1&limit=10"),
        by("bob", asked("/varz")),
        refused("/routez"),
        json!({ "request": "/stacksz", "time": "2026-01-03T00:00:00.000Z" }),
    ]);
    assert!(learned.policy.contains(READS), "{}", learned.policy);
    assert!(learned.cases.contains("  request: \"GET /routez\"\n  expect: deny\n"), "{}", learned.cases);
    assert_eq!((learned.roles, learned.refused, learned.left_out), (2, 1, 0));
}

#[test]
fn callers_with_the_same_needs_share_a_role() {
    let (learned, policy) = learn(&[asked("/varz"), by("bob", asked("/varz")), by("bob", asked("/varz"))]);
    assert_eq!(learned.roles, 1, "{}", learned.policy);
    assert!(learned.policy.contains("limit: { rate: 3/min, burst: 4 }"), "the busiest of them: {}", learned.policy);
    assert_eq!((answer(&policy, "alice", "/varz"), answer(&policy, "bob", "/varz")), ("/varz".into(), "/varz".into()));
}

#[test]
fn a_request_that_was_refused_is_never_granted() {
    // In general form, both arguments could be given at once.
    let apart = [asked("/connz?auth=1"), asked("/connz?subs=1"), asked("/connz"), refused("/connz?auth=1&subs=1")];
    let (learned, policy) = learn(&apart);
    assert_eq!(answer(&policy, "alice", "/connz?auth=1&subs=1"), "argument_forbidden", "{}", learned.policy);
    for request in ["/connz", "/connz?auth=1", "/connz?subs=1"] {
        assert!(answer(&policy, "alice", request).starts_with("/connz"), "{request}: {}", learned.policy);
    }
    let (learned, policy) = learn(&[asked("/connz?limit=10"), asked("/connz?limit=20"), refused("/connz?limit=15")]);
    assert_eq!(answer(&policy, "alice", "/connz?limit=15"), "argument_outside", "{}", learned.policy);
    let (learned, policy) = learn(&[asked("/accountz?acc=A"), refused("/accountz?acc=B")]);
    assert!(!answer(&policy, "alice", "/accountz?acc=B").starts_with('/'), "{}", learned.policy);
    assert_eq!(answer(&policy, "alice", "/accountz?acc=A"), "/accountz?acc=A", "{}", learned.policy);
    // Whoever shows more than a token has the roles of the token too.
    let more = json!({ "principal": {
        "issuer": "corp", "subject": "alice", "method": "bearer_jwt",
        "also": [{ "issuer": "client_certificate", "subject": "spiffe://x/y", "method": "client_certificate" }],
    }});
    let mut denied = refused("/varz");
    denied["principal"] = more["principal"].clone();
    let (learned, policy) = learn(&[asked("/varz"), asked("/healthz"), denied]);
    assert_eq!(answer(&policy, "alice", "/varz"), "no_rule", "{}", learned.policy);
    assert!(learned.policy.contains("#   alice: varz\n"), "{}", learned.policy);
    // What a rule in shadow would refuse was permitted all the same; what a proxy asked is not what it fetched.
    let shadow = json!({ "request": "/routez", "shadow": { "decision": "deny", "rule": "tighter" } });
    let proxy = json!({ "request": "/gatewayz", "via": "forward_auth" });
    let (learned, policy) = learn(&[asked("/varz"), shadow, proxy]);
    assert_eq!(answer(&policy, "alice", "/routez"), "/routez", "{}", learned.policy);
    assert_eq!(answer(&policy, "alice", "/gatewayz"), "no_rule", "{}", learned.policy);
    assert!(learned.policy.contains("asked through a proxy"), "{}", learned.policy);
    // What was permitted at another time is.
    let (_, policy) = learn(&[refused("/varz"), asked("/varz")]);
    assert_eq!(answer(&policy, "alice", "/varz"), "/varz");
    // What came too often was not refused for itself.
    let often = json!({ "decision": "deny", "reason": "rate_limited", "status": 429 });
    let (learned, _) = learn(&[asked("/varz"), often]);
    assert_eq!(learned.refused, 0, "{}", learned.policy);
}

#[test]
fn each_kind_of_identity_is_named_as_policies_name_it() {
    let caller = |method: &str, issuer: &str, subject: &str| json!({ "principal": { "issuer": issuer, "subject": subject, "method": method } });
    for (record, grant) in [
        (caller("static_key", "people", "grafana"), r#"token: { issuer: "people", subject: ["grafana"] }"#),
        (
            caller("service_account", "cluster", "system:serviceaccount:monitoring:prom"),
            r#"service_account: { issuer: "cluster", namespace: "monitoring", name: "prom" }"#,
        ),
        (
            caller("client_certificate", "client_certificate", "spiffe://example.org/ns/a"),
            r#"client_cert: { uri: "spiffe://example.org/ns/a" }"#,
        ),
        (
            caller("client_certificate", "client_certificate", "a.example.org"),
            r#"client_cert: { dns: "a.example.org" }"#,
        ),
        (
            caller("client_certificate", "client_certificate", "a@example.org"),
            r#"client_cert: { email: "a@example.org" }"#,
        ),
        (
            json!({ "principal": {
                "issuer": "corp", "subject": "alice", "method": "bearer_jwt",
                "also": [{ "issuer": "client_certificate", "subject": "a.example.org", "method": "client_certificate" }],
            }}),
            r#"all_of: [{ token: { issuer: "corp", subject: ["alice"] } }, { client_cert: { dns: "a.example.org" } }]"#,
        ),
    ] {
        let (learned, _) = learn(&[record]);
        assert!(learned.policy.contains(&format!("    - {grant}\n")), "{grant}\n{}", learned.policy);
    }
    for (method, issuer, subject) in [
        ("client_certificate", "client_certificate", "serial 0a1b"),
        ("client_certificate", "client_certificate", "*.example.org"),
        ("client_certificate", "client_certificate", "*@example.org"),
        ("client_certificate", "client_certificate", "spiffe://example.org/ns/*"),
        ("client_certificate", "client_certificate", "Prometheus Server"),
        ("service_account", "cluster", "system:serviceaccount:a"),
        ("bearer_jwt", "corp", "*"),
        ("bearer_jwt", "*", "alice"),
        ("bearer_jwt", "corp", ""),
    ] {
        let (learned, policy) = learn(&[asked("/varz"), caller(method, issuer, subject)]);
        assert_eq!((learned.roles, learned.left_out), (1, 1), "{subject}: {}", learned.policy);
        assert!(learned.policy.contains("# Left out, because a policy cannot name it:"), "{}", learned.policy);
        assert_eq!(policy.all_roles().collect::<Vec<_>>(), ["alice"]);
    }
}

#[test]
fn what_a_tenant_saw_is_not_granted_in_whole() {
    let tenant = json!({ "request": "/connz?auth=1&acc=ACME", "tenant": "ACME" });
    let (learned, policy) = learn(&[asked("/varz"), tenant]);
    assert_eq!((learned.left_out, answer(&policy, "alice", "/connz?auth=1&acc=ACME").as_str()), (1, "no_rule"));
    assert!(learned.policy.contains("write a rule with `tenant`"), "{}", learned.policy);
}

fn subjects() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "a\"b",
        "a'b",
        "a\nb: [any]",
        "# a",
        "*",
        "&a",
        "!!str a",
        "- a",
        "a: b",
        "{a}",
        "[a]",
        "|",
        "\\",
        "\u{0}",
        "\u{1b}[2J",
        "\u{feff}",
        "\u{2028}",
        "\u{85}",
        "é",
        "\u{1f600}",
        "\u{202e}",
        "null",
        "true",
        "~",
        "5",
        "any",
        " a ",
        "a\r",
        "\t",
        "%",
    ]);
    prop_oneof![nasty.prop_map(str::to_owned), any::<String>(), "[ -~]{1,12}"]
}

fn requests() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "/varz",
        "/connz",
        "/connz?auth=1",
        "/connz?subs=detail",
        "/connz?auth=1&subs=1",
        "/connz?limit=10",
        "/connz?limit=2000",
        "/connz?state=all",
        "/connz?cid=3",
        "/jsz?acc=A",
        "/jsz",
        "/jsz?accounts=1",
        "/healthz",
        "/healthz?js-enabled-only=1",
        "/stacksz",
        "/ipqueuesz",
        "/accountz?acc=B",
        "/subsz?subs=1&test=a.b",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whoever_asks_for_whatever_keeps_it_and_nobody_gets_what_was_refused(
        seen in prop::collection::vec((0..4_usize, requests(), prop::bool::weighted(0.7)), 1..24),
        names in prop::collection::vec(subjects(), 4),
    ) {
        let records: Vec<Value> = seen
            .iter()
            .map(|(who, request, permitted)| by(&names[*who], if *permitted { asked(request) } else { refused(request) }))
            .collect();
        let mut memory = Learner::new(Catalogs::builtin(), "nats").unwrap();
        for more in &records {
            memory.take(&Recorded::parse(&line(more)).unwrap());
        }
        let learned = memory.learn().unwrap_or_else(|faults| panic!("{faults:#?}"));
        let policy = Policy::parse("p.yaml", &learned.policy, &Catalogs::builtin()).unwrap();
        // Where a rule for what was permitted would permit what was refused as well, there is none.
        let left_out = learned.policy.split_once("# Left out").map_or("", |(_, after)| after);
        let permitted = |name: &str| -> BTreeSet<&str> {
            let mine = seen.iter().filter(|(who, _, permitted)| *permitted && names[*who] == name);
            mine.map(|(_, request, _)| *request).collect()
        };
        for name in &names {
            let mine = permitted(name);
            let nameable = !name.is_empty() && name != "*";
            for (_, request, _) in &seen {
                let answer = answer(&policy, name, request);
                if mine.contains(request) && nameable {
                    let path = request.split('?').next().unwrap();
                    let of = |other: &str| other.split('?').next() == Some(path);
                    let refused = seen.iter().any(|(who, other, permitted)| !permitted && of(other) && names[*who] == *name);
                    let endpoint = format!(": {}\n", path.trim_start_matches('/'));
                    let is_left_out = refused && !answer.starts_with('/') && left_out.contains(&endpoint);
                    prop_assert!(is_left_out || answer == *request, "{} for {}: {}", request, answer, learned.policy);
                } else if answer.starts_with('/') {
                    let endpoint = |target: &str| target.split('?').next().unwrap().to_owned();
                    prop_assert!(mine.iter().any(|own| endpoint(own) == endpoint(request)), "{}", learned.policy);
                    let was_refused = seen.iter().any(|(who, other, permitted)| !permitted && other == request && names[*who] == *name);
                    prop_assert!(!was_refused || mine.contains(answer.as_str()), "{} for {}: {}", request, answer, learned.policy);
                }
            }
        }
        prop_assert_eq!(answer(&policy, "a stranger with a name that nobody has", "/varz"), "no_role");
    }
}
