//! What clients read of redacted answers: types stay, and what they cannot do without is there.
//!
//! Each client's rules of decoding are written down here as its source has them, and asked of recorded answers under
//! every set.

use std::sync::Arc;

use serde_json::Value;

use monward::authz::Policy;
use monward::catalog::Catalog;
use monward::redact::{BodyKind, Pseudonyms, Redactor};

/// The recorded answers of NATS 2.15.1: endpoint and body.
const ANSWERS: &[(&str, &str)] = &[
    ("varz", include_str!("../../src/demo/answers/varz.json")),
    ("connz", include_str!("../../src/demo/answers/connz.json")),
    ("connz", include_str!("../../src/demo/answers/connz-auth.json")),
    ("connz", include_str!("../../src/demo/answers/connz-closed.json")),
    ("routez", include_str!("../../src/demo/answers/routez.json")),
    ("gatewayz", include_str!("../../src/demo/answers/gatewayz.json")),
    ("leafz", include_str!("../../src/demo/answers/leafz.json")),
    ("subsz", include_str!("../../src/demo/answers/subsz.json")),
    ("accountz", include_str!("../../src/demo/answers/accountz-acme.json")),
    ("accstatz", include_str!("../../src/demo/answers/accstatz.json")),
    ("jsz", include_str!("../../src/demo/answers/jsz-streams.json")),
    ("jsz", include_str!("../../src/demo/answers/jsz-accounts.json")),
    ("healthz", include_str!("../../src/demo/answers/healthz.json")),
    ("subsz", include_str!("../fixtures/nats-2.15.1/subsz__subs=1.json")),
    ("jsz", include_str!("../fixtures/nats-2.15.1/jsz__accounts=1,streams=1,consumers=1,config=1,raft=1.json")),
    ("connz", include_str!("../fixtures/nats-2.15.1/connz__auth=1,subs=detail,state=all.json")),
    ("leafz", include_str!("../fixtures/nats-2.15.1/leafz__subs=1.json")),
];

/// `body` as `set` leaves it; `None` when the set cannot be used there.
fn left(set: &str, endpoint: &str, body: &str) -> Option<Value> {
    let catalog = Catalog::builtin("nats").unwrap();
    let id = catalog.find(endpoint).unwrap();
    assert_eq!(catalog.endpoint(id).body, BodyKind::Json);
    let plan = Policy::closed(Arc::clone(&catalog)).redaction(set, id).ok()?;
    let mut redactor = Redactor::new(plan, Arc::new(Pseudonyms::new(&[7; 32])));
    let mut out = Vec::new();
    redactor.push(body.as_bytes(), &mut out).unwrap();
    redactor.finish(&mut out).unwrap();
    Some(serde_json::from_slice(&out).unwrap())
}

/// All answers under all sets: set, endpoint, before and after.
fn all() -> Vec<(String, &'static str, Value, Value)> {
    let catalog = Catalog::builtin("nats").unwrap();
    let sets: Vec<String> = catalog.redactions.iter().map(|set| set.name.clone()).collect();
    let of_set = |set: &String| {
        let set = set.clone();
        ANSWERS.iter().filter_map(move |(endpoint, body)| {
            Some((set.clone(), *endpoint, serde_json::from_str(body).unwrap(), left(&set, endpoint, body)?))
        })
    };
    let all: Vec<_> = sets.iter().flat_map(of_set).collect();
    assert!(all.len() > 2 * ANSWERS.len(), "only {} answers", all.len());
    all
}

/// What of `after` a decoder with types would stumble over: another type than at its place in `before`, a time that is none.
fn changed(before: &Value, after: &Value, path: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            for (name, after) in after {
                let path = format!("{path}.{name}");
                match before.get(name) {
                    Some(before) => changed(before, after, &path, found),
                    // A pseudonym in the place of a name.
                    None if name.contains("p-") => {}
                    None => found.push(format!("{path} is new")),
                }
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            if after.len() > before.len() {
                found.push(format!("{path} has more elements"));
            }
            before.iter().zip(after).for_each(|(before, after)| changed(before, after, &format!("{path}[*]"), found));
        }
        (Value::String(before), Value::String(after)) if is_time(before) && before != after => {
            found.push(format!("{path} is no time any more"));
        }
        (Value::String(_), Value::String(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Null, Value::Null) => {}
        _ => found.push(format!("{path} was {before}")),
    }
}

/// Whether it looks like an RFC 3339 time.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let at = |place: usize, wanted: u8| bytes.get(place) == Some(&wanted);
    at(4, b'-') && at(7, b'-') && at(10, b'T') && at(13, b':') && at(16, b':')
}

#[test]
fn types_and_times_stay_under_every_set() {
    let mut times = 0;
    for (set, endpoint, before, after) in all() {
        let mut found = Vec::new();
        changed(&before, &after, "$", &mut found);
        assert_eq!(found, Vec::<String>::new(), "{set} {endpoint}");
        times += after.to_string().matches("Z\"").count();
    }
    assert!(times > 50, "only {times} times");
}

#[test]
fn a_changed_type_or_time_would_be_found() {
    let before = serde_json::json!({ "a": 1, "b": "2026-01-02T03:04:05Z", "c": [true], "d": "x" });
    for (after, wanted) in [
        (serde_json::json!({ "a": "1" }), "$.a was 1"),
        (serde_json::json!({ "b": "[redacted]" }), "$.b is no time any more"),
        (serde_json::json!({ "c": [true, true] }), "$.c has more elements"),
        (serde_json::json!({ "c": [1] }), "$.c[*] was true"),
        (serde_json::json!({ "d": null }), "$.d was \"x\""),
        (serde_json::json!({ "e": 1 }), "$.e is new"),
    ] {
        let mut found = Vec::new();
        changed(&before, &after, "$", &mut found);
        assert_eq!(found, [wanted]);
    }
}

/// A client: what it is, its endpoint, the path of the object that it reads, the numbers that it cannot do without, and the texts.
type Reader = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const READERS: &[Reader] = &[
    // prometheus-nats-exporter ends when `-use_internal_server_id` finds none.
    ("prometheus-nats-exporter", "varz", "", &["connections", "subscriptions", "mem", "cpu"], &["server_id"]),
    ("prometheus-nats-exporter", "jsz", "", &["streams", "consumers", "messages", "bytes"], &["server_id"]),
    ("prometheus-nats-exporter", "connz", "", &["num_connections", "total", "limit", "offset"], &["server_id"]),
    ("prometheus-nats-exporter", "leafz", "", &["leafnodes"], &["server_id"]),
    // Its uptime is the one time less the other.
    (
        "Telegraf inputs.nats",
        "varz",
        "",
        &[
            "in_msgs",
            "out_msgs",
            "in_bytes",
            "out_bytes",
            "connections",
            "total_connections",
            "subscriptions",
            "slow_consumers",
            "routes",
            "remotes",
            "cores",
            "cpu",
            "mem",
        ],
        &["now", "start"],
    ),
    // A number that is missing is a KeyError, and ends the check.
    (
        "Datadog gnatsd",
        "varz",
        "",
        &[
            "connections",
            "subscriptions",
            "slow_consumers",
            "remotes",
            "routes",
            "in_msgs",
            "out_msgs",
            "in_bytes",
            "out_bytes",
            "mem",
        ],
        &["server_id"],
    ),
    ("Datadog gnatsd", "connz", "", &["num_connections", "total"], &[]),
    (
        "Datadog gnatsd",
        "connz",
        "/connections/0",
        &["cid", "pending_bytes", "in_msgs", "out_msgs", "subscriptions", "in_bytes", "out_bytes"],
        &[],
    ),
    ("Datadog gnatsd", "routez", "", &["num_routes"], &[]),
    (
        "nats-top",
        "varz",
        "",
        &["cpu", "mem", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "slow_consumers"],
        &["server_id", "now"],
    ),
    (
        "nats-top",
        "connz",
        "/connections/0",
        &["cid", "in_msgs", "out_msgs", "in_bytes", "out_bytes", "pending_bytes", "subscriptions"],
        &["start", "last_activity", "uptime"],
    ),
];

#[test]
fn what_clients_cannot_do_without_is_there_under_every_set() {
    let all = all();
    for (client, endpoint, place, numbers, texts) in READERS {
        let answers = all.iter().filter(|(_, of, before, _)| of == endpoint && before.pointer(place).is_some());
        let mut asked = 0;
        for (set, _, before, after) in answers {
            let (before, after) = (before.pointer(place).unwrap(), after.pointer(place).unwrap());
            for number in *numbers {
                assert!(after[number].is_number(), "{client} under {set}: {endpoint} {number} is {}", after[number]);
                assert_eq!(after[number], before[number], "{client} under {set}: {endpoint} {number}");
            }
            for text in texts.iter().filter(|text| before.get(text).is_some()) {
                assert_eq!(after[text], before[text], "{client} under {set}: {endpoint} {text}");
            }
            asked += 1;
        }
        assert!(asked >= 3, "{client} {endpoint}: {asked}");
    }
}
