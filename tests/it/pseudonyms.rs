//! Pseudonyms in the answers of a real gateway: the same for one account everywhere and under one key alone.

use monward::redact::Pseudonyms;
use serde_json::Value;

use crate::support::answers::success;
use crate::support::bench::{Bench, assemble};
use crate::support::eventually;
use crate::support::gateway::{Setup, monward};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Seen, Step, Upstream, json};

const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
redactions:
  listed:
    extends: standard
    keep: [$.leafnodes, '$.leafs[*].account']
    truncate_ip: ['$.leafs[*].ip']
rules:
  - id: all
    endpoints: [connz, accstatz, ipqueuesz, raftz, healthz, jsz]
    allow: [viewer]
    args: { connz: { auth: allow }, jsz: { accounts: allow }, ipqueuesz: { all: allow } }
  - id: listed
    endpoints: [leafz]
    allow: [viewer]
    redact: listed
";

const ACCOUNT: &str = "CANARY-account";
const KEY: &str = "CANARY-key-of-thirty-two-bytes-and-more";
const NEXT: &str = "CANARY-key-of-the-days-after-this-one";

/// What the upstream answers to each target, and what leaves.
const ANSWERS: &[(&str, &str, &str)] = &[
    (
        "/connz?auth=1",
        r#"{"connections":[{"cid":1,"account":"CANARY-account"}]}"#,
        r#"{"connections":[{"cid":1,"account":"<>"}]}"#,
    ),
    (
        "/accstatz",
        r#"{"account_statz":[{"acc":"CANARY\u002daccount","conns":7}]}"#,
        r#"{"account_statz":[{"acc":"<>","conns":7}]}"#,
    ),
    (
        "/ipqueuesz?all=1",
        r#"{"[ACC:CANARY-account] stream 'orders' msgs":{"pending":3},"System recvQ":{"pending":0}}"#,
        r#"{"[ACC:<>] stream 'orders' msgs":{"pending":3},"System recvQ":{"pending":0}}"#,
    ),
    ("/raftz", r#"{"CANARY-account":{"_meta_":{"size":3}}}"#, r#"{"<>":{"_meta_":{"size":3}}}"#),
    (
        "/healthz",
        r#"{"status":"unavailable","error":"JetStream account \"CANARY-account\" not found"}"#,
        r#"{"status":"unavailable","error":"JetStream account \"<>\" not found"}"#,
    ),
    (
        "/jsz?accounts=1",
        r#"{"account_details":[{"name":"CANARY-account","memory":1.0}]}"#,
        r#"{"account_details":[{"name":"<>","memory":1.0}]}"#,
    ),
    (
        "/leafz",
        r#"{"server_id":"N","leafnodes":1,"leafs":[{"account":"CANARY-account","ip":"203.0.113.77","new":"CANARY"}]}"#,
        r#"{"leafnodes":1,"leafs":[{"account":"<>"}]}"#,
    ),
];

fn answer(seen: &Seen) -> Vec<Step> {
    let (_, body, _) = ANSWERS.iter().find(|(target, ..)| *target == seen.target()).unwrap_or(&("", "{}", ""));
    json(body)
}

fn setup(upstream: &Upstream, key: Option<&str>) -> Setup {
    let mut setup = Setup::before(upstream).policy(POLICY);
    setup.log_level = "trace";
    if let Some(key) = key {
        setup = setup.file("names.key", format!("{key}\n"));
        setup.config = Some(format!("{}redaction: {{ pseudonym_key: {{ file: names.key }} }}\n", setup.text()));
    }
    setup
}

fn bench(key: Option<&str>) -> Bench {
    let upstream = Upstream::scripted(Box::new(answer));
    let gateway = setup(&upstream, key).start();
    assemble(upstream, gateway)
}

fn left(bench: &Bench, target: &str) -> String {
    let response = bench.client.get(target, Some(&Issuer::shared().token("viewer")));
    success(&response, target);
    String::from_utf8(response.body).unwrap()
}

fn alias(key: &str) -> String {
    Pseudonyms::new(key.as_bytes()).of(ACCOUNT.as_bytes()).to_string()
}

/// The pseudonym that the gateway has for the account.
fn shown(bench: &Bench) -> String {
    let body: Value = serde_json::from_str(&left(bench, "/accstatz")).unwrap();
    body["account_statz"][0]["acc"].as_str().unwrap().to_owned()
}

#[test]
fn an_account_has_one_pseudonym_at_every_endpoint_and_of_every_replica() {
    let replicas = [bench(Some(KEY)), bench(Some(KEY))];
    for bench in &replicas {
        for (target, _, wanted) in ANSWERS {
            assert_eq!(left(bench, target), wanted.replace("<>", &alias(KEY)), "{target}");
        }
        let records = bench.gateway.audit(ANSWERS.len());
        let queues = records.iter().find(|record| record["endpoint"] == "ipqueuesz").unwrap();
        let names = serde_json::json!({ "selector": "names $[*]", "count": 2 });
        assert!(queues["redactions"].as_array().unwrap().contains(&names), "{queues}");
        let said =
            [bench.gateway.stderr(), bench.gateway.stdout(), bench.gateway.audit_text(), bench.gateway.metrics()];
        assert!(said.iter().all(|text| !text.contains("CANARY")), "{said:?}");
    }
}

#[test]
fn without_a_key_each_process_has_names_of_its_own() {
    let (one, other) = (bench(None), bench(None));
    assert_eq!(shown(&one), shown(&one));
    assert_ne!(shown(&one), shown(&other));
    one.gateway.reload("ok");
    let before = shown(&one);
    one.gateway.reload("ok");
    assert_eq!(shown(&one), before, "a reload changes nothing");
}

#[test]
fn a_key_that_changes_changes_all_pseudonyms_without_a_word() {
    let bench = bench(Some(KEY));
    assert_eq!(shown(&bench), alias(KEY));
    bench.gateway.rewrite("names.key", "short");
    eventually("the fault of a short key", || bench.gateway.stderr().contains("at least 32 bytes").then_some(()));
    assert_eq!(shown(&bench), alias(KEY), "a fault changes nothing");
    bench.gateway.rewrite("names.key", NEXT);
    eventually("the new key", || (shown(&bench) == alias(NEXT)).then_some(()));
}

#[test]
fn pseudonyms_without_a_key_are_doubtful() {
    let upstream = Upstream::nats();
    let doubt = "monward.yaml: its policies show pseudonyms, which change at each start and differ between replicas; \
                 keep a key for them: `redaction: { pseudonym_key: { file: PATH } }` (doubtful)\n";
    let plain = POLICY.replace("    allow: [viewer]\n", "    allow: [viewer]\n    redact: no-credentials\n");
    let plain = plain.replace("    redact: no-credentials\n    redact: listed\n", "    redact: no-credentials\n");
    for (why, setup, wanted) in [
        ("no key", setup(&upstream, None), doubt),
        ("a key", setup(&upstream, Some(KEY)), ""),
        ("nothing that needs one", setup(&upstream, None).policy(&plain), ""),
    ] {
        let folder = setup.write();
        let usual = monward(folder.path(), &["check", "monward.yaml"]);
        assert_eq!((usual.0, usual.2.as_str()), (Some(0), wanted), "{why}");
        let strict = monward(folder.path(), &["check", "--strict", "monward.yaml"]);
        assert_eq!(strict.0, Some(i32::from(!wanted.is_empty())), "{why}");
    }
}
