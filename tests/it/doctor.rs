//! `monward doctor` before real servers and scripted ones.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::gateway::{Setup, monward};
use crate::support::nats::{Build, Nats};
use crate::support::upstream::{Step, Upstream, json, with_length};

/// A policy with one rule for each of `sets`, that opens every JSON endpoint that the set can be kept on.
fn policy(sets: &[(&str, &str)], more: &str) -> String {
    let mut text = "version: 1\ncatalog: nats\nroles:\n  viewer: [{ token: { issuer: corp } }]\nrules:\n".to_owned();
    for (set, endpoints) in sets {
        writeln!(
            text,
            "  - {{ id: {set}, endpoints: [{endpoints}], allow: [viewer], redact: {set}, args: {{ {more} }} }}"
        )
        .unwrap();
    }
    text
}

const ALL: &str = "varz, connz, routez, gatewayz, leafz, subsz, accountz, accstatz, jsz, healthz, ipqueuesz";

#[test]
fn nothing_that_a_shipped_set_takes_out_is_seen_on_real_servers() {
    for build in Build::ALL {
        let nats = Nats::with_streams(build);
        let acme = &nats.account("ACME").public;
        let more = format!(
            "connz: {{ auth: allow, subs: allow, state: allow }}, accountz: {{ acc: {{ default: {acme} }} }}, ipqueuesz: {{ all: allow }}"
        );
        let sets = [("standard", ALL), ("no-credentials", ALL), ("numbers-only", ALL)];
        let folder = Setup::new(nats.monitoring).policy(&policy(&sets, &more)).write();
        let (code, out, said) = monward(folder.path(), &["doctor", "--canary", "--json"]);
        let health: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{build:?}: {out}{said}"));
        let upstream = &health["upstreams"][0];
        assert_eq!(code, Some(0), "{build:?}: {upstream:#}");
        for rule in upstream["rules"].as_array().unwrap() {
            assert!(rule["values"].as_u64().unwrap() > 1, "{build:?}: {rule}");
            assert!(rule["answers"].as_u64().unwrap() > 15, "{build:?}: {rule}");
        }
        assert_eq!(upstream["rules"].as_array().unwrap().len(), 3, "{build:?}: {upstream:#}");
        assert_eq!(upstream["silent"], false);
        assert!(!out.contains(acme) && !out.contains("eyJ"), "{build:?}");
    }
}

const OWN: &str = "version: 1
catalog: nats
roles:
  viewer: [{ token: { issuer: corp } }]
redactions:
  own: { extends: none, remove: ['$.connections[*].name'] }
rules:
  - { id: look, endpoints: [varz, connz, leafz], allow: [viewer], redact: own }
";

#[test]
fn what_is_taken_out_of_one_answer_and_stands_in_another_is_told_and_not_shown() {
    let upstream = Upstream::nats();
    upstream.script(|seen| match seen.target() {
        "/varz" => {
            json(r#"{"now":"of CANARY-NAME, too","host":"SERVER-NAME","CANARY-NAME":1,"new_field":"CANARY-NAME"}"#)
        }
        "/connz" => {
            json(r#"{"connections":[{"name":"CANARY-NAME","kind":"Client"},{"name":"Client"},{"name":"SERVER-NAME"}]}"#)
        }
        _ => vec![Step::Send(with_length("503 Unavailable", "", b"CANARY-NAME"))],
    });
    let folder = Setup::new(upstream.address()).policy(OWN).write();
    let (code, out, said) = monward(folder.path(), &["doctor", "--canary"]);
    assert_eq!((code, said.as_str()), (Some(1), ""), "{out}");
    for line in [
        "  - look (viewer): 1 texts are taken out of 2 answers, and this is seen all the same:\n",
        "      /varz  $.now\n",
        "      /varz  $.new_field\n",
        "      /varz  the name of $[*]\n",
        "  ~ unknown field: varz $.new_field\n",
        "  ~ /leafz under `look`: upstream_status (status 503)\n",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    assert!(!out.contains("CANARY"), "{out}");

    let (code, out, _) = monward(folder.path(), &["doctor"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("Whether redaction keeps its promises is proven with --canary.") && !out.contains("CANARY"));
}

#[test]
fn an_upstream_that_is_away_and_a_configuration_with_faults_are_told() {
    let upstream = Upstream::nats();
    upstream.refuse();
    let folder = Setup::new(upstream.address()).policy(OWN).write();
    let (code, out, _) = monward(folder.path(), &["doctor"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains(": 0 of ") && out.contains("  ~ /varz under `look`: unreachable"), "{out}");

    std::fs::write(folder.path().join("policy.yaml"), OWN.replace("varz", "vraz")).unwrap();
    let (code, out, said) = monward(folder.path(), &["doctor"]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{said}");
    assert!(said.contains("unknown endpoint `vraz`; did you mean `varz`?"), "{said}");
}
