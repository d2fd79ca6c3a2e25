//! What two policies give differently.

use serde_json::Value;

use crate::authz::Policy;
use crate::catalog::Catalogs;
use crate::insight::compare;

/// Roles `a` and `b`, and these rules.
pub(super) fn policy(rules: &str) -> Policy {
    let head = "version: 1\ncatalog: nats\nroles:\n  a: [{ token: { issuer: corp, claims: { groups: [a] } } }]
  b: [{ token: { issuer: corp, claims: { groups: [b] } } }]\nrules:\n";
    Policy::parse("p.yaml", &format!("{head}{rules}"), &Catalogs::builtin())
        .unwrap_or_else(|faults| panic!("{faults:#?}"))
}

const OLD: &str = "  - { id: see, endpoints: [varz], allow: [a], redact: standard }
  - { id: ask, endpoints: [connz], allow: [a, b], args: { limit: { max: 10 } }, redact: none }
";

fn differences(new: &str) -> String {
    compare(&policy(OLD), &policy(new)).to_string()
}

#[test]
fn what_gives_the_same_is_no_difference() {
    let renamed = OLD.replace("see", "look").replace("max: 10", "min: 1, max: 10");
    let apart = "  - { id: one, endpoints: [connz], allow: [b], args: { limit: { max: 10 } }, redact: none }
  - { id: two, endpoints: [connz], allow: [a], args: { limit: { max: 10 } }, redact: none }
  - { id: see, endpoints: [varz], allow: [a] }
  - { id: nobody, endpoints: [routez], allow: [] }
";
    for new in [OLD, renamed.as_str(), apart] {
        let comparison = compare(&policy(OLD), &policy(new));
        assert!(comparison.is_empty(), "{comparison}");
        assert!(comparison.to_string().starts_with("nothing changes: "), "{comparison}");
    }
}

#[test]
fn each_difference_is_said_with_whom_and_how() {
    let cases: [(String, &[&str]); 10] = [
        (
            format!("{OLD}  - {{ id: ops, endpoints: [healthz], allow: [b] }}\n"),
            &["role b\n  + /healthz /healthz?js-enabled=1 ", ": allow by ops, was no_rule\n"],
        ),
        (OLD.replace("[a, b]", "[a]"), &["role b\n  - /connz ", "no_rule, was allow by ask"]),
        (
            OLD.replace("max: 10", "max: 9"),
            &[
                "role a\n",
                "  - /connz?limit=10: argument_outside at ask, was allow by ask\n",
                "  ~ /connz: upstream /connz?limit=9, was /connz?limit=10",
            ],
        ),
        (OLD.replace("max: 10", "max: 11"), &["  + /connz?limit=11: allow by ask, was argument_outside at ask\n"]),
        (
            OLD.replace("max: 10 }", "max: 10 }, auth: [true, false]"),
            &["role a\n  + /connz?auth=1: allow by ask, was argument_forbidden"],
        ),
        (OLD.replace("redact: none", "redact: no-credentials"), &["  ~ /connz ", ": redacts now: ", "remove $..jwt"]),
        (
            OLD.replace("redact: none", "redact: o") + "redactions: { o: { extends: none, keep: [$.b, $.a] } }\n",
            &["  ~ /connz ", ": leaves only $.a, $.b, was all the rest\n"],
        ),
        (
            OLD.replace("allow: [a]", "allow: [a], limit: { rate: 6/min }"),
            &["  ~ /varz: limit 6 in 60 s, burst 1, was none\n"],
        ),
        (
            format!("{OLD}  - {{ id: all, endpoints: [healthz], allow: any }}\n"),
            &["everybody, whatever the role\n  + /healthz "],
        ),
        (
            format!("{OLD}  - {{ id: no, endpoints: [varz], deny: [a] }}\n"),
            &["role a\n  - /varz: denied at no, was allow by see\n"],
        ),
    ];
    for (new, lines) in cases {
        let found = differences(&new);
        assert!(lines.iter().all(|line| found.contains(line)), "{new}{lines:#?}\n{found}");
    }
    let everybody = differences(&format!("{OLD}  - {{ id: all, endpoints: [healthz], allow: any }}\n"));
    assert!(!everybody.contains("\nrole a\n"), "what everybody gets is said once: {everybody}");
}

#[test]
fn roles_that_others_have_now_are_a_difference() {
    let text = |roles: &str| format!("version: 1\ncatalog: nats\nroles:\n{roles}rules: []\n");
    let parse = |roles: &str| Policy::parse("p.yaml", &text(roles), &Catalogs::builtin()).unwrap();
    let old =
        parse("  a: [{ token: { issuer: corp, subject: [x, y] } }, { client_cert: { dns: [p.q, r.s] } }]\n  b: []\n");
    let same =
        parse("  b: []\n  a: [{ client_cert: { dns: [r.s, p.q] } }, { token: { issuer: corp, subject: [y, x] } }]\n");
    assert!(compare(&old, &same).is_empty(), "order means nothing");
    let more = parse(
        "  a: [{ token: { issuer: corp, subject: [x, y, z] } }, { client_cert: { dns: [p.q, r.s] } }]\n  c: []\n",
    );
    let found = compare(&old, &more).to_string();
    let wanted = "\
roles
  ~ a: client certificate with dns p.q or dns r.s; or token of \"corp\", subject \"x\" or \"y\" or \"z\", \
was client certificate with dns p.q or dns r.s; or token of \"corp\", subject \"x\" or \"y\"
  - b: was nobody
  + c: nobody
";
    assert!(found.starts_with(wanted), "{found}");
    let claims = parse("  a: [{ token: { issuer: corp, claims: { g: [x] } } }]\n  b: []\n");
    let shape = parse("  a: [{ token: { issuer: corp, claims: { g: { words: [x] } } } }]\n  b: []\n");
    assert!(!compare(&claims, &shape).is_empty(), "another shape is another claim");
}

#[test]
fn for_machines_each_request_stands_alone() {
    let json = serde_json::to_value(compare(&policy(OLD), &policy(&OLD.replace("max: 10", "max: 9")))).unwrap();
    let changes = json["changes"].as_array().unwrap();
    let lost: Vec<&Value> = changes.iter().filter(|change| change["change"] == "lost").collect();
    assert_eq!(lost.len(), 2, "one for each role: {lost:#?}");
    assert_eq!((&lost[0]["role"], &lost[0]["request"]), (&Value::from("a"), &Value::from("/connz?limit=10")));
    assert_eq!((&lost[0]["old"]["decision"], &lost[0]["new"]["reason"]), (&"allow".into(), &"argument_outside".into()));
}
