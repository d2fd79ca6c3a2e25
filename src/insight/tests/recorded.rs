//! Lines of audit files: what is read, what is broken.

use serde_json::{Value, json};

use super::line;
use crate::audit::{Decision, Record, Redaction, Who, write_line};
use crate::insight::{Caller, Recorded, request_id};

#[test]
fn what_the_writer_writes_is_read_back() {
    let also =
        vec![Who { issuer: "client_certificate", subject: "a\u{1b}\n", method: "client_certificate", also: vec![] }];
    let record = Record {
        time: "2026-01-02T03:04:05.678Z",
        request_id: "0123456789abcdef0123456789abcdef",
        listener: "0.0.0.0:8443",
        source: "2001:db8::1".parse().unwrap(),
        protocol: "HTTP/2",
        principal: Some(Who { issuer: "corp", subject: "alice", method: "bearer_jwt", also }),
        via: None,
        roles: None,
        upstream: Some("nats"),
        tenant: None,
        endpoint: Some("varz"),
        request: Some("/varz"),
        decision: Decision::Withhold,
        rule: Some("scrape"),
        reason: "syntax",
        shadow: Some(crate::audit::Shadow { decision: Decision::Deny, rule: "tighter" }),
        status: 502,
        upstream_status: Some(200),
        redactions: vec![Redaction { selector: "$..jwt".into(), count: 2 }],
        masked: 3,
        bytes: 17,
        cut: true,
        duration_us: 420,
        upstream_us: Some(300),
    };
    let mut text = Vec::new();
    write_line(&record, &mut text).unwrap();
    let read = Recorded::parse(std::str::from_utf8(&text).unwrap()).unwrap();
    let proofs: Vec<&str> = read.principal.iter().flat_map(Caller::proofs).map(|one| one.subject.as_str()).collect();
    assert_eq!(proofs, ["alice", "a\u{1b}\n"]);
    assert_eq!((read.decision, read.status, read.upstream_status), (Decision::Withhold, 502, Some(200)));
    assert_eq!((read.masked, read.cut, read.upstream_us), (3, true, Some(300)));
    assert_eq!((read.redactions[0].selector.as_str(), read.redactions[0].count), ("$..jwt", 2));
    assert_eq!((read.minute(), read.known_roles()), ("2026-01-02T03:04", None));
}

#[test]
fn members_of_other_versions_are_passed_over_and_broken_lines_are_not_guessed_at() {
    let good = |more: &Value| Recorded::parse(&line(more)).unwrap();
    assert_eq!(good(&json!({ "later": { "a": [1] } })).status, 200);
    assert_eq!(good(&json!({ "roles": [], "reason": "no_role" })).known_roles(), Some(&[][..]));
    assert_eq!(good(&json!({ "principal": null, "request": null, "endpoint": null })).principal, None);
    let shadow = json!({ "shadow": { "decision": "deny", "rule": "no" } });
    assert_eq!(good(&shadow).shadow.unwrap().decision, Decision::Deny);
    for more in [
        json!({ "time": "yesterday" }),
        json!({ "time": "2026-01-02T03:04:05" }),
        json!({ "request_id": "0123" }),
        json!({ "decision": "maybe" }),
        json!({ "decision": null }),
        json!({ "status": "200" }),
        json!({ "status": 70000 }),
        json!({ "source": "here" }),
        json!({ "roles": "a" }),
        json!({ "principal": { "issuer": "corp" } }),
    ] {
        assert!(Recorded::parse(&line(&more)).is_err(), "{more}");
    }
    let whole = line(&json!({}));
    assert!(Recorded::parse(&whole[..whole.len() / 2]).is_err(), "half of a line");
    assert!(
        Recorded::parse(&whole.replace("\"status\":200", "\"status\":200,\"status\":403")).is_err(),
        "a member twice"
    );
}

#[test]
fn a_request_id_is_known_in_every_spelling_it_is_given_in() {
    let id = "0123456789abcdef0123456789abcdef";
    for text in [
        id,
        "01234567-89ab-cdef-0123-456789abcdef",
        "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
        "urn:uuid:0123456789abcdef0123456789abcdef",
        "0123456789ABCDEF0123456789ABCDEF",
    ] {
        assert_eq!(request_id(text).as_deref(), Some(id), "{text}");
    }
    for text in ["", "0123", "g123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef0", "../../etc"] {
        assert_eq!(request_id(text), None, "{text}");
    }
}
