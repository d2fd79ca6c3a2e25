//! Secrets that monward adds to requests: the upstream gets them, and nobody else ever does.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::client::request;
use crate::support::gateway::{Setup, monward};
use crate::support::h2client::Line;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Seen, Upstream, json};
use crate::support::{eventually, in_parallel};

/// `sign` asks with test case 2 of RFC 4231.
const LAMP: &str = "version: 1
catalog: lamp
endpoints:
  state: { path: /state, body: json, cost: cheap }
  info:
    path: /info
    methods: [GET, HEAD, POST]
    ask: { method: POST, body: '{}', content_type: application/json }
    inject: { header: X-API-Key, secret: api_key }
    body: json
    cost: cheap
  sign:
    path: /sign
    ask: { method: POST, body: what do ya want for nothing?, content_type: text/plain }
    inject: { header: X-API-Sign, hmac_sha256: signing }
    body: json
    cost: cheap
";

const SIGNATURE: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
const SIGNING: &str = "Jefe";
const KEY: &str = "CANARY-api-key-1";
const NEXT: &str = "CANARY-api-key-2";

const POLICY: &str = "version: 1
catalog: lamp
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
  - { id: look, endpoints: [state, info, sign], allow: [viewer], redact: none }
";

const BOTH: &str = "{ api_key: { file: api.key }, signing: { file: signing.key } }";

fn setup(upstream: &Upstream, secrets: &str) -> Setup {
    let mut setup = Setup::before(upstream)
        .policy(POLICY)
        .file("lamp.yaml", LAMP)
        .file("api.key", format!("{KEY}\n"))
        .file("signing.key", SIGNING);
    setup.upstream_more = format!(", secrets: {secrets}");
    setup.log_level = "trace";
    let config = format!("{}catalogs: [lamp.yaml]\n", setup.text());
    Setup { config: Some(config), ..setup }
}

fn bench() -> Bench {
    let upstream = Upstream::scripted(Box::new(|_| json("{\"lit\":true}")));
    let gateway = setup(&upstream, BOTH).start();
    assemble(upstream, gateway)
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

/// The values of a field that the upstream saw.
fn values(seen: &Seen, name: &str) -> Vec<String> {
    seen.headers().into_iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
}

#[test]
fn each_endpoint_gets_its_secret_and_no_other() {
    let bench = bench();
    for (target, key, signature) in
        [("/info", Some(KEY), None), ("/sign", None, Some(SIGNATURE)), ("/state", None, None)]
    {
        success(&bench.client.get(target, Some(&viewer())), target);
        let seen = bench.upstream.requests().pop().unwrap();
        assert_eq!(values(&seen, "x-api-key"), Vec::from_iter(key), "{target}: {}", seen.head);
        assert_eq!(values(&seen, "x-api-sign"), Vec::from_iter(signature), "{target}: {}", seen.head);
    }
}

#[test]
fn what_the_client_sends_as_a_secret_goes_nowhere() {
    let bench = bench();
    let forged = [("x-api-key", "FORGED"), ("X-Api-Sign", "FORGED"), ("x_api_key", "FORGED"), ("cookie", "FORGED=1")];
    let lines: String = forged.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    for target in ["/info", "/sign", "/state"] {
        let mut connection = bench.client.connect();
        connection.send(request("GET", target, Some(&viewer()), &lines).as_bytes());
        success(&connection.response(false).unwrap(), target);
        let fields: Vec<(&str, &str)> = forged.iter().map(|(name, value)| (*name, *value)).collect();
        success(&Line::to(&bench.client).unwrap().request("GET", target, Some(&viewer()), &fields).unwrap(), target);
    }
    for target in ["/info?api_key=FORGED", "/info?access_token=FORGED"] {
        denial(&bench.client.get(target, Some(&viewer())), &[400], target);
    }
    let requests = bench.upstream.requests();
    assert_eq!(requests.len(), 6);
    for seen in requests {
        assert!(!seen.head.contains("FORGED") && !seen.body.contains("FORGED"), "{}", seen.head);
        assert_eq!(values(&seen, "authorization"), Vec::<String>::new(), "{}", seen.head);
        assert!(values(&seen, "x-api-key").len() + values(&seen, "x-api-sign").len() <= 1, "{}", seen.head);
    }
}

#[test]
fn no_secret_is_ever_written_down() {
    let bench = bench();
    let token = viewer();
    let script = |status: &'static str| {
        move |_: &Seen| {
            let answer = crate::support::upstream::with_length(status, "Content-Type: application/json\r\n", b"{}");
            vec![crate::support::upstream::Step::Send(answer)]
        }
    };
    let mut answers = String::new();
    for status in ["200 OK", "401 Unauthorized", "500 Internal Server Error", "204 No"] {
        bench.upstream.script(script(status));
        for target in ["/info", "/sign", "/info?x=1"] {
            answers += &bench.client.get(target, Some(&token)).everything();
        }
        answers += &bench.client.get("/info", None).everything();
    }
    bench.gateway.rewrite("api.key", "two\nlines");
    bench.gateway.reload("failed");
    bench.gateway.audit(16);
    let explained =
        monward(&bench.gateway.path(""), &["explain", "--config", "monward.yaml", "--claim", "roles=viewer", "/info"]);
    let places = [
        ("an answer", answers),
        ("stderr", bench.gateway.stderr()),
        ("stdout", bench.gateway.stdout()),
        ("the audit file", bench.gateway.audit_text()),
        ("the metrics", bench.gateway.metrics()),
        ("explain", format!("{explained:?}")),
    ];
    for (place, text) in places {
        assert!(place == "stdout" || !text.is_empty(), "{place} is empty");
        for secret in [KEY, SIGNING, SIGNATURE] {
            assert!(!text.contains(secret), "{place} holds {secret}: {text}");
        }
    }
}

#[test]
fn a_secret_that_changes_is_used_without_a_word() {
    let bench = bench();
    let sends = |key: &str| {
        success(&bench.client.get("/info", Some(&viewer())), "info");
        values(&bench.upstream.requests().pop().unwrap(), "x-api-key") == [key]
    };
    assert!(sends(KEY));
    bench.gateway.rewrite("api.key", "");
    eventually("the fault of an empty file", || bench.gateway.stderr().contains("api.key: ").then_some(()));
    assert!(sends(KEY), "a fault changes nothing");
    bench.gateway.rewrite("api.key", NEXT);
    eventually("the new secret", || sends(NEXT).then_some(()));
}

#[test]
fn a_secret_that_is_missing_or_too_many_stops_the_start() {
    let upstream = Upstream::nats();
    let closed = POLICY.replace("[state, info, sign]", "[state, info]");
    let needs = "upstream `nats`: its policy opens `sign`, which needs the secret `signing`: \
                 `secrets: { signing: { file: PATH } }`";
    let rows: &[(&str, &str, &str, &str, Option<&str>)] = &[
        ("a secret that an open endpoint needs", "{ api_key: { file: api.key } }", POLICY, "good", Some(needs)),
        ("one that only a closed endpoint needs", "{ api_key: { file: api.key } }", &closed, "good", None),
        ("one that a closed endpoint would use", BOTH, &closed, "good", None),
        (
            "one that no endpoint uses",
            "{ api_key: { file: api.key }, signing: { file: signing.key }, other: { file: api.key } }",
            POLICY,
            "good",
            Some("upstream `nats`: no endpoint of catalogue `lamp` uses the secret `other`; take it out"),
        ),
        ("an empty file", BOTH, POLICY, "\n", Some("api.key: ")),
        ("several lines", BOTH, POLICY, "a\nb\n", Some("api.key: ")),
        (
            "what no header can carry",
            BOTH,
            POLICY,
            "sch\u{f6}n",
            Some("api.key: it holds something that a header field"),
        ),
        ("a space at an end", BOTH, POLICY, "key ", Some("api.key: it holds something that a header field")),
        (
            "a file that is not there",
            "{ api_key: { file: no.key }, signing: { file: signing.key } }",
            POLICY,
            "good",
            Some("no.key: "),
        ),
    ];
    in_parallel(rows, |(row, secrets, policy, key, fault)| {
        let setup = setup(&upstream, secrets).policy(policy).file("api.key", *key);
        let (code, out, err) = monward(setup.write().path(), &["check", "monward.yaml"]);
        match fault {
            Some(fault) => {
                assert!(err.contains(fault), "{row}: {out}{err}");
                let (status, said) = setup.refuses_to_start();
                assert!(!status.success() && said.contains(fault), "{row}: {said}");
            }
            None => assert_eq!(code, Some(0), "{row}: {out}{err}"),
        }
    });
    let prometheus = "version: 1\ncatalog: prometheus\nroles: {}\nrules: []\n";
    let (_, _, err) = monward(setup(&upstream, BOTH).policy(prometheus).write().path(), &["check", "monward.yaml"]);
    assert_eq!(err.matches("no endpoint of catalogue `prometheus` uses the secret").count(), 2, "{err}");
}
