//! What is told of one request.

use serde_json::{Value, json};

use super::line;
use crate::authz::Policy;
use crate::catalog::Catalogs;
use crate::insight::{Story, Today};

const POLICY: &str = "version: 1
catalog: nats
roles:
  a: [{ token: { issuer: corp, claims: { groups: [a] } } }]
  b: [{ token: { issuer: corp, claims: { groups: [b] } } }]
rules:
  - { id: see, endpoints: [varz], allow: [a], limit: { rate: 6/min, burst: 3 } }
  - { id: ask, endpoints: [connz], allow: [a, b], args: { limit: { max: 10 } } }
  - { id: ops, endpoints: [routez], allow: [b] }
  - { id: no, endpoints: [gatewayz], deny: [a] }
";

fn story(more: &Value) -> Story {
    let policy = Policy::parse("p.yaml", POLICY, &Catalogs::builtin()).unwrap();
    Story::of(&line(more), |record| Today::of(record, Some(&policy))).unwrap()
}

#[test]
fn a_permitted_request_is_told_from_who_to_how_long() {
    let story = story(&json!({
        "principal": {
            "issuer": "corp", "subject": "alice", "method": "bearer_jwt",
            "also": [{ "issuer": "client_certificate", "subject": "spiffe://x/y", "method": "client_certificate" }],
        },
        "upstream_status": 200, "upstream_us": 300, "redactions": [{ "selector": "$..jwt", "count": 2 }],
    }));
    assert_eq!(
        story.to_string(),
        "\
request   0123456789abcdef0123456789abcdef
when      2026-01-02T03:04:05.678Z
who       alice of issuer corp (bearer_jwt) and the client certificate spiffe://x/y
roles     a
from      127.0.0.1 by HTTP/2 to 0.0.0.0:8443
asked     /varz (endpoint varz)
decision  permit
reason    rule: A rule of the policy permits it.
rule      see
upstream  200 in 300 µs
redacted  2 × $..jwt
answer    status 200, 17 bytes in 420 µs
today     allow by rule see, limit 6 in 60 s, burst 3
"
    );
}

#[test]
fn a_refused_request_is_told_with_what_would_help() {
    for (request, reason, roles, wanted) in [
        (
            "/connz?auth=1",
            "argument_forbidden",
            "a",
            "Rule `ask` would have to accept it: `args: { connz: { auth: … } }`.",
        ),
        (
            "/connz?limit=11",
            "argument_outside",
            "b",
            "Rule `ask` would have to accept it: `args: { connz: { limit: … } }`.",
        ),
        ("/routez", "no_rule", "a", "Rule `ops` opens it to b."),
        ("/leafz", "no_rule", "a", "No rule of today's policy opens `leafz` to anybody."),
        ("/gatewayz", "denied", "a", "Rule `no` would have to name other roles."),
    ] {
        let refused = json!({
            "request": request, "endpoint": "x", "decision": "deny", "reason": reason, "rule": null,
            "roles": [roles], "status": 403,
        });
        assert_eq!(story(&refused).help(), [wanted], "{request}");
    }
    let nobody = json!({ "request": "/varz", "decision": "deny", "reason": "no_role", "roles": [], "status": 403 });
    assert_eq!(story(&nobody).help(), ["Rule `see` opens it to a."]);
    let often = story(&json!({ "decision": "deny", "reason": "rate_limited", "status": 429 })).to_string();
    assert!(
        often.contains("help      Ask less often") && often.contains("today     allow by rule see, limit 6"),
        "{often}"
    );
}

#[test]
fn what_a_record_does_not_tell_is_not_made_up() {
    let anonymous = json!({
        "principal": null, "roles": null, "endpoint": null, "request": null, "rule": null, "decision": "deny",
        "reason": "credential_missing", "status": 401,
    });
    let text = story(&anonymous).to_string();
    assert!(text.contains("who       nobody that was proven\n"), "{text}");
    assert!(
        text.contains("asked     nothing that was understood\n") && text.contains("upstream  was not asked\n"),
        "{text}"
    );
    assert!(!text.contains("roles     "), "{text}");
    let text = story(&json!({ "roles": null })).to_string();
    assert!(!text.contains("today"), "the policy was not asked then: {text}");
    let tenant = story(&json!({ "tenant": "ACME", "request": "/connz?auth=1&acc=ACME" })).to_string();
    assert!(
        tenant.contains("\ntenant    ACME: ") && tenant.contains("\ntoday     cannot be told: it depends"),
        "{tenant}"
    );
    let text = story(&json!({ "roles": ["a", "gone"] })).to_string();
    assert!(text.contains("today     today's policy has no role gone\n"), "{text}");
    let text = story(&json!({ "reason": "of_another_version" })).to_string();
    assert!(text.contains("does not know this word"), "{text}");
}

#[test]
fn what_a_record_spells_cannot_break_the_lines() {
    let hostile = "x\ndecision  permit\u{1b}[2J";
    let text = story(&json!({
        "principal": { "issuer": hostile, "subject": hostile, "method": hostile },
        "request": hostile, "endpoint": hostile, "rule": hostile, "reason": hostile, "listener": hostile,
        "protocol": hostile, "roles": [hostile], "decision": "deny",
        "redactions": [{ "selector": hostile, "count": 1 }],
        "shadow": { "decision": "deny", "rule": hostile },
    }));
    let text = text.to_string();
    assert_eq!(text.lines().filter(|line| line.starts_with("decision")).count(), 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn for_machines_the_record_comes_whole_with_the_words_and_todays_answer() {
    let json = serde_json::to_value(story(&json!({ "later": [1], "reason": "rate_limited" }))).unwrap();
    assert_eq!((&json["record"]["later"], &json["today"]["decision"]), (&json!([1]), &json!("allow")));
    assert!(json["sentence"].is_string() && json["help"][0].is_string(), "{json}");
}
