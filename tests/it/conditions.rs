//! Rules with conditions, met by real connections: from where, over which TLS, with which credentials, and when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::support::answers::{denial, success};
use crate::support::client::{Client, request};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::mtls::{MINE, VERSIONS, World};
use crate::support::tokens::Issuer;

const POLICY: &str = r#"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
  machine:
    - client_cert: { uri: "spiffe://example.org/ns/monitoring/sa/prometheus" }
rules:
  - { id: near, endpoints: [varz], allow: [viewer], when: { source: [127.0.0.2, 127.0.1.0/24] }, redact: none }
  - { id: safe, endpoints: [healthz], allow: [viewer, machine], when: { tls: "1.3" }, redact: none }
  - { id: both, endpoints: [connz], allow: [viewer, machine], when: { credentials: [token, client_cert] }, redact: none }
  - { id: not-there, endpoints: [subsz], allow: [viewer], unless: { source: [127.0.0.3] }, redact: none }
  - { id: near-and-safe, endpoints: [leafz], allow: [viewer], when: { source: [127.0.0.2], tls: "1.3" }, redact: none }
  - { id: over, endpoints: [routez], allow: [viewer], when: { not_after: 2001-01-01T00:00:00Z }, redact: none }
  - { id: still, endpoints: [gatewayz], allow: [viewer], when: { not_after: 2999-01-01T00:00:00Z }, redact: none }
  - { id: not-yet, endpoints: [debug-vars], allow: [viewer], when: { not_before: 2999-01-01T00:00:00Z }, redact: none }
  - { id: open, endpoints: [jsz, accstatz, accountz], allow: any, redact: none }
  - { id: closed-there, endpoints: [jsz], deny: any, when: { source: [127.0.0.4] } }
  - { id: closed-without, endpoints: [accstatz], deny: any, unless: { credentials: [client_cert] } }
  - { id: closed-by-now, endpoints: [accountz], deny: [viewer], when: { not_before: 2001-01-01T00:00:00Z } }
"#;

fn world() -> World {
    World::with("optional", |setup| setup.policy(POLICY))
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

/// `GET target` over HTTP/1.1 and HTTP/2.
fn ask(client: &Client, target: &str, token: Option<&str>) -> [Response; 2] {
    let over_h1 = client.exchange(request("GET", target, token, "").as_bytes());
    [over_h1.only().clone(), h2client::get(client, target, token)]
}

/// Lets in by this rule.
fn permitted(world: &World, client: &Client, target: &str, token: Option<&str>, rule: &str) {
    let before = world.upstream.requests().len();
    for answer in ask(client, target, token) {
        success(&answer, rule);
        assert_eq!(world.record(&answer)["rule"], rule);
    }
    assert_eq!(world.upstream.requests().len(), before + 2, "{rule}");
}

/// Refuses for this reason by this rule, without a byte upstream, and says nothing of it to the caller.
fn refused(world: &World, client: &Client, (target, token): (&str, Option<&str>), reason: &str, rule: &str) {
    let seen = || (world.upstream.requests().len(), world.upstream.connections(), world.upstream.unread());
    let before = seen();
    for answer in ask(client, target, token) {
        denial(&answer, &[403], rule);
        let said = answer.everything().to_lowercase();
        for word in [rule, "condition", "tls", "source", "certificate"] {
            assert!(!said.contains(word), "{word} in {said}");
        }
        let record = world.record(&answer);
        assert_eq!((&record["reason"], &record["rule"]), (&reason.into(), &rule.into()), "{record}");
        assert_eq!(record["decision"], "deny", "{record}");
    }
    assert_eq!(seen(), before, "{rule}: something went upstream");
}

#[test]
fn a_rule_for_some_sources_is_for_no_others() {
    let world = world();
    let from = |source: &str| world.anonymous().coming_from(source);
    let token = viewer();
    for source in ["127.0.0.2", "127.0.1.0", "127.0.1.255"] {
        permitted(&world, &from(source), "/varz", Some(&token), "near");
    }
    for source in ["127.0.0.1", "127.0.0.3", "127.0.2.0", "127.1.1.1"] {
        refused(&world, &from(source), ("/varz", Some(&token)), "conditions", "near");
    }
    permitted(&world, &from("127.0.0.1"), "/subsz", Some(&token), "not-there");
    refused(&world, &from("127.0.0.3"), ("/subsz", Some(&token)), "conditions", "not-there");
    permitted(&world, &from("127.0.0.1"), "/jsz", Some(&token), "open");
    refused(&world, &from("127.0.0.4"), ("/jsz", Some(&token)), "denied", "closed-there");
}

#[test]
fn no_header_changes_where_a_request_comes_from() {
    let world = world();
    let token = viewer();
    let fields = [
        ("x-forwarded-for", "127.0.0.2"),
        ("forwarded", "for=127.0.0.2"),
        ("x-real-ip", "127.0.0.2"),
        ("true-client-ip", "127.0.0.2"),
        ("x-monward-source", "127.0.0.2"),
    ];
    let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let answer = world.anonymous().request("GET", "/varz", Some(&token), &lines);
    denial(&answer, &[403], "a source by header");
    let answer = h2client::request(&world.anonymous(), "GET", "/varz", Some(&token), &fields).unwrap();
    denial(&answer, &[403], "a source by header over h2");
    assert_eq!(
        (&world.record(&answer)["reason"], &world.record(&answer)["source"]),
        (&"conditions".into(), &"127.0.0.1".into())
    );
    world.upstream.assert_untouched("sources by header");
}

#[test]
fn a_rule_for_tls_1_3_is_not_for_1_2() {
    let world = world();
    let token = viewer();
    let [new, old] = VERSIONS.map(|versions| world.speaking(versions, None));
    permitted(&world, &new, "/healthz", Some(&token), "safe");
    refused(&world, &old, ("/healthz", Some(&token)), "conditions", "safe");
    permitted(&world, &old, "/gatewayz", Some(&token), "still");
    let machine = world.clients.workload(MINE, 1);
    let [new, old] = VERSIONS.map(|versions| world.speaking(versions, Some(&machine)));
    permitted(&world, &new, "/healthz", None, "safe");
    refused(&world, &old, ("/healthz", None), "conditions", "safe");
}

#[test]
fn all_that_a_condition_says_must_hold() {
    let world = world();
    let token = viewer();
    let [new, old] = VERSIONS.map(|versions| world.speaking(versions, None));
    permitted(&world, &new.coming_from("127.0.0.2"), "/leafz", Some(&token), "near-and-safe");
    refused(&world, &old.coming_from("127.0.0.2"), ("/leafz", Some(&token)), "conditions", "near-and-safe");
    refused(&world, &new, ("/leafz", Some(&token)), "conditions", "near-and-safe");
}

#[test]
fn a_rule_for_two_credentials_needs_both_on_one_request() {
    let world = world();
    let token = viewer();
    let machine = world.mine(1);
    permitted(&world, &machine, "/connz", Some(&token), "both");
    refused(&world, &world.anonymous(), ("/connz", Some(&token)), "conditions", "both");
    refused(&world, &machine, ("/connz", None), "conditions", "both");
    permitted(&world, &machine, "/accstatz", None, "open");
    refused(&world, &world.anonymous(), ("/accstatz", Some(&token)), "denied", "closed-without");
}

#[test]
fn a_rule_is_over_when_its_time_is() {
    let world = world();
    let token = viewer();
    let client = world.anonymous();
    permitted(&world, &client, "/gatewayz", Some(&token), "still");
    refused(&world, &client, ("/routez", Some(&token)), "conditions", "over");
    refused(&world, &client, ("/debug/vars", Some(&token)), "conditions", "not-yet");
    refused(&world, &client, ("/accountz", Some(&token)), "denied", "closed-by-now");
    permitted(&world, &world.mine(1), "/accountz", None, "open");
}

/// A time of day, in UTC, so many hours from now.
fn hours_from_now(hours: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_hours(hours);
    let minutes = now.as_secs() / 60 % (24 * 60);
    format!("\"{:02}:{:02}\"", minutes / 60, minutes % 60)
}

#[test]
fn a_rule_for_hours_is_for_no_other_hours() {
    let around = format!("from: {}, to: {}", hours_from_now(22), hours_from_now(2));
    let beside = format!("from: {}, to: {}", hours_from_now(2), hours_from_now(22));
    let policy = format!(
        r"
version: 1
catalog: nats
roles:
  viewer:
    - token: {{ issuer: corp, claims: {{ roles: [viewer] }} }}
rules:
  - {{ id: around, endpoints: [varz], allow: [viewer], when: {{ time: {{ {around} }} }}, redact: none }}
  - {{ id: beside, endpoints: [connz], allow: [viewer], when: {{ time: {{ {beside} }} }}, redact: none }}
  - {{ id: either, endpoints: [routez], allow: [viewer], when: {{ time: [{{ {beside} }}, {{ {around} }}] }}, redact: none }}
"
    );
    let world = World::with("optional", |setup| setup.policy(&policy));
    let (client, token) = (world.anonymous(), viewer());
    permitted(&world, &client, "/varz", Some(&token), "around");
    refused(&world, &client, ("/connz", Some(&token)), "conditions", "beside");
    permitted(&world, &client, "/routez", Some(&token), "either");
}

#[test]
fn a_condition_that_ends_while_a_connection_is_open_ends_what_it_opened() {
    let policy = |until: u64| {
        let until = instant(until);
        format!(
            "version: 1\ncatalog: nats\nroles:\n  viewer:\n    - token: {{ issuer: corp, claims: {{ roles: [viewer] }} }}\n\
             rules:\n  - {{ id: spell, endpoints: [varz], allow: [viewer], when: {{ not_after: {until} }}, redact: none }}\n"
        )
    };
    let world = World::with("optional", |setup| setup.policy(&policy(crate::support::now() + 3600)));
    let (client, token) = (world.anonymous(), viewer());
    let mut open = client.connect();
    let mut line = h2client::Line::to(&client).unwrap();
    let mut ask = || -> [Response; 2] {
        open.send(request("GET", "/varz", Some(&token), "").as_bytes());
        [open.response(false).unwrap(), line.get("/varz", Some(&token)).unwrap()]
    };
    for answer in ask() {
        success(&answer, "before");
    }
    world.gateway.rewrite("policy.yaml", &policy(crate::support::now() - 1));
    world.gateway.reload("ok");
    let before = world.upstream.requests().len();
    for answer in ask() {
        denial(&answer, &[403], "after");
        assert_eq!(world.record(&answer)["reason"], Value::from("conditions"));
    }
    assert_eq!(world.upstream.requests().len(), before);
}

/// Seconds since 1970 as policies write them.
fn instant(seconds: u64) -> String {
    jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap().to_string()
}
