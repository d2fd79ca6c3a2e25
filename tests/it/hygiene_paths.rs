//! What a tenant must not learn, what monward adds to requests, and what proxies tell: through every branch at trace
//! level, and nowhere in what is written.

use std::collections::BTreeSet;

use serde_json::json;

use crate::hygiene::Canaries;
use crate::support::bench::{Bench, assemble};
use crate::support::gateway::{Setup, monward};
use crate::support::http::Response;
use crate::support::pki::SERVER;
use crate::support::tokens::{Issuer, bent};
use crate::support::upstream::{Seen, Step, Upstream, json as answering, with_length};

const NATS: &str = r#"
version: 1
catalog: nats
roles:
  tenant: [{ token: { issuer: corp, claims: { roles: [viewer] } } }]
rules:
  - { id: own, endpoints: [connz, accountz, jsz], allow: [tenant], tenant: "{claims.nats_account}", redact: none }
  - { id: plain, endpoints: [varz], allow: [tenant], redact: none }
  - { id: rare, endpoints: [healthz], allow: [tenant], limit: { rate: 1/h, burst: 1 }, redact: none }
  - { id: watched, endpoints: [varz, connz], deny: any, mode: shadow }
"#;

const LAMP: &str = "version: 1
catalog: lamp
roles:
  viewer: [{ token: { issuer: corp, claims: { roles: [viewer] } } }]
rules:
  - { id: look, endpoints: [info, sign], allow: [viewer], redact: none }
";

const CATALOG: &str = "version: 1
catalog: lamp
endpoints:
  info:
    path: /info
    arguments: { how: { type: integer, min: 0, max: 9 } }
    ask: { method: POST, body: '{}', content_type: application/json }
    inject: { header: X-API-Key, secret: api_key }
    body: json
    cost: cheap
  sign:
    path: /sign
    arguments: { how: { type: integer, min: 0, max: 9 } }
    ask: { method: POST, body: '{}', content_type: application/json }
    inject: { header: X-API-Sign, hmac_sha256: api_key }
    body: json
    cost: cheap
";

const KEY: &str = "CANARYAPIKEY0123456789";
const FOREIGN: &str = "CANARYGLOBEX";

/// What the upstream answers: it says everything about everybody, and repeats what it was sent wherever it errs.
fn lies(seen: &Seen) -> Vec<Step> {
    let sent = seen.head.replace("\r\n", " ").replace('"', "'");
    let line = |status: &str, body: &str| {
        let lines = format!("Content-Type: application/json\r\nX-Sent: {sent}\r\nLocation: /{KEY}/{FOREIGN}\r\n");
        vec![Step::Send(with_length(status, &lines, body.as_bytes()))]
    };
    let own = r#"{"account":"ACME","name":"own"}"#;
    let other = format!(r#"{{"account":"{FOREIGN}","name":"{FOREIGN}-client","ip":"CANARYIP"}}"#);
    let told = format!(r#"{{"error":"{sent}","account":"{FOREIGN}"}}"#);
    match seen.target().split(['=', '&']).nth(1).unwrap_or_default() {
        "1" | "" if !seen.target().starts_with("/connz") => answering("{\"on\":true}"),
        "2" => line("500 Broken", &told),
        "3" => line("400 Bad", &told),
        "4" => line("302 Found", &told),
        "5" => line("403 No", &told),
        "6" => vec![
            Step::Send(format!("HTTP/1.1 200 OK\r\n{sent}\r\nContent-Length: 2\r\n\r\n{told}").into_bytes()),
            Step::Close,
        ],
        "7" => vec![Step::Send(with_length("200 OK", "", &told.as_bytes()[..told.len() - 1]))],
        "8" => vec![Step::Send(with_length("200 OK", "Content-Type: text/html\r\n", told.as_bytes()))],
        "9" => vec![Step::Close],
        _ => match seen.target().split("offset=").nth(1).and_then(|rest| rest.get(..1)) {
            Some("1") => answering(&format!(r#"{{"connections":[{{"account":"{FOREIGN}","x":1,"account":"ACME"}}]}}"#)),
            Some("2") => answering(&format!(r#"{{"connections":{{"{FOREIGN}":{other}}}}}"#)),
            Some("3") => answering(&format!(r#"{{"connections":[{own},{other}"#)),
            Some("4") => line("404 Not Found", &told),
            _ if seen.target().starts_with("/accountz") => {
                answering(&format!(r#"{{"account_detail":{{"account_name":"{FOREIGN}","x":"CANARYIP"}}}}"#))
            }
            _ => answering(&format!(r#"{{"{FOREIGN}":1,"connections":[{own},{other}],"account_details":[{other}]}}"#)),
        },
    }
}

fn bench() -> Bench {
    let upstream = Upstream::scripted(Box::new(lies));
    let mut setup = Setup::before(&upstream)
        .policy(NATS)
        .file("lamp.yaml", LAMP)
        .file("lamp.catalog.yaml", CATALOG)
        .file("api.key", format!("{KEY}\n"));
    setup.log_level = "trace";
    setup.environment =
        vec![("RUST_BACKTRACE".to_owned(), "full".to_owned()), ("RUST_LOG".to_owned(), "trace".to_owned())];
    let routes = format!(
        "    hosts: [{SERVER}]\n    forward_auth: {{ from: nginx, trusted: {{ networks: [127.0.0.1/32] }} }}\n    \
         routes: [{{ prefix: /lamp, upstream: lamp }}, {{ upstream: nats }}]\n"
    );
    let lamp = format!(
        "upstreams:\n  lamp: {{ url: 'http://{}', policy: lamp.yaml, secrets: {{ api_key: {{ file: api.key }} }} }}\n",
        upstream.address()
    );
    let text = setup.text().replace("    upstream: nats\n", &routes).replace("upstreams:\n", &lamp);
    setup.config = Some(format!("{text}catalogs: [lamp.catalog.yaml]\n"));
    let gateway = setup.start();
    assemble(upstream, gateway)
}

/// Every answer of every branch, over both protocols.
fn all_branches(bench: &Bench, good: &str, bad: &str) -> Vec<Response> {
    let mut targets: Vec<String> =
        ["/connz", "/connz?state=open", "/accountz", "/jsz", "/varz", "/healthz", "/stacksz", "/connz?auth=1"]
            .map(str::to_owned)
            .to_vec();
    targets.extend((1..=4).map(|how| format!("/connz?offset={how}")));
    targets.extend((1..=9).flat_map(|how| [format!("/lamp/info?how={how}"), format!("/lamp/sign?how={how}")]));
    targets.extend([
        format!("/lamp/info?api_key={good}"),
        format!("/lamp/{good}"),
        "/lamp".to_owned(),
        "/lamp/info?how=x".to_owned(),
    ]);
    let mut answers = Vec::new();
    let credentials = [bench.caller().bearer(good), bench.caller().bearer(bad), bench.caller()];
    for caller in &credentials {
        for target in &targets {
            let noisy = caller.field("X-API-Key", good).field("Cookie", good).field("X-Forwarded-User", good);
            answers.extend(noisy.ask(target));
        }
        for told in
            ["/varz", "/connz", "/lamp/info", "/nothing", &format!("/varz?access_token={good}"), &format!("/{good}")]
        {
            let asking = caller.field("X-Original-URI", told).field("X-Original-Method", "GET");
            answers.extend(asking.ask("/-/authorize"));
            answers.extend(asking.field("X-Original-URI", good).ask("/-/authorize"));
            answers.extend(asking.coming_from("127.0.0.2").ask("/-/authorize"));
        }
        answers.extend(caller.field("X-Original-URI", "/varz").field("X-Original-Method", good).ask("/-/authorize"));
    }
    answers
}

#[test]
fn no_canary_of_tenants_secrets_and_proxies_in_any_output() {
    let bench = bench();
    let mut claims = Issuer::shared().claims(&["viewer"]);
    (claims["nats_account"], claims["note"]) = (json!("ACME"), json!("CANARYCLAIM"));
    let good = Issuer::shared().key("e1").token(&claims);
    claims["nats_account"] = json!([FOREIGN]);
    let nameless = Issuer::shared().key("e1").token(&claims);
    let mut answers = all_branches(&bench, &good, &bent(&good));
    answers.extend(all_branches(&bench, &nameless, &bent(&nameless)));
    let statuses: BTreeSet<u16> = answers.iter().map(|answer| answer.status).collect();
    for wanted in [200, 400, 401, 403, 404, 429, 500, 502] {
        assert!(statuses.contains(&wanted), "no branch gave {wanted}: {statuses:?}");
    }
    let gateway = &bench.gateway;
    for (name, broken) in [
        ("api.key", format!("{KEY}\n{KEY}\n")),
        ("api.key", format!("{KEY}\u{f6}")),
        ("lamp.catalog.yaml", CATALOG.replace("path: /info", "path: info")),
        ("policy.yaml", NATS.replace("{claims.nats_account}", "{nats_account}")),
    ] {
        let before = std::fs::read_to_string(gateway.path(name)).unwrap();
        gateway.rewrite(name, &broken);
        gateway.reload("failed");
        gateway.rewrite(name, &before);
        gateway.reload("ok");
    }
    let records = gateway.audit(answers.len());
    for (member, value) in [
        ("reason", "tenant_unknown"),
        ("reason", "tenant_stranger"),
        ("reason", "tenant_repeated"),
        ("reason", "tenant_shape"),
        ("tenant", "ACME"),
        ("via", "forward_auth"),
        ("endpoint", "sign"),
        ("reason", "upstream_status"),
    ] {
        assert!(records.iter().any(|record| record[member] == value), "no record has {member} {value}");
    }
    let id =
        records.iter().find(|record| record["reason"] == "tenant_stranger").unwrap()["request_id"].as_str().unwrap();
    let why = monward(&gateway.path(""), &["why", id]);
    let check = monward(&gateway.path(""), &["check", "monward.yaml"]);
    assert_eq!((why.0, check.0), (Some(0), Some(0)), "{why:?} {check:?}");

    let mut secrets: Vec<String> = [KEY, FOREIGN, "CANARYIP", "CANARYCLAIM"].map(str::to_owned).to_vec();
    let signatures = bench.upstream.requests().into_iter().flat_map(|seen| seen.headers());
    let signature = signatures.into_iter().find(|(name, _)| name == "x-api-sign").unwrap().1;
    secrets.push(signature);
    for token in [&good, &nameless] {
        secrets.extend(token.split('.').skip(1).map(|part| part[..24].to_owned()));
    }
    let canaries = Canaries { secrets };
    for answer in &answers {
        canaries.absent(&answer.everything(), &format!("an answer with {}", answer.status));
    }
    for (text, what) in [
        (gateway.metrics(), "metrics"),
        (gateway.audit_text(), "audit"),
        (gateway.stdout(), "stdout"),
        (gateway.stderr(), "the log"),
        (format!("{why:?}"), "why"),
        (format!("{check:?}"), "check"),
    ] {
        canaries.absent(&text, what);
    }
    assert!(!gateway.stderr().contains("panicked"), "{}", gateway.stderr());
    // What clients sent as a key or a cookie went nowhere.
    let upstream: String = bench.upstream.requests().into_iter().map(|seen| seen.head).collect();
    let token = good.split('.').nth(1).unwrap();
    assert!(!upstream.contains(&token[..24]) && !upstream.contains(FOREIGN), "{upstream}");
}
