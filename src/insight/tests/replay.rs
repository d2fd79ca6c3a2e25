//! Past requests, decided again.

use serde_json::{Value, json};

use super::compare::policy;
use super::line;
use crate::insight::{Past, Recorded, Replay, Upstreams};

const OLD: &str = "  - { id: see, endpoints: [varz], allow: [a], redact: standard }
  - { id: ask, endpoints: [connz], allow: [a, b], args: { limit: { max: 256 } } }
";

fn replay(records: &[Value], new: &str) -> Replay {
    let mut past = Past::default();
    for more in records {
        past.take(&Recorded::parse(&line(more)).unwrap());
    }
    past.replay(&policy(OLD), &policy(new))
}

#[test]
fn what_nobody_asked_for_does_not_matter() {
    let seen = [json!({}), json!({}), json!({ "request": "/connz?limit=256", "endpoint": "connz" })];
    let found = replay(&seen, &OLD.replace("allow: [a, b]", "allow: [a]"));
    assert!(found.is_empty(), "{found}");
    assert_eq!(found.to_string(), "0 changes; 3 of 3 records replayed, 2 distinct requests\n");
}

#[test]
fn what_was_asked_is_listed_with_who_how_often_and_both_rules() {
    let late = json!({ "time": "2026-02-02T03:04:05.678Z" });
    let denied =
        json!({ "request": "/routez", "endpoint": "routez", "decision": "deny", "reason": "no_rule", "rule": null });
    let new = "  - { id: all, endpoints: [routez], allow: [a] }\n";
    let found = replay(&[json!({}), late, denied], new);
    assert_eq!(
        found.to_string(),
        "\
requests
  - /varz, alice of issuer corp (bearer_jwt), 2 times, last 2026-02-02T03:04:05.678Z: no_rule, was allow by see
  + /routez, alice of issuer corp (bearer_jwt), 1 times, last 2026-01-02T03:04:05.678Z: allow by all, was no_rule
2 changes; 3 of 3 records replayed, 2 distinct requests
"
    );
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!((&json["changes"][0]["seen"], &json["changes"][0]["change"]), (&json!(2), &json!("lost")));
    let principal = json!([{ "issuer": "corp", "subject": "alice", "method": "bearer_jwt" }]);
    assert_eq!(json["changes"][0]["principal"], principal);
}

#[test]
fn what_a_rule_added_may_not_have_been_asked_for() {
    let seen = [json!({ "request": "/connz?limit=256", "endpoint": "connz" })];
    let found = replay(&seen, &OLD.replace("256", "100")).to_string();
    assert!(found.contains("  - /connz?limit=256, ") && found.contains("  ~ /connz, "), "{found}");
    let asked = [json!({ "request": "/connz?limit=200", "endpoint": "connz" })];
    let found = replay(&asked, &OLD.replace("256", "100")).to_string();
    assert!(found.contains("  - /connz?limit=200, ") && !found.contains(" /connz, "), "{found}");
}

#[test]
fn what_cannot_be_replayed_is_said_and_never_counts_as_no_change() {
    let untold = json!({ "roles": null });
    let found = replay(std::slice::from_ref(&untold), OLD);
    assert!(!found.is_empty(), "nothing could be replayed");
    assert!(found.to_string().contains("not replayed\n    1 tell no roles\n"), "{found}");
    let found = replay(&[untold, json!({})], OLD);
    assert!(found.is_empty() && found.to_string().contains("    1 tell no roles\n"), "{found}");
    let anonymous = json!({ "principal": null, "roles": null, "request": null, "decision": "deny" });
    let found = replay(&[anonymous], OLD);
    assert!(found.is_empty(), "nobody was refused: {found}");
    assert!(found.to_string().contains("    1 have no caller or no request that was understood\n"), "{found}");
    let found = replay(&[json!({ "roles": ["a", "gone"] })], OLD);
    assert!(!found.is_empty(), "{found}");
    assert!(found.to_string().contains("    1 have the role gone, which NEW has not\n"), "{found}");
    let nobody = json!({ "roles": [], "decision": "deny", "reason": "no_role", "rule": null });
    let found = replay(&[nobody], &format!("{OLD}  - {{ id: all, endpoints: [varz], allow: any }}\n"));
    assert!(found.to_string().contains("  + /varz, "), "no role is known: {found}");
}

#[test]
fn records_of_several_upstreams_are_kept_apart() {
    let record = |upstream: &str| Recorded::parse(&line(&json!({ "upstream": upstream }))).unwrap();
    let mut all = Upstreams::new(None);
    assert!(all.counts(&record("x")) && all.counts(&record("y")));
    assert!(all.finish().unwrap_err().contains("`x`, `y`"));
    let mut one = Upstreams::new(Some("x"));
    assert!(one.counts(&record("x")) && !one.counts(&record("y")));
    assert!(one.counts(&Recorded::parse(&line(&json!({}))).unwrap()), "one that does not say");
    assert_eq!(one.finish(), Ok(()));
    let mut other = Upstreams::new(Some("z"));
    assert!(!other.counts(&record("x")) && other.finish().is_err());
}
