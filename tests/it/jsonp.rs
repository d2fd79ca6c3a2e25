//! JSONP where a rule serves it: monward builds the script, whatever the upstream does.

use crate::g_redaction::POLICY;
use crate::support::answers::denial;
use crate::support::bench::assemble;
use crate::support::gateway::Setup;
use crate::support::h2client;
use crate::support::nats::{Build, Nats};
use crate::support::tokens::Issuer;
use crate::support::upstream::{Step, Upstream, json, with_length};

/// [`POLICY`] with a rule for dashboards.
fn policy() -> String {
    let rule = "  - { id: dashboards, endpoints: [varz], allow: any, jsonp: true, redact: no-credentials }\n";
    POLICY.trim_end().to_owned() + "\n" + rule
}

#[test]
fn g18_the_script_is_built_here_of_a_redacted_answer() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(&policy()).start();
    let bench = assemble(upstream, gateway);
    let token = Issuer::shared().token("viewer");
    bench.upstream.script(|_| json(r#"{"server_id":"x","jwt":"CANARY"}"#));
    let target = "/varz?callback=jQuery_1.fn$";
    for answer in [bench.client.get(target, Some(&token)), h2client::get(&bench.client, target, Some(&token))] {
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"/**/jQuery_1.fn$({"server_id":"x"});"#));
        assert_eq!(answer.header("content-type"), Some("application/javascript; charset=utf-8"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let head = bench.client.request("HEAD", target, Some(&token), "");
    assert_eq!((head.status, head.header("content-length")), (200, Some("36")));
    assert!(bench.upstream.requests().iter().all(|seen| seen.target() == "/varz"), "it never goes upstream");

    let plain = bench.client.get("/varz", Some(&token));
    assert_eq!(
        (plain.text().as_str(), plain.header("content-type")),
        (r#"{"server_id":"x"}"#, Some("application/json"))
    );
    for refused in ["/varz?callback=alert(1)//", "/varz?callback=", "/varz?callback=a&callback=b", "/connz?callback=a"]
    {
        denial(&bench.client.get(refused, Some(&token)), &[400], refused);
    }
    denial(&bench.client.get(target, None), &[401], "anonymous");
    bench.upstream.script(|_| vec![Step::Send(with_length("503 Unavailable", "", b"CANARY"))]);
    denial(&bench.client.get(target, Some(&token)), &[503], "a denial is no script");
}

#[test]
fn g18_a_script_of_the_upstream_is_withheld() {
    let upstream = Upstream::nats();
    let gateway = Setup::before(&upstream).policy(&policy()).start();
    let bench = assemble(upstream, gateway);
    let token = Issuer::shared().token("viewer");
    for (kind, body) in [("javascript", "cb({\"jwt\":\"CANARY\"})"), ("json", "cb({\"jwt\":\"CANARY\"});")] {
        let head = format!("Content-Type: application/{kind}\r\n");
        bench.upstream.script(move |_| vec![Step::Send(with_length("200 OK", &head, body.as_bytes()))]);
        for target in ["/varz", "/varz?callback=cb"] {
            let answer = bench.client.get(target, Some(&token));
            denial(&answer, &[502], target);
            assert!(!answer.text().contains("CANARY"));
        }
    }
}

#[test]
fn g18_real_servers_that_know_callback_and_that_do_not_answer_alike() {
    for build in Build::ALL {
        let nats = Nats::with_jetstream(build);
        let gateway = Setup::new(nats.monitoring).policy(&policy()).start();
        let token = Issuer::shared().token("viewer");
        let answer = gateway.client().get("/varz?callback=cb", Some(&token));
        let text = answer.text();
        let inside = text.strip_prefix("/**/cb(").and_then(|rest| rest.strip_suffix(");"));
        let inside = inside.unwrap_or_else(|| panic!("{build:?}: {text}"));
        assert!(serde_json::from_str::<serde_json::Value>(inside).unwrap()["server_id"].is_string(), "{build:?}");
    }
}
