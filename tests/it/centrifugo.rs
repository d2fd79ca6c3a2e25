//! The shipped catalogues of Centrifugo and `KumoMTA`, on the wire.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::client::request;
use crate::support::gateway::Setup;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Seen, Step, Upstream, json, with_length};

const ROLES: &str = "roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
rules:
";

const INFO: &str = r#"{"result":{"nodes":[{"uid":"a1b2","name":"host-7","version":"6.9.1","num_clients":3,"num_users":2,"uptime":12,"metrics":{"interval":60,"items":{"http.api.200":1}}}]}}"#;
const STATS: &str = r#"{"body":{"data":{"nodes":[{"uid":"a1b2","version":"1.8.0","name":"host-7","started_at":1,"metrics":{"client_num_msg":0}}],"metrics_interval":60}},"error":null,"method":"stats"}"#;

fn server(seen: &Seen) -> Vec<Step> {
    match seen.line() {
        "POST /api/info HTTP/1.1" => json(INFO),
        "POST /api/ HTTP/1.1" => json(STATS),
        "GET /health HTTP/1.1" => json("{}"),
        _ => vec![Step::Send(with_length("200 OK", "Content-Type: text/plain; charset=utf-8\r\n", b"up 1\n"))],
    }
}

fn bench(policy: &str, secrets: &str) -> Bench {
    let upstream = Upstream::scripted(Box::new(server));
    let mut setup = Setup::before(&upstream).policy(policy).file("api.key", "the-key\n").file("secret", "the-secret\n");
    secrets.clone_into(&mut setup.upstream_more);
    let gateway = setup.start();
    assemble(upstream, gateway)
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

fn field(seen: &Seen, name: &str) -> Option<String> {
    seen.headers().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn centrifugo_is_asked_for_its_figures_with_key_and_signature() {
    let policy = format!(
        "version: 1\ncatalog: centrifugo\n{ROLES}  - {{ id: look, endpoints: [info, stats, health], allow: [viewer] }}\n  \
         - {{ id: scrape, endpoints: [metrics], allow: [viewer], redact: none }}\n"
    );
    let bench = bench(&policy, ", secrets: { api_key: { file: api.key }, secret: { file: secret } }");
    let stats = r#"{"method":"stats","params":{}}"#;
    // Python's hmac.new(b"the-secret", body, "sha256").hexdigest()
    let signature = "07daf5296105f544a7c71fb68e75fc7cd4a3b74378c1d573ed2a708a5122eefd";
    for (target, method, body, wanted) in [
        ("/api/info", "POST", "{}", INFO.replace("\"a1b2\"", "\"[redacted]\"").replace("\"version\":\"6.9.1\",", "")),
        ("/api/", "POST", stats, STATS.replace("\"a1b2\"", "\"[redacted]\"").replace("\"version\":\"1.8.0\",", "")),
        ("/health", "GET", "", "{}".to_owned()),
        ("/metrics", "GET", "", "up 1\n".to_owned()),
    ] {
        let answer = bench.client.get(target, Some(&viewer()));
        success(&answer, target);
        assert_eq!(answer.text(), wanted, "{target}");
        let seen = bench.upstream.requests().pop().unwrap();
        assert_eq!((seen.line(), seen.body.as_str()), (format!("{method} {target} HTTP/1.1").as_str(), body));
        assert_eq!(field(&seen, "x-api-key"), (target == "/api/info").then(|| "the-key".to_owned()), "{target}");
        assert_eq!(field(&seen, "x-api-sign"), (target == "/api/").then(|| signature.to_owned()), "{target}");
    }
    let before = bench.upstream.requests().len();
    for (target, body) in [("/api/publish", "{}"), ("/api", stats), ("/api/disconnect", "{}"), ("/swagger/", "{}")] {
        let head = request("POST", target, Some(&viewer()), &format!("Content-Length: {}\r\n", body.len()));
        let mut connection = bench.client.connect();
        connection.send((head + body).as_bytes());
        denial(&connection.response(false).unwrap(), &[404], target);
    }
    assert_eq!(bench.upstream.requests().len(), before);
}

#[test]
fn a_gateway_of_a_new_centrifugo_needs_no_secret_of_an_old_one() {
    let policy =
        format!("version: 1\ncatalog: centrifugo\n{ROLES}  - {{ id: look, endpoints: [info], allow: [viewer] }}\n");
    let bench = bench(&policy, ", secrets: { api_key: { file: api.key } }");
    success(&bench.client.get("/api/info", Some(&viewer())), "info");
    denial(&bench.client.get("/api/", Some(&viewer())), &[403], "stats");
    assert_eq!(bench.upstream.requests().len(), 1);
}

#[test]
fn kumomta_shows_its_figures_and_hides_its_administration() {
    let policy = format!(
        "version: 1\ncatalog: kumomta\n{ROLES}  - {{ id: look, endpoints: [metrics, liveness], allow: [viewer], redact: none }}\n"
    );
    let bench = bench(&policy, "");
    for target in ["/metrics", "/metrics?prefix=ready", "/api/check-liveness/v1"] {
        success(&bench.client.get(target, Some(&viewer())), target);
        let seen = bench.upstream.requests().pop().unwrap();
        assert_eq!((seen.target(), field(&seen, "authorization")), (target, None));
    }
    let before = bench.upstream.requests().len();
    for target in ["/api/admin/bounce/v1", "/api/inject/v1", "/api/machine-info", "/rapidoc", "//api/admin/bounce/v1"] {
        for method in ["GET", "POST"] {
            let answer = bench.client.request(method, target, Some(&viewer()), "");
            assert!(matches!(answer.status, 400 | 404), "{method} {target}: {}", answer.head);
        }
    }
    denial(&bench.client.get("/metrics.json", Some(&viewer())), &[403], "no rule");
    assert_eq!(bench.upstream.requests().len(), before);
}
