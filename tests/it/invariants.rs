//! The seven promises, each in one test; the other files try to break them in detail.

use std::time::Duration;

use crate::support::answers::{denial, success};
use crate::support::bench::{assemble, bench, bench_with_policy};
use crate::support::client::request;
use crate::support::gateway::{POLICY, Setup};
use crate::support::h2client;
use crate::support::idp::Idp;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, json, with_length};

fn token(role: &str) -> String {
    Issuer::shared().token(role)
}

/// 1: method, path, query and header of the upstream request are rebuilt.
#[test]
fn invariant_1_nothing_the_client_spelled_is_forwarded() {
    let bench = bench();
    let lines = "X-Canary: CANARY\r\nUser-Agent: CANARY\r\nAccept: CANARY/*\r\nCookie: CANARY\r\nHOST2: CANARY\r\n";
    for target in ["/varz", "//varz", "/varz?", "/connz?state=OPEN&limit=7", "/connz?limit=%37&state=Open&auth=0"] {
        success(&bench.client.request("GET", target, Some(&token("viewer")), lines), target);
        success(&bench.client.request("HEAD", target, Some(&token("viewer")), lines), target);
        success(&h2client::get(&bench.client, target, Some(&token("viewer"))), target);
    }
    let requests = bench.upstream.requests();
    assert_eq!(requests.len(), 15);
    let host = format!("host: {}", bench.upstream.address());
    for seen in &requests {
        let line = seen.line().replacen("HEAD ", "GET ", 1);
        assert!(["GET /varz HTTP/1.1", "GET /connz?limit=7 HTTP/1.1"].contains(&line.as_str()), "{line}");
        assert!(!seen.head.contains("CANARY") && !seen.head.contains("mon.test"), "{}", seen.head);
        assert!(seen.head.to_lowercase().contains(&host), "{}", seen.head);
    }
}

/// 2: no rule, no role, empty policy, unknown endpoint, unknown argument: refused.
#[test]
fn invariant_2_deny_by_default() {
    let bench = bench();
    for (target, role, wanted) in [
        ("/routez", "admin", 403),
        ("/varz", "stranger", 403),
        ("/varz", "", 403),
        ("/unknown", "admin", 404),
        ("/varz?unknown=1", "admin", 400),
        ("/connz?acc=A", "admin", 403),
    ] {
        denial(&bench.client.get(target, Some(&token(role))), &[wanted], target);
        denial(&h2client::get(&bench.client, target, Some(&token(role))), &[wanted], target);
    }
    bench.upstream.assert_untouched("what no rule allows");
    let empty = bench_with_policy("version: 1\ncatalog: nats\nroles: {}\nrules: []\n");
    denial(&empty.client.get("/varz", Some(&token("admin"))), &[403], "an empty policy");
    empty.upstream.assert_untouched("an empty policy");
}

/// 3: when redaction cannot be carried out no upstream byte goes out.
#[test]
fn invariant_3_fail_closed() {
    let bench = bench();
    let broken: [(&str, &str); 6] = [
        ("Content-Encoding: gzip\r\n", r#"{"a":"CANARY"}"#),
        ("", "CANARY"),
        ("", r#"{"a":"CANARY""#),
        ("", r#"{"a":"CANARY"}{"b":1}"#),
        ("", "\u{feff}{\"a\":\"CANARY\"}"),
        ("Transfer-Encoding: chunked\r\n", r#"{"a":"CANARY"}"#),
    ];
    for (headers, body) in broken {
        bench.upstream.script(move |_| vec![Step::Send(with_length("200 OK", headers, body.as_bytes())), Step::Close]);
        for answer in [
            bench.client.get("/varz", Some(&token("viewer"))),
            h2client::get(&bench.client, "/varz", Some(&token("viewer"))),
        ] {
            denial(&answer, &[502], body);
            assert!(!answer.everything().contains("CANARY"), "{}", answer.everything());
        }
    }
    let deep = format!("{}\"CANARY\"{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    bench.upstream.script(move |_| json(&deep));
    let answer = bench.client.get("/varz", Some(&token("viewer")));
    denial(&answer, &[502], "too deep");
    let records = bench.gateway.audit(13);
    assert!(records.iter().all(|record| record["decision"] == "withhold"), "{records:?}");
}

/// 4: an anonymous caller learns nothing but 401.
#[test]
fn invariant_4_identity_first() {
    let upstream = Upstream::nats();
    let mut setup = Setup::before(&upstream);
    setup.listener = "    hosts: [mon.test]\n".to_owned();
    let gateway = setup.start();
    let bench = assemble(upstream, gateway);
    let mut answers = std::collections::HashSet::new();
    for target in
        ["/varz", "/accountz", "/nothing", "/varz?x=1", "/%61", "/connz?limit=-1", "/varz/../x", "/", "/-/ready"]
    {
        for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
            for credential in [None, Some("x.y.z")] {
                let answer = bench.client.request(method, target, credential, "");
                denial(&answer, &[401], target);
                let id = answer.header("x-request-id").unwrap().to_owned();
                if method == "GET" && credential.is_none() {
                    answers.insert(
                        answer.everything().replace(&id, "ID").replace(answer.header("date").unwrap_or("-"), "DATE"),
                    );
                }
            }
        }
        let answer = h2client::get(&bench.client, target, None);
        denial(&answer, &[401], target);
    }
    assert_eq!(answers.len(), 1, "every 401 reads alike: {answers:?}");
    bench.upstream.assert_untouched("the anonymous");
}

/// 5: an outage of the issuer never stops a valid scrape while its keys are fresh enough, and never lets anyone in.
#[test]
fn invariant_5_an_outage_of_the_issuer_changes_nothing() {
    let idp = Idp::start(&Issuer::shared().jwks());
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).discovering(&idp.url()).start();
    let bench = assemble(upstream, gateway);
    let sealed = |kid: &str, key: &str| {
        let mut claims = Issuer::shared().claims(&["viewer"]);
        claims["iss"] = serde_json::json!(idp.url());
        let header = serde_json::json!({ "alg": "RS256", "kid": kid, "typ": "at+jwt" }).to_string();
        Issuer::shared().key(key).seal(&header, &claims.to_string())
    };
    idp.kill();
    for _ in 0..10 {
        success(&bench.client.get("/varz", Some(&sealed("k1", "k1"))), "a known key");
        denial(&bench.client.get("/varz", Some(&sealed("k7", "k1"))), &[503], "an unknown key: nobody can tell");
        denial(&bench.client.get("/varz", Some(&sealed("k1", "p1"))), &[401], "a wrong signature");
    }
    assert_eq!(bench.upstream.requests().len(), 10);
}

/// 6: no credential, token or redacted value in any output. `hygiene.rs` goes through every branch.
#[test]
fn invariant_6_no_secret_is_written_down() {
    let upstream = Upstream::scripted(Box::new(|_| json(r#"{"jwt":"CANARY-JWT","a":1,"issuer_key":"CANARY-KEY"}"#)));
    let mut setup = Setup::before(&upstream);
    setup.log_level = "trace";
    let gateway = setup.start();
    let bearer = token("viewer");
    success(&gateway.client().get("/varz", Some(&bearer)), "trace");
    let bad = format!("{bearer}x");
    denial(&gateway.client().get("/varz", Some(&bad)), &[401], "trace");
    gateway.audit(2);
    let written = [gateway.stderr(), gateway.stdout(), gateway.audit_text(), gateway.metrics()].concat();
    for secret in ["CANARY", bearer.rsplit('.').next().unwrap(), bearer.split('.').nth(1).unwrap()] {
        assert!(!written.contains(secret), "{secret}: {written}");
    }
}

/// 7: one snapshot per request; a bad reload changes nothing, a good one only what comes after it.
#[test]
fn invariant_7_one_snapshot_per_request() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).start();
    upstream.script(|_| {
        let answer = with_length("200 OK", "Content-Type: application/json\r\n", br#"{"a":1,"jwt":"x"}"#);
        vec![Step::Pause(Duration::from_secs(1)), Step::Send(answer)]
    });
    let mut in_flight = gateway.client().connect();
    in_flight.send(request("GET", "/varz", Some(&token("viewer")), "").as_bytes());
    crate::support::eventually("the request upstream", || (upstream.requests().len() == 1).then_some(()));
    gateway.rewrite("policy.yaml", "rules: [");
    gateway.reload("failed");
    gateway.rewrite("policy.yaml", &POLICY.replace("[viewer, admin]", "[admin]"));
    gateway.reload("ok");
    denial(&gateway.client().get("/varz", Some(&token("viewer"))), &[403], "new requests follow the new policy");
    let answer = in_flight.response(false).unwrap();
    success(&answer, "the one in flight follows the old one");
    assert_eq!(answer.text(), r#"{"a":1}"#);
}
