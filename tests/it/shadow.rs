//! Rules in shadow: what they would have decided is recorded and counted, and changes nothing.

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::eventually;
use crate::support::gateway::{Setup, monward};
use crate::support::tokens::Issuer;
use crate::support::upstream::Upstream;

const ROLES: &str = "version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
";

const RULES: &str = "rules:
  - { id: view, endpoints: [varz, connz], allow: [viewer], redact: none }
  - { id: tighter, endpoints: [varz], deny: any, mode: shadow }
  - { id: wider, endpoints: [accountz], allow: [viewer], args: { acc: allow }, mode: shadow, redact: none }
  - { id: barely, endpoints: [healthz], allow: [viewer], limit: { rate: 1/h, burst: 1 }, redact: none }
  - { id: unlimited, endpoints: [healthz], allow: [viewer], mode: shadow, redact: none }
";

fn bench(files: &[(&str, String)]) -> Bench {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policies(files).start();
    assemble(upstream, gateway)
}

/// Asks over both protocols; each record has this member `shadow`, and each is counted.
fn asks(bench: &Bench, target: &str, status: u16, shadow: &Value) {
    let name = "monward_shadow_decisions_total";
    let endpoint = format!("endpoint=\"{}\"", &target[1..].split('?').next().unwrap());
    let enforced = if status == 200 { "permit" } else { "deny" };
    let label = format!("shadow=\"{}\"", shadow["decision"].as_str().unwrap_or_default());
    let labels = [endpoint.as_str(), "upstream=\"nats\"", &format!("decision=\"{enforced}\""), &label];
    // Counts are whole, and shown as such.
    let shown = |labels: &[&str]| bench.gateway.metric(name, labels).to_string();
    let after = |before: String, more: u32| (before.parse::<f64>().unwrap() + f64::from(more)).to_string();
    let (count, all) = (shown(&labels), shown(&[]));
    let seen = bench.upstream.requests().len();
    for answer in bench.caller().bearer(&Issuer::shared().token("viewer")).ask(target) {
        if status == 200 {
            success(&answer, target);
        } else {
            denial(&answer, &[status], target);
        }
        let record = bench.record_of(&answer);
        assert_eq!(record.get("shadow").unwrap_or(&Value::Null), shadow, "{target}: {record}");
        assert_eq!(record["decision"], enforced, "{target}: {record}");
        assert!(!answer.everything().contains("shadow"), "{}", answer.everything());
    }
    let asked = if status == 200 { 2 } else { 0 };
    assert_eq!(bench.upstream.requests().len(), seen + asked, "{target}: what the upstream saw");
    let more = if shadow.is_null() { 0 } else { 2 };
    let (count, all) = (after(count, more), after(all, more));
    eventually("the count", || (shown(&[]) == all).then_some(()));
    if more > 0 {
        assert_eq!(shown(&labels), count, "{target}: counted with its labels");
    }
}

#[test]
fn a_rule_in_shadow_is_recorded_and_not_enforced() {
    let bench = bench(&[("policy.yaml", format!("{ROLES}{RULES}"))]);
    asks(&bench, "/varz", 200, &json!({ "decision": "deny", "rule": "tighter" }));
    asks(&bench, "/accountz", 403, &json!({ "decision": "permit", "rule": "wider" }));
    asks(&bench, "/accountz?acc=A", 403, &json!({ "decision": "permit", "rule": "wider" }));
    asks(&bench, "/connz", 200, &Value::Null);
    asks(&bench, "/connz?auth=1", 403, &Value::Null);
    asks(&bench, "/routez", 403, &Value::Null);
    let nobody = bench.caller().bearer(&Issuer::shared().token("stranger"));
    let answers = nobody.refused("/varz", 403, "no_role");
    assert_eq!(bench.record_of(&answers[0])["shadow"], json!({ "decision": "deny", "rule": "tighter" }));
    let answers = bench.caller().refused("/varz", 401, "credential_missing");
    assert_eq!(bench.record_of(&answers[0]).get("shadow"), None);
}

#[test]
fn a_limit_holds_whatever_a_rule_in_shadow_would_have_given() {
    let bench = bench(&[("policy.yaml", format!("{ROLES}{RULES}"))]);
    let viewer = bench.caller().bearer(&Issuer::shared().token("viewer"));
    let mut statuses: Vec<u16> = (0..2).flat_map(|_| viewer.statuses("/healthz")).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429, 429, 429]);
    let record = bench.gateway.audited(429);
    assert_eq!(record["rule"], "barely", "{record}");
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[test]
fn a_file_in_shadow_is_all_in_shadow_but_for_what_says_otherwise() {
    let enforced =
        format!("{ROLES}rules:\n  - {{ id: view, endpoints: [varz, connz], allow: [viewer], redact: none }}\n");
    let shadow = "version: 1
catalog: nats
mode: shadow
rules:
  - { id: tighter, endpoints: [varz], deny: [viewer] }
  - { id: wider, endpoints: [routez], allow: [viewer], redact: none }
  - { id: real, endpoints: [connz], deny: [viewer], mode: enforce }
"
    .to_owned();
    for files in [
        [("policy.yaml", enforced.clone()), ("shadow.yaml", shadow.clone())],
        [("shadow.yaml", shadow), ("policy.yaml", enforced)],
    ] {
        let bench = bench(&files);
        asks(&bench, "/varz", 200, &json!({ "decision": "deny", "rule": "tighter" }));
        asks(&bench, "/routez", 403, &json!({ "decision": "permit", "rule": "wider" }));
        asks(&bench, "/connz", 403, &Value::Null);
    }
}

#[test]
fn a_policy_that_is_all_in_shadow_lets_nobody_in() {
    let policy =
        format!("{ROLES}mode: shadow\nrules:\n  - {{ id: view, endpoints: [varz], allow: any, redact: none }}\n");
    let bench = bench(&[("policy.yaml", policy)]);
    asks(&bench, "/varz", 403, &json!({ "decision": "permit", "rule": "view" }));
    bench.upstream.assert_untouched("a policy in shadow");
    let text = bench.gateway.path("policy.yaml");
    let enforced = std::fs::read_to_string(&text).unwrap().replace("mode: shadow\n", "");
    bench.gateway.rewrite("policy.yaml", &enforced);
    bench.gateway.reload("ok");
    asks(&bench, "/varz", 200, &Value::Null);
}

#[test]
fn explain_and_why_say_what_a_rule_in_shadow_would_have_decided() {
    let bench = bench(&[("policy.yaml", format!("{ROLES}{RULES}"))]);
    let folder = bench.gateway.path("");
    let explain =
        |target: &str| monward(&folder, &["explain", "--policy", "policy.yaml", "--claim", "roles=viewer", target]);
    for (target, code, rule) in [("/varz", 0, "tighter"), ("/accountz", 1, "wider")] {
        let (got, out, err) = explain(target);
        assert_eq!(got, Some(code), "{out}{err}");
        assert!(out.lines().any(|line| line.contains("shadow") && line.contains(rule)), "{target}: {out}");
    }
    let viewer = bench.caller().bearer(&Issuer::shared().token("viewer"));
    for answer in viewer.ask("/accountz") {
        let _written = bench.record_of(&answer);
        let id = answer.header("x-request-id").unwrap();
        let (_, out, err) = monward(&folder, &["why", id]);
        assert!(out.contains("shadow") && out.contains("wider"), "{out}{err}");
    }
}
