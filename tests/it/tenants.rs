//! Tenants end to end: of real servers, and of upstreams that lie, each sees its own and not a byte of anybody else's.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::gateway::{Gateway, Setup};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::nats::{Build, Nats};
use crate::support::tenants::{QUESTIONS, TENANTS, document, marks, named, two_tenants};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, json as answering, with_length};
use crate::support::{eventually, in_parallel};

/// All that the fence knows, and `redact: none`: only the fence stands between two tenants.
const BY_TENANT: &str = r#"
version: 1
catalog: nats
roles:
  tenant:
    - token: { issuer: corp, claims: { roles: [tenant] } }
rules:
  - id: own
    endpoints: [connz, jsz, accountz, accstatz, leafz, subsz, healthz, raftz, ipqueuesz]
    allow: [tenant]
    tenant: "{claims.nats_account}"
    args:
      connz: { subs: allow, state: [open, closed, all], user: allow }
      jsz: { accounts: allow, streams: allow, consumers: allow, config: allow, raft: allow }
      subsz: { subs: allow, test: allow }
      leafz: { subs: allow }
      healthz: { details: allow, stream: allow }
      ipqueuesz: { all: allow, queues: allow }
    redact: none
"#;

/// The same where the endpoint has an argument for it.
const BY_ARGUMENT: &str = r#"
version: 1
catalog: nats
roles:
  tenant:
    - token: { issuer: corp, claims: { roles: [tenant] } }
rules:
  - id: own
    endpoints: [connz, jsz, accountz, leafz, subsz, raftz]
    allow: [tenant]
    args:
      acc: "{claims.nats_account}"
      connz: { subs: allow, state: [open, closed, all], user: allow }
      jsz: { accounts: allow, streams: allow, consumers: allow, config: allow, raft: allow }
      subsz: { subs: allow, test: allow }
      leafz: { subs: allow }
    redact: none
  - id: health
    endpoints: [healthz]
    allow: [tenant]
    args: { account: "{claims.nats_account}", details: allow, stream: allow }
    redact: none
"#;

const POLICIES: [(&str, &str); 2] = [("tenant", BY_TENANT), ("args", BY_ARGUMENT)];

fn is_open(policy: &str, target: &str) -> bool {
    policy == BY_TENANT || !["/accstatz", "/ipqueuesz"].iter().any(|closed| target.starts_with(closed))
}

/// A token of a tenant whose claim `nats_account` is `account`; none at all for null.
fn token(account: &Value) -> String {
    let mut claims = Issuer::shared().claims(&["tenant"]);
    if !account.is_null() {
        claims["nats_account"] = account.clone();
    }
    Issuer::shared().key("e1").token(&claims)
}

/// The answers over HTTP/1.1 and HTTP/2.
fn ask(gateway: &Gateway, target: &str, token: &str) -> [Response; 2] {
    let client = gateway.client();
    [client.get(target, Some(token)), h2client::get(&client, target, Some(token))]
}

/// The record of the request that got this answer.
fn record(gateway: &Gateway, answer: &Response) -> Value {
    let id = answer.header("x-request-id").unwrap();
    eventually("the record", || gateway.audit(1).into_iter().find(|record| record["request_id"] == id))
}

/// How often the server itself was asked, `/varz` excepted.
fn asked(nats: &Nats) -> u64 {
    let counts = document(nats, "/varz")["http_req_stats"].clone();
    let counts = counts.as_object().unwrap().iter().filter(|(path, _)| *path != "/varz");
    counts.map(|(_, count)| count.as_u64().unwrap()).sum()
}

/// What the gateway makes of a question is more than the server's answer to it: the tenant's own is always asked for.
fn own_marks(target: &str, own: &[&'static str]) -> Vec<&'static str> {
    let more: &[&str] = match target.split('?').next().unwrap() {
        "/connz" => &["{account}-orders", "{key}"],
        "/subsz" => &["{small}.secret."],
        _ => &[],
    };
    own.iter().chain(more).copied().collect()
}

#[test]
fn of_real_servers_each_tenant_sees_its_own_and_nothing_else() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        for (way, policy) in POLICIES {
            let gateway = Setup::new(nats.monitoring).policy(policy).start();
            for (tenant, other) in TENANTS {
                let token = token(&json!(nats.account(tenant).public));
                let own_account = format!("/accountz?acc={}", nats.account(tenant).public);
                let accounts: [(&str, &[&str]); 2] =
                    [("/accountz", &["{key}", "client_connections"]), (&own_account, &["{key}", "client_connections"])];
                for (target, own) in QUESTIONS.iter().chain(&accounts).filter(|(target, _)| is_open(policy, target)) {
                    let what = format!("{build:?} {way} {tenant} {target}");
                    for answer in ask(&gateway, target, &token) {
                        success(&answer, &what);
                        let text = answer.text();
                        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{what}: {text}");
                        let record = record(&gateway, &answer);
                        for mark in marks(&nats, other) {
                            assert!(!answer.everything().contains(&mark), "{what} tells about {mark}: {text}");
                            assert!(!record.to_string().contains(&mark), "{what}: {record}");
                        }
                        for mark in own_marks(target, own).iter().map(|mark| named(&nats, tenant, mark)) {
                            assert!(text.contains(&mark), "{what} hides {mark}: {text}");
                        }
                        assert_eq!(record["tenant"], nats.account(tenant).public.as_str(), "{what}: {record}");
                    }
                }
                // A single server has no raft groups, and 2.9 has no such path at all.
                for answer in ask(&gateway, "/raftz", &token) {
                    denial(&answer, &[404], "raftz");
                }
            }
            assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
        }
    }
}

#[test]
fn who_asks_a_real_server_about_the_other_is_refused_before_it_hears_of_it() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        for (way, policy) in POLICIES {
            let gateway = Setup::new(nats.monitoring).policy(policy).start();
            let before = asked(&nats);
            for (tenant, other) in TENANTS {
                let token = token(&json!(nats.account(tenant).public));
                let key = &nats.account(other).public;
                for target in [
                    format!("/connz?acc={key}"),
                    format!("/connz?acc={key}&subs=detail&state=all"),
                    format!("/connz?acc={other}"),
                    format!("/jsz?acc={key}&accounts=1"),
                    format!("/accountz?acc={key}"),
                    format!("/leafz?acc={key}"),
                    format!("/subsz?acc={key}&subs=1"),
                    format!("/healthz?account={key}"),
                    format!("/raftz?acc={key}"),
                    "/jsz?acc=TYPO&accounts=1".to_owned(),
                    format!("/connz?acc={}", nats.account(tenant).public.to_lowercase()),
                ] {
                    for answer in ask(&gateway, &target, &token) {
                        denial(&answer, &[403], &target);
                        let record = record(&gateway, &answer);
                        assert_eq!(record["reason"], "argument_outside", "{build:?} {way} {target}: {record}");
                    }
                }
                // What is written twice, or otherwise spelled, is not understood at all.
                let own = &nats.account(tenant).public;
                for target in [
                    format!("/connz?acc={own}&acc={key}"),
                    format!("/connz?acc={key}&acc={own}"),
                    format!("/connz?%61cc={key}"),
                    format!("/connz?acc={own};acc={key}"),
                ] {
                    for answer in ask(&gateway, &target, &token) {
                        denial(&answer, &[400], &target);
                    }
                }
            }
            assert_eq!(asked(&nats), before, "{build:?} {way}: the server was asked");
        }
    }
}

#[test]
fn a_tenant_that_the_server_does_not_know_gets_nothing_of_anybody() {
    for build in Build::ALL {
        let nats = two_tenants(build);
        let open = document(&nats, "/jsz?acc=TYPO&accounts=1").to_string();
        for (account, _) in TENANTS {
            assert!(open.contains(&nats.account(account).public), "{build:?}: the server fails open: {open}");
        }
        for (way, policy) in POLICIES {
            let gateway = Setup::new(nats.monitoring).policy(policy).start();
            let questions = QUESTIONS.iter().map(|(target, _)| *target);
            let more = ["/jsz?acc=TYPO&accounts=1", "/accountz", "/accountz?acc=TYPO", "/connz?acc=TYPO&subs=1"];
            for target in questions.chain(more).filter(|target| is_open(policy, target)) {
                for answer in ask(&gateway, target, &token(&json!("TYPO"))) {
                    let what = format!("{build:?} {way} {target}");
                    // Servers do not answer about accounts that they do not know: a refusal of theirs tells no more.
                    assert!([200, 400, 404, 503].contains(&answer.status), "{what}: {}", answer.everything());
                    let record = record(&gateway, &answer);
                    for mark in TENANTS.iter().flat_map(|(account, _)| marks(&nats, account)) {
                        assert!(!answer.everything().contains(&mark), "{what} tells about {mark}: {}", answer.text());
                        assert!(!record.to_string().contains(&mark), "{what}: {record}");
                    }
                }
            }
        }
    }
}

/// A gateway before an upstream that answers `body` to everything.
fn before(policy: &str, body: &str) -> Bench {
    let body = body.to_owned();
    let upstream = Upstream::scripted(Box::new(move |_| answering(&body)));
    let gateway = Setup::before(&upstream).policy(policy).start();
    assemble(upstream, gateway)
}

#[test]
fn a_token_that_does_not_name_just_one_tenant_asks_nothing() {
    for (_, policy) in POLICIES {
        let bench = before(policy, r#"{"server_id":"X","connections":[{"account":"ACME"}]}"#);
        for account in [
            Value::Null,
            json!(["ACME"]),
            json!([]),
            json!({ "id": "ACME" }),
            json!(7),
            json!(true),
            json!(""),
            json!("ACME GLOBEX"),
            json!("ACME\n"),
            json!("ACM\u{c9}"),
            json!("A".repeat(257)),
        ] {
            let who = bench.caller().bearer(&token(&account));
            for target in ["/connz", "/connz?acc=ACME", "/jsz?accounts=1", "/healthz", "/raftz", "/leafz?acc=ACME"] {
                who.refused(target, 403, "tenant_unknown");
            }
        }
        let other_member = {
            let mut claims = Issuer::shared().claims(&["tenant"]);
            claims["Nats_account"] = json!("ACME");
            claims["nats"] = json!({ "account": "ACME" });
            Issuer::shared().key("e1").token(&claims)
        };
        bench.caller().bearer(&other_member).refused("/connz", 403, "tenant_unknown");
        bench.upstream.assert_untouched("tokens without a tenant");
    }
}

/// Whatever is asked, the upstream answers for all: what leaves, or the reason why nothing does.
const LIES: &[(&str, &str, &str, Result<&str, &str>)] = &[
    (
        "of a list, the own element",
        "/connz",
        r#"{"server_id":"S","total":2,"connections":[{"account":"GLOBEX","name":"CANARY"},{"account":"ACME","name":"a"}]}"#,
        Ok(r#"{"server_id":"S","connections":[{"account":"ACME","name":"a"}]}"#),
    ),
    ("of a list of others, nothing", "/connz", r#"{"connections":[{"account":"GLOBEX","name":"CANARY"}]}"#, Ok("{}")),
    ("what is nobody's", "/connz", r#"{"connections":[{"name":"CANARY"},{"account":null},{},null]}"#, Ok("{}")),
    ("what is no element", "/connz", r#"{"connections":[{"account":"ACME"},"CANARY"]}"#, Err("tenant_shape")),
    ("a list of accounts", "/connz", r#"{"connections":[{"account":["ACME","CANARY"]}]}"#, Err("tenant_shape")),
    ("a number for an account", "/connz", r#"{"connections":[{"account":7,"name":"CANARY"}]}"#, Err("tenant_shape")),
    ("another case", "/connz", r#"{"connections":[{"account":"acme","name":"CANARY"},{"Account":"ACME"}]}"#, Ok("{}")),
    ("a name with more behind it", "/connz", r#"{"connections":[{"account":"ACME2"},{"account":"ACME "}]}"#, Ok("{}")),
    ("what nobody has heard of", "/connz", r#"{"everything":{"account":"ACME","name":"CANARY"}}"#, Ok("{}")),
    (
        "whose it is, said twice",
        "/connz",
        r#"{"connections":[{"account":"GLOBEX","name":"CANARY","account":"ACME"}]}"#,
        Err("tenant_repeated"),
    ),
    (
        "whose it is, said twice in two spellings",
        "/connz",
        r#"{"connections":[{"account":"ACME","name":"CANARY","\u0061ccount":"GLOBEX"}]}"#,
        Err("tenant_repeated"),
    ),
    (
        "the list, twice",
        "/connz",
        r#"{"connections":[{"account":"ACME"}],"connections":[{"account":"ACME","name":"CANARY"}]}"#,
        Err("tenant_repeated"),
    ),
    ("an object for a list", "/connz", r#"{"connections":{"CANARY":{"account":"ACME"}}}"#, Err("tenant_shape")),
    ("an object for a value", "/connz", r#"{"server_id":{"CANARY":1}}"#, Err("tenant_shape")),
    ("a list for the whole", "/connz", r#"[{"account":"ACME","name":"CANARY"}]"#, Err("tenant_shape")),
    ("a cut answer", "/connz", r#"{"connections":[{"account":"ACME","name":"CANARY""#, Err("")),
    ("two documents", "/connz", r#"{"server_id":"S"}{"server_id":"CANARY"}"#, Err("")),
    ("no JSON", "/connz", "CANARY", Err("")),
    ("JSONP", "/connz", r#"f({"server_id":"CANARY"});"#, Err("")),
    ("nothing", "/connz", "", Err("")),
    (
        "details of another account",
        "/accountz",
        r#"{"server_id":"S","account_detail":{"account_name":"GLOBEX","name_tag":"CANARY"}}"#,
        Err("tenant_stranger"),
    ),
    ("details of nobody", "/accountz", r#"{"account_detail":{"name_tag":"CANARY"}}"#, Err("tenant_stranger")),
    (
        "details of two accounts",
        "/accountz",
        r#"{"account_detail":{"account_name":"ACME"},"account_detail":{"account_name":"GLOBEX","name_tag":"CANARY"}}"#,
        Err("tenant_repeated"),
    ),
    (
        "all accounts by name",
        "/accountz",
        r#"{"server_id":"S","accounts":["ACME","GLOBEX"]}"#,
        Ok(r#"{"server_id":"S"}"#),
    ),
    (
        "the own statistics",
        "/accstatz",
        r#"{"account_statz":[{"acc":"GLOBEX","name":"CANARY"},{"acc":"ACME","conns":1}]}"#,
        Ok(r#"{"account_statz":[{"acc":"ACME","conns":1}]}"#),
    ),
    (
        "the own leaf nodes",
        "/leafz",
        r#"{"leafnodes":2,"leafs":[{"account":"ACME","name":"l"},{"account":"GLOBEX","name":"CANARY"}]}"#,
        Ok(r#"{"leafs":[{"account":"ACME","name":"l"}]}"#),
    ),
    (
        "the own groups",
        "/raftz",
        r#"{"GLOBEX":{"CANARY":{}},"ACME":{"g":{"state":"LEADER","traffic_account":"CANARY"}},"ACME2":{}}"#,
        Ok(r#"{"ACME":{"g":{"state":"LEADER"}}}"#),
    ),
    (
        "the own queues",
        "/ipqueuesz",
        r#"{"[ACC:GLOBEX] CANARY":{},"[ACC:ACME] stream":{"pending":1},"Routed CANARY":{},"[ACC:ACME]":{"x":"CANARY"}}"#,
        Ok(r#"{"[ACC:ACME] stream":{"pending":1}}"#),
    ),
    (
        "the own errors",
        "/healthz",
        r#"{"status":"unavailable","status_code":503,"error":"CANARY","errors":[{"account":"GLOBEX","error":"CANARY"}]}"#,
        Ok(r#"{"status":"unavailable","status_code":503}"#),
    ),
];

#[test]
fn of_an_upstream_that_answers_for_everybody_only_the_own_leaves_or_nothing() {
    in_parallel(LIES, |(why, target, body, wanted)| {
        let bench = before(BY_TENANT, body);
        for answer in ask(&bench.gateway, target, &token(&json!("ACME"))) {
            let record = record(&bench.gateway, &answer);
            match wanted {
                Ok(left) => {
                    success(&answer, why);
                    assert_eq!(answer.text(), *left, "{why}");
                }
                Err(reason) => {
                    denial(&answer, &[502], why);
                    assert_eq!(record["decision"], "withhold", "{why}: {record}");
                    let said = record["reason"].as_str().unwrap();
                    assert!(said == *reason || reason.is_empty() && said != "rule", "{why}: {record}");
                    assert_eq!(record["tenant"], "ACME", "{why}: {record}");
                }
            }
            for (place, text) in [("the answer", answer.everything()), ("the record", record.to_string())] {
                assert!(!text.contains("CANARY") && !text.contains("GLOBEX"), "{why}: {place}: {text}");
            }
        }
        let (log, metrics) = (bench.gateway.stderr(), bench.gateway.metrics());
        for text in [log, metrics] {
            assert!(
                !text.contains("CANARY") && !text.contains("GLOBEX") && !text.contains("panicked"),
                "{why}: {text}"
            );
        }
    });
}

#[test]
fn an_answer_in_pieces_is_cut_down_as_one_in_one_piece() {
    let (_, target, body, wanted) = LIES[0];
    for size in [1, 7, 64] {
        let raw =
            crate::support::upstream::chunked("200 OK", "Content-Type: application/json\r\n", body.as_bytes(), size);
        let upstream = Upstream::scripted(Box::new(move |_| vec![Step::Drip(raw.clone())]));
        let gateway = Setup::before(&upstream).policy(BY_TENANT).start();
        for answer in ask(&gateway, target, &token(&json!("ACME"))) {
            assert_eq!(Ok(answer.text().as_str()), wanted, "{size}");
        }
    }
}

#[test]
fn a_status_tells_a_tenant_no_more_than_that_it_is_one() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(BY_TENANT).start();
    for (status, wanted) in
        [("400 Bad Request", 400), ("404 Not Found", 404), ("503 Unwell", 503), ("403 No", 502), ("301 Moved", 502)]
    {
        upstream.script(move |_| {
            let lines = "Content-Type: text/plain\r\nLocation: /GLOBEX\r\n";
            vec![Step::Send(with_length(status, lines, b"no such account: GLOBEX"))]
        });
        for answer in ask(&gateway, "/connz", &token(&json!("ACME"))) {
            denial(&answer, &[wanted], status);
            assert!(!answer.everything().contains("GLOBEX"), "{}", answer.everything());
        }
    }
}

/// The keys of the two accounts in the recorded answers, and what is named after them.
const RECORDED: [(&str, &[&str]); 2] = [
    (
        "ACP7OP6NN7EWXH6LAAGJJUHYFXRTGD53JT3SJHT3FTJOYTQR2JKW52YX",
        &["Acme Corp", "ACMEJS", "acmejs", "orders-svc", "acme.secret", "device-0042"],
    ),
    (
        "ADF5PRR32TUJ5WQN2AJN5SGYBEPJMTCOD4H4MINBPQW4Y4A5W64XXTBX",
        &["Globex", "GLOBEX", "globex.private", "globex-app", "leafuser", "mergers"],
    ),
];

/// Answers of a clustered server with leaf nodes and raft groups, and what of the tenant's own is in them.
const CLUSTERED: &[(&str, &str, &[&[&str]; 2])] = &[
    ("/connz?subs=detail&state=all", "connz__auth=1,subs=detail,state=all", &[&["orders-svc"], &["globex-app"]]),
    ("/jsz?consumers=1", "jsz__accounts=1,streams=1,consumers=1,config=1,raft=1", &[&["ACMEJS"], &[]]),
    ("/accstatz", "accstatz__unused=1", &[&["Acme Corp"], &["Globex"]]),
    ("/leafz?subs=1", "leafz__subs=1", &[&["\"account\""], &["\"account\""]]),
    ("/subsz?subs=1", "subsz__subs=1", &[&["acmejs"], &["globex.private"]]),
    ("/raftz", "raftz__acc=ACME", &[&["\"state\""], &[]]),
    ("/ipqueuesz?all=1", "ipqueuesz__all=1", &[&["[ACC:"], &[]]),
    ("/healthz", "healthz__account=ACME,stream=NOPE,details=1", &[&["\"errors\""], &["\"status\""]]),
];

#[test]
fn of_recorded_answers_of_a_cluster_each_tenant_sees_its_own_and_head_tells_the_same_length() {
    for (target, file, own) in CLUSTERED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/nats-2.15.1/{file}.json"));
        let bench = before(BY_TENANT, &std::fs::read_to_string(path).unwrap());
        for (at, (key, _)) in RECORDED.iter().enumerate() {
            let token = token(&json!(key));
            let (other, words) = RECORDED[1 - at];
            for answer in ask(&bench.gateway, target, &token) {
                success(&answer, target);
                for mark in words.iter().chain([&other]) {
                    assert!(
                        !answer.everything().contains(mark),
                        "{target} tells {key} about {mark}: {}",
                        answer.text()
                    );
                }
                for mark in own[at] {
                    assert!(answer.text().contains(mark), "{target} hides {mark} from {key}: {}", answer.text());
                }
                let length = answer.body.len().to_string();
                let head = bench.client.request("HEAD", target, Some(&token), "");
                assert_eq!((head.status, head.body.len()), (200, 0), "{target}");
                assert_eq!(head.header("content-length"), Some(length.as_str()), "{target}");
                let head = h2client::request(&bench.client, "HEAD", target, Some(&token), &[]).unwrap();
                assert_eq!(head.header("content-length"), Some(length.as_str()), "{target} over h2");
            }
        }
    }
}

#[test]
fn the_record_of_a_tenant_names_it_and_nobody_else() {
    let (_, _, body, _) = LIES[0];
    let bench = before(BY_TENANT, body);
    let who = bench.caller().bearer(&token(&json!("ACME")));
    for answer in who.ask("/connz") {
        let record = bench.record_of(&answer);
        assert_eq!((&record["tenant"], &record["rule"]), (&"ACME".into(), &"own".into()), "{record}");
        assert_eq!(record["request"], "/connz?auth=1&acc=ACME", "{record}");
        assert!(!record.to_string().contains("GLOBEX"), "{record}");
    }
    // Somebody without a tenant has none in the record, and who asks for another one asked for it.
    let nobody = bench.caller().bearer(&token(&Value::Null)).refused("/connz", 403, "tenant_unknown");
    assert_eq!(bench.record_of(&nobody[0]).get("tenant"), None);
    let other = who.refused("/connz?acc=GLOBEX", 403, "argument_outside");
    let record = bench.record_of(&other[0]);
    assert_eq!((record.get("tenant"), &record["request"]), (None, &"/connz?acc=GLOBEX".into()), "{record}");
}
