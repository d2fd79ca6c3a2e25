//! J: logs, metrics and the admin listener. Everything is recorded, nothing is given away.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::{authorization_line, bench};
use crate::support::client::request;
use crate::support::gateway::{Setup, plain_get};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Seen, Upstream};

fn token(role: &str) -> String {
    Issuer::shared().token(role)
}

#[test]
fn j01_canaries_at_every_level() {
    for level in ["error", "warn", "info", "debug", "trace"] {
        let upstream = Upstream::nats();
        let mut setup = Setup::before(&upstream);
        setup.log_level = level;
        let gateway = setup.start();
        let client = gateway.client();
        let good = token("viewer");
        let signature = good.rsplit('.').next().unwrap().to_owned();
        let lines = "Cookie: session=CANARY-COOKIE\r\nX-Api-Key: CANARY-KEY\r\nUser-Agent: CANARY-AGENT\r\n";
        success(&client.request("GET", "/varz", Some(&good), lines), level);
        for (target, credential) in [
            ("/varz?access_token=CANARY-QUERY", Some(good.as_str())),
            ("/CANARY-PATH", Some(good.as_str())),
            ("/varz", Some("CANARY-TOKEN.CANARY.CANARY")),
            ("/varz?token=CANARY-QUERY", None),
            ("/accountz?acc=CANARY-ARGUMENT", Some(good.as_str())),
        ] {
            assert!(client.request("GET", target, credential, lines).status >= 400, "{target}");
            assert!(
                h2client::request(&client, "GET", target, credential, &[("cookie", "CANARY-COOKIE")]).unwrap().status
                    >= 400
            );
        }
        gateway.audit(11);
        let written = [gateway.stderr(), gateway.stdout(), gateway.audit_text(), gateway.metrics()].concat();
        let written = written.replace("CANARY-ARGUMENT", "");
        assert!(!written.contains("CANARY"), "{level}: {written}");
        assert!(!written.contains(&signature), "{level}");
    }
}

#[test]
fn j02_control_characters_stay_on_their_line() {
    let bench = bench();
    let mut claims = Issuer::shared().claims(&["viewer"]);
    claims["sub"] = json!("eve\u{1b}[31m\r\n{\"decision\":\"permit\"}\u{2028}\u{7f}\u{85}");
    let eve = Issuer::shared().key("k1").token(&claims);
    success(&bench.client.get("/varz", Some(&eve)), "an odd subject");
    denial(&bench.client.get("/accountz", Some(&eve)), &[403], "an odd subject");
    let _odd = bench.client.request("GET", "/varz", Some(&eve), "User-Agent: a\u{1b}[31mb\r\n");
    let _odd = bench.client.exchange(b"GET /\x1b[31m HTTP/1.1\r\nHost: mon.test\r\n\r\n");
    let records = bench.gateway.audit(3);
    let text = bench.gateway.audit_text();
    assert_eq!(text.lines().count(), records.len(), "one record per line: {text}");
    assert_eq!(records[0]["principal"]["subject"], claims["sub"]);
    for output in [text, bench.gateway.stderr(), bench.gateway.stdout()] {
        let plain = |c: char| c == '\n' || (' '..='~').contains(&c);
        assert!(output.chars().all(plain), "{output:?}");
    }
}

#[test]
fn j03_a_malformed_request_with_a_credential() {
    let bench = bench();
    let line = authorization_line("viewer");
    let signature = line.trim().rsplit('.').next().unwrap().to_owned();
    for raw in [
        format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\n{line}bad header CANARY\r\n\r\n"),
        format!("GET  /varz CANARY\r\nHost: mon.test\r\n{line}\r\n"),
        format!("GET /varz HTTP/1.1\r\n{line}X: CANARY\r\n\r\n"),
        format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\nAuthorization: Bearer\tCANARY{signature}\r\n\r\n"),
        format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\nX-Big: {}\r\n{line}\r\n", "CANARY".repeat(4000)),
    ] {
        let exchange = bench.client.exchange(raw.as_bytes());
        assert!(exchange.status() >= 400, "{exchange:?}");
        assert!(!exchange.only().everything().contains("CANARY"), "{exchange:?}");
    }
    let written = [bench.gateway.stderr(), bench.gateway.stdout(), bench.gateway.audit_text()].concat();
    assert!(!written.contains("CANARY") && !written.contains(&signature), "{written}");
}

#[test]
fn j04_no_panic_and_no_secret_in_one() {
    let bench = bench();
    let line = authorization_line("viewer");
    for byte in 0..=255_u8 {
        let mut raw = format!("GET /varz HTTP/1.1\r\nHost: mon.test\r\n{line}X-A: ").into_bytes();
        raw.extend([byte, byte, b'\r', b'\n', b'\r', b'\n']);
        let mut connection = bench.client.connect();
        connection.send(&raw);
        let answer = connection.response(false).unwrap_or_else(|| panic!("no answer to byte {byte}"));
        assert!([200, 400].contains(&answer.status), "{byte}: {}", answer.head);
    }
    let written = [bench.gateway.stderr(), bench.gateway.stdout()].concat();
    assert!(!written.contains("panicked"), "{written}");
    assert!(!written.contains(line.trim().rsplit('.').next().unwrap()), "{written}");
}

#[test]
fn j05_each_decision_has_who_what_why_and_an_id() {
    let bench = bench();
    let viewer = Issuer::shared().token_for("alice", "viewer");
    let mut ids = Vec::new();
    for (target, credential) in [
        ("/varz", Some(viewer.as_str())),
        ("/accountz?acc=A", Some(viewer.as_str())),
        ("/varz", None),
        ("/nothing", Some(viewer.as_str())),
        ("/varz?x=1", Some(viewer.as_str())),
        ("/connz?auth=1", Some(viewer.as_str())),
    ] {
        ids.push(bench.client.get(target, credential).header("x-request-id").unwrap().to_owned());
    }
    ids.push(h2client::get(&bench.client, "/varz", Some(&viewer)).header("x-request-id").unwrap().to_owned());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "every request has its own id");
    let records = bench.gateway.audit(ids.len());
    let of = |at: usize| records.iter().find(|record| record["request_id"] == ids[at].as_str()).unwrap();
    for (at, id) in ids.iter().enumerate() {
        let record = of(at);
        for field in ["time", "source", "decision", "reason", "status", "duration_us"] {
            assert!(!record[field].is_null(), "{id}: no {field}: {record}");
        }
        assert_eq!(record["source"], "127.0.0.1");
    }
    let permit = of(0);
    assert_eq!(permit["decision"], "permit");
    assert_eq!(permit["principal"], json!({ "issuer": "corp", "subject": "alice", "method": "bearer_jwt" }));
    assert_eq!(
        (&permit["endpoint"], &permit["request"], &permit["rule"], &permit["status"], &permit["upstream_status"]),
        (&json!("varz"), &json!("/varz"), &json!("view"), &json!(200), &json!(200))
    );
    let refused = of(1);
    assert_eq!(
        (&refused["decision"], &refused["endpoint"], &refused["status"], &refused["principal"]["subject"]),
        (&json!("deny"), &json!("accountz"), &json!(403), &json!("alice"))
    );
    let anonymous = of(2);
    assert_eq!(
        (&anonymous["principal"], &anonymous["endpoint"], &anonymous["status"]),
        (&Value::Null, &Value::Null, &json!(401))
    );
    for at in 1..6 {
        assert_eq!(of(at)["decision"], "deny", "{}", of(at));
        assert!(of(at)["upstream_status"].is_null());
    }
    assert_eq!(of(6)["protocol"], "HTTP/2");
    let upstream_ids: Vec<_> = bench
        .upstream
        .requests()
        .iter()
        .flat_map(Seen::headers)
        .filter(|(name, _)| name == "x-request-id")
        .map(|(_, id)| id)
        .collect();
    assert_eq!(upstream_ids, [ids[0].clone(), ids[6].clone()]);
}

#[test]
fn j05_redactions_are_counted_in_the_record() {
    let bench = bench();
    success(&bench.client.get("/accountz", Some(&token("admin"))), "redacted");
    let record = bench.gateway.audit(1).remove(0);
    let counts: u64 =
        record["redactions"].as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).sum();
    assert_eq!(counts, 2, "{record}");
    assert!(bench.gateway.metric("monward_redactions_total", &["endpoint=\"accountz\""]) >= 2.0);
}

#[test]
fn j06_a_denial_tells_the_request_id_and_nothing_else() {
    let bench = bench();
    let mut texts = HashSet::new();
    for (target, credential) in [
        ("/accountz", Some(token("viewer"))),
        ("/accountz?acc=SECRET-NAME", Some(token("viewer"))),
        ("/connz?auth=1", Some(token("viewer"))),
        ("/varz", Some(token("nobody-in-particular"))),
    ] {
        let answer = bench.client.get(target, credential.as_deref());
        denial(&answer, &[403], target);
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(answer.text().contains(&id), "{}", answer.text());
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
        texts.insert(answer.text().replace(&id, "ID"));
    }
    assert_eq!(texts.len(), 1, "all refusals of one status read alike: {texts:?}");
}

#[test]
fn j06_other_forms_only_when_asked_for() {
    let bench = bench();
    let ask = |accept: &str| bench.client.request("GET", "/varz", None, &format!("Accept: {accept}\r\n"));
    for accept in ["*/*", "application/json", "application/openmetrics-text;version=1.0.0,*/*;q=0.1"] {
        denial(&ask(accept), &[401], accept);
    }
    let problem = ask("application/problem+json");
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    let body: Value = serde_json::from_slice(&problem.body).unwrap();
    assert_eq!(body["status"], 401);
    let page = ask("text/html,application/xhtml+xml,*/*;q=0.8");
    assert_eq!((page.status, page.header("location")), (401, None), "never redirected");
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
}

#[test]
fn j09_own_metrics_are_on_the_admin_listener_only() {
    let bench = bench();
    for target in ["/metrics", "/-/metrics", "/-/ready", "/-/healthy", "/livez", "/readyz", "/-/reload"] {
        denial(&bench.client.get(target, None), &[401], target);
        denial(&bench.client.get(target, Some(&token("admin"))), &[404], target);
    }
    bench.upstream.assert_untouched("paths of the admin listener");
    let metrics = bench.gateway.admin("/metrics");
    assert_eq!(metrics.status, 200);
    assert!(metrics.text().contains("monward_requests_total") && metrics.text().ends_with("# EOF\n"));
}

#[test]
fn j10_the_admin_listener_cannot_be_reached_through_the_gateway() {
    let bench = bench();
    let admin = bench.gateway.admin;
    assert!(admin.ip().is_loopback());
    for (target, host) in [
        ("/metrics".to_owned(), admin.to_string()),
        (format!("http://{admin}/metrics"), admin.to_string()),
        (format!("http://{admin}/metrics"), "mon.test".to_owned()),
        ("/metrics".to_owned(), "localhost".to_owned()),
    ] {
        let text = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\n{}Connection: close\r\n\r\n",
            authorization_line("admin")
        );
        let exchange = bench.client.exchange(text.as_bytes());
        denial(exchange.only(), &[400, 404, 421], &target);
    }
    for path in ["/varz", "/connz", "//varz", "/"] {
        let answer = plain_get(admin, path);
        assert_eq!(answer.status, 404, "{path}");
    }
    bench.upstream.assert_untouched("the admin listener");
}

#[test]
fn j08_no_new_series_for_names_of_the_client() {
    let bench = bench();
    let series = || bench.gateway.metrics().lines().filter(|line| !line.starts_with('#')).count();
    let ask = |number: usize| {
        let token = Issuer::shared().token_for(&format!("u{number}"), "viewer");
        for target in [
            format!("/p{number}"),
            "/varz".to_owned(),
            format!("/varz?a{number}=1"),
            format!("/connz?limit={}", number % 200 + 1),
        ] {
            bench.status(&target, Some(&token));
        }
        bench.client.exchange(request(&format!("M{number}"), "/varz", Some(&token), "").as_bytes());
    };
    (0..3).for_each(ask);
    let before = series();
    (3..30).for_each(ask);
    assert_eq!(series(), before, "{}", bench.gateway.metrics());
}
