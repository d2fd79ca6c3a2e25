//! Proxies that ask about the requests of others: told raw, and a real nginx with the recipe before a real `nats-server`.

use serde_json::{Value, json};

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, assemble};
use crate::support::caller::Caller;
use crate::support::client::{Client, request};
use crate::support::gateway::{Gateway, Setup, plain_get};
use crate::support::http::Response;
use crate::support::nats::{Build, Nats};
use crate::support::nginx::Nginx;
use crate::support::pki::{Authority, Identity, SERVER};
use crate::support::tokens::{Issuer, SigningKey, bent};
use crate::support::upstream::{Seen, Upstream};
use crate::support::{eventually, in_parallel, now};

/// What nothing must be taken out of, what has to be redacted, what has a bound; and one for the proxy alone.
const POLICY: &str = r"
version: 1
catalog: nats
roles:
  viewer:
    - token: { issuer: corp, claims: { roles: [viewer] } }
  proxy:
    - client_cert: { dns: proxy.test }
rules:
  - id: plain
    endpoints: [varz, healthz]
    allow: [viewer]
    redact: none
  - id: connections
    endpoints: [connz]
    allow: [viewer]
    args: { limit: { max: 256 } }
    redact: none
  - id: redacted
    endpoints: [jsz]
    allow: [viewer]
    redact: standard
  - id: own
    endpoints: [accountz]
    allow: [proxy]
    redact: none
";

/// A trusted network, and an address that is not in it.
const INSIDE: &str = "127.0.0.1";
const OUTSIDE: &str = "127.0.0.2";

/// A gateway that trusts this kind of proxy, known by all of `trusted`.
fn setup(setup: Setup, from: &str, trusted: &str) -> Setup {
    let mut setup = setup.policy(POLICY);
    setup.listener = format!(
        "    hosts: [{SERVER}]\n    client_auth: optional\n    client_ca_file: ca.pem\n    \
         forward_auth: {{ from: {from}, trusted: {{ {trusted} }} }}\n"
    );
    setup
}

fn asking(from: &str, trusted: &str) -> Bench {
    let upstream = Upstream::nats();
    let gateway = setup(Setup::before(&upstream), from, trusted).start();
    assemble(upstream, gateway)
}

fn viewer() -> String {
    Issuer::shared().token("viewer")
}

/// Lets through: an empty answer that names the target, a record of who asked, and nothing upstream.
fn vouched(bench: &Bench, caller: &Caller<'_>, target: &str, canonical: &str) {
    for answer in caller.ask(target) {
        success(&answer, target);
        assert!(answer.body.is_empty(), "{}", answer.text());
        assert_eq!(answer.header("x-monward-target"), Some(canonical), "{}", answer.head);
        let record = bench.record_of(&answer);
        let words = ["via", "upstream", "decision", "reason", "request"].map(|key| record[key].as_str().unwrap());
        assert_eq!(words, ["forward_auth", "nats", "permit", "rule", canonical], "{record}");
        assert_eq!(record["principal"]["subject"], "u1", "{record}");
        assert_eq!(record["upstream_status"], Value::Null, "{record}");
    }
    bench.upstream.assert_untouched("what a proxy asks about");
}

/// Refuses, and says in the record that a proxy asked.
fn refused(bench: &Bench, caller: &Caller<'_>, target: &str, status: u16, reason: &str) {
    for answer in caller.refused(target, status, reason) {
        assert_eq!(bench.record_of(&answer)["via"], "forward_auth", "{target} {reason}");
        assert_eq!(answer.header("x-monward-target"), None, "{}", answer.head);
    }
}

#[test]
fn each_kind_of_proxy_tells_in_its_own_way() {
    let nginx = asking("nginx", &format!("networks: [{INSIDE}/32]"));
    let told = |bench: &Bench, method: &str, target: &str| {
        let caller = bench.caller().field("X-Original-Method", method).field("X-Original-URI", target);
        vouched(bench, &caller.bearer(&viewer()), "/-/authorize", target);
    };
    told(&nginx, "GET", "/varz");
    told(&nginx, "HEAD", "/connz?offset=2&limit=5");
    let traefik = asking("traefik", &format!("networks: [{INSIDE}/32]"));
    let caller = traefik.caller().field("X-Forwarded-Method", "GET").field("X-Forwarded-Uri", "/varz");
    let caller = caller.bearer(&viewer());
    vouched(&traefik, &caller.field("X-Forwarded-Host", "MON.test:443"), "/-/authorize", "/varz");
    refused(&traefik, &caller.field("X-Forwarded-Host", "evil.test"), "/-/authorize", 421, "wrong_host");
    refused(&traefik, &caller, "/-/authorize", 400, "forward_auth_fields");
    let envoy = asking("envoy", &format!("networks: [{INSIDE}/32]"));
    let caller = envoy.caller().bearer(&viewer());
    vouched(&envoy, &caller, "/-/authorize/varz", "/varz");
    vouched(&envoy, &caller.field("X-Forwarded-Uri", "/accountz"), "/-/authorize/connz?limit=5", "/connz?limit=5");
    refused(&envoy, &caller, "/-/authorize//varz", 403, "forward_auth_target");
    refused(&envoy, &caller, "/-/authorize/accountz", 403, "no_rule");
    caller.refused("/-/authorize", 404, "unknown_endpoint");
}

#[test]
fn f04_what_has_not_one_meaning_is_refused_and_other_spellings_are_ignored() {
    let bench = asking("nginx", &format!("networks: [{INSIDE}/32]"));
    let told = bench.caller().field("X-Original-Method", "GET").field("X-Original-URI", "/varz");
    let known = told.bearer(&viewer());
    for name in ["X-Original-URI", "X-Original-Method"] {
        let value = if name.ends_with("URI") { "/varz" } else { "GET" };
        refused(&bench, &known.field(name, value), "/-/authorize", 400, "forward_auth_fields");
        refused(&bench, &known.field(name, ""), "/-/authorize", 400, "forward_auth_fields");
        refused(&bench, &told.field(name, value), "/-/authorize", 401, "credential_missing");
        let alone = bench.caller().bearer(&viewer()).field(name, value);
        refused(&bench, &alone, "/-/authorize", 400, "forward_auth_fields");
    }
    let spellings = ["X_Original_URI", "X-Original_URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri"];
    let more = spellings.iter().fold(known.clone(), |caller, name| caller.field(name, "/accountz"));
    let more = more.field("X-Forwarded-Host", "evil.test").field("X-Forwarded-Method", "DELETE");
    vouched(&bench, &more, "/-/authorize", "/varz");
    let only = spellings.iter().fold(bench.caller().bearer(&viewer()), |caller, name| caller.field(name, "/varz"));
    refused(&bench, &only.field("X-Original-Method", "GET"), "/-/authorize", 400, "forward_auth_fields");
    for (target, status, reason) in [
        ("/nothing", 404, "unknown_endpoint"),
        ("/varz?x=1", 400, "unknown_argument"),
        ("/varz?access_token=x", 400, "credential_in_query"),
        ("/accountz", 403, "no_rule"),
        ("/jsz", 403, "forward_auth_redaction"),
        ("/connz", 403, "forward_auth_target"),
        ("//varz", 403, "forward_auth_target"),
        ("/varz?", 403, "forward_auth_target"),
        ("/%76arz", 400, "target_malformed"),
        ("/-/authorize", 404, "unknown_endpoint"),
    ] {
        let caller = bench.caller().bearer(&viewer()).field("X-Original-Method", "GET").field("X-Original-URI", target);
        refused(&bench, &caller, "/-/authorize", status, reason);
    }
    let post = bench.caller().bearer(&viewer()).field("X-Original-Method", "POST").field("X-Original-URI", "/varz");
    refused(&bench, &post, "/-/authorize", 405, "method_not_allowed");
}

#[test]
fn f04_whoever_is_not_the_proxy_gets_nothing_by_saying_so() {
    let trusted = format!("networks: [{INSIDE}/32], client_cert: {{ dns: proxy.test }}");
    let bench = asking("nginx", &trusted);
    let (own, other) = (Authority::shared().client("proxy.test"), Authority::shared().client("other.test"));
    let told = bench.caller().field("X-Original-Method", "GET").field("X-Original-URI", "/varz");
    vouched(&bench, &told.showing(&own).bearer(&viewer()), "/-/authorize", "/varz");
    for (name, caller) in [
        ("the address alone", told.clone()),
        ("another certificate", told.showing(&other)),
        ("the certificate from elsewhere", told.showing(&own).coming_from(OUTSIDE)),
        ("neither", told.coming_from(OUTSIDE)),
    ] {
        for answer in caller.bearer(&viewer()).refused("/-/authorize", 404, "unknown_endpoint") {
            assert_eq!(bench.record_of(&answer)["via"], Value::Null, "{name}");
        }
        // What is forged says nothing elsewhere either.
        let forged =
            caller.field("X-Forwarded-For", INSIDE).field("X-Real-IP", INSIDE).field("Forwarded", "for=127.0.0.1");
        forged.bearer(&viewer()).refused("/-/authorize", 404, "unknown_endpoint");
        forged.bearer(&viewer()).refused("/routez", 403, "no_rule");
    }
    told.coming_from(OUTSIDE).refused("/-/authorize", 401, "credential_missing");
    told.refused("/-/authorize", 401, "credential_missing");
    // The proxy is known, and still not whoever it asks for.
    refused(&bench, &told.showing(&own), "/-/authorize", 401, "credential_missing");
    let accountz = bench.caller().field("X-Original-Method", "GET").field("X-Original-URI", "/accountz");
    refused(&bench, &accountz.showing(&own).bearer(&viewer()), "/-/authorize", 403, "no_rule");
    bench.upstream.assert_untouched("forgeries");
}

#[test]
fn an_assertion_of_a_front_door_before_the_proxy_says_who_asks() {
    let upstream = Upstream::nats();
    let key = SigningKey::new("door", "ES256");
    let mut setup = setup(Setup::before(&upstream), "nginx", "client_cert: { dns: proxy.test }");
    setup.policy = POLICY.replacen("  viewer:\n", "  viewer:\n    - token: { issuer: door }\n", 1);
    setup.more_issuers = "  door: { front_door: pomerium, issuer: monitoring.example.org, audiences: [us], \
                          jwks_file: door.json, from: { client_cert: { dns: proxy.test } } }\n"
        .to_owned();
    let setup = setup.file("door.json", json!({ "keys": [key.jwk()] }).to_string());
    let bench = assemble(upstream, setup.start());
    let claims = json!({
        "iss": "monitoring.example.org", "aud": ["us"], "sub": "u1", "jti": "j", "iat": now() - 5, "exp": now() + 120,
    });
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": "door" });
    let asserting = |assertion: &str| {
        let told = bench.caller().field("X-Original-Method", "GET").field("X-Original-URI", "/varz");
        told.field("X-Pomerium-Jwt-Assertion", assertion)
    };
    let good = asserting(&key.seal(&header.to_string(), &claims.to_string()));
    vouched(&bench, &good.showing(&proxy()), "/-/authorize", "/varz");
    good.refused("/-/authorize", 401, "credential_missing");
    let bad = asserting(&bent(&key.seal(&header.to_string(), &claims.to_string()))).showing(&proxy());
    refused(&bench, &bad.bearer(&viewer()), "/-/authorize", 401, "token_signature");
}

/// nginx before a real server.
struct World {
    nats: Nats,
    gateway: Gateway,
    nginx: Nginx,
}

impl World {
    fn new() -> Self {
        let nats = Nats::start(Build::Pypi);
        let trusted = format!("networks: [{INSIDE}/32], client_cert: {{ dns: proxy.test }}");
        let gateway = setup(Setup::new(nats.monitoring), "nginx", &trusted).start();
        let nginx = Nginx::start(gateway.listeners[0], nats.monitoring, &proxy());
        Self { nats, gateway, nginx }
    }

    /// How often the server was asked, for all that is not `/varz`.
    fn asked(&self) -> Value {
        let varz: Value = serde_json::from_slice(&plain_get(self.nats.monitoring, "/varz").body).unwrap();
        let mut asked = varz["http_req_stats"].clone();
        asked.as_object_mut().unwrap().remove("/varz");
        asked
    }

    /// The record of what nginx asked about before it gave this answer.
    fn record(&self, answer: &Response) -> Value {
        let id = answer.header("x-request-id").unwrap();
        eventually("the record", || self.gateway.audit(1).into_iter().find(|record| record["request_id"] == id))
    }
}

fn proxy() -> Identity {
    Authority::shared().client("proxy.test")
}

#[test]
fn nginx_lets_through_what_is_permitted_and_nothing_else() {
    let world = World::new();
    let client: Client = world.nginx.client();
    let get = |target: &str, token: Option<&str>| client.get(target, token);
    let before = world.asked();
    for (name, target, token, status, reason) in [
        ("nobody", "/varz", None, 401, "credential_missing"),
        ("nobody, who knows a path", "/accountz", None, 401, "credential_missing"),
        ("a bad token", "/varz", Some("not.a.token"), 401, "token_encoding"),
        ("no rule", "/accountz", Some(&*viewer()), 403, "no_rule"),
        ("the rule of the proxy", "/accountz?", Some(&*viewer()), 403, "no_rule"),
        ("a redacted endpoint", "/jsz", Some(&*viewer()), 403, "forward_auth_redaction"),
        ("a bound that monward would set", "/connz", Some(&*viewer()), 403, "forward_auth_target"),
        ("another spelling", "//healthz", Some(&*viewer()), 403, "forward_auth_target"),
        ("another order", "/connz?limit=5&offset=1", Some(&*viewer()), 403, "forward_auth_target"),
    ] {
        let answer = get(target, token);
        assert_eq!(answer.status, status, "{name}: {}", answer.head);
        let record = world.record(&answer);
        assert_eq!((&record["via"], &record["status"]), (&"forward_auth".into(), &status.into()), "{name}: {record}");
        assert_eq!(record["reason"], reason, "{name}: {record}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401, "{name}: {}", answer.head);
    }
    // nginx knows no other refusals: they are its own fault, and nothing leaves.
    for target in ["/nothing", "/healthz?x=1", "/%68ealthz", "/varz/../healthz", "/healthz%2f", "/-/authorizex"] {
        let answer = get(target, Some(&viewer()));
        assert_eq!(answer.status, 500, "{target}: {}", answer.head);
        assert_eq!(world.record(&answer)["decision"], "deny", "{target}");
    }
    for method in ["POST", "DELETE", "FOO"] {
        let answer = client.request(method, "/healthz", Some(&viewer()), "Content-Length: 0\r\n");
        assert_eq!(answer.status, 500, "{method}: {}", answer.head);
    }
    // Its own location is for itself.
    assert_eq!(get("/-/authorize", Some(&viewer())).status, 404);
    assert_eq!(world.asked(), before, "the server was asked for something that was refused");
    let answer = get("/healthz", Some(&viewer()));
    assert_eq!((answer.status, answer.text().trim()), (200, r#"{"status":"ok"}"#), "{}", answer.head);
    let answer = get("/connz?limit=5", Some(&viewer()));
    let connections: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status, &connections["limit"]), (200, &5.into()), "{}", answer.head);
    assert_eq!(answer.header("access-control-allow-origin"), None, "{}", answer.head);
    let record = world.record(&answer);
    assert_eq!((&record["decision"], &record["reason"]), (&"permit".into(), &"rule".into()), "{record}");
    assert_eq!((&record["via"], &record["principal"]["subject"]), (&"forward_auth".into(), &"u1".into()), "{record}");
    assert_eq!(record["principal"]["also"], Value::Null, "the certificate is nginx's: {record}");
}

#[test]
fn f04_no_field_of_a_client_gets_past_nginx() {
    let upstream = Upstream::nats();
    let trusted = format!("networks: [{INSIDE}/32], client_cert: {{ dns: proxy.test }}");
    let gateway = setup(Setup::before(&upstream), "nginx", &trusted).start();
    let nginx = Nginx::start(gateway.listeners[0], upstream.address(), &proxy());
    let lines = [
        "X-Original-URI: /varz",
        "X-Original-Method: GET",
        "X_Original_URI: /varz",
        "X-Forwarded-Uri: /varz",
        "X-Original-URI: /varz\r\nX-Original-URI: /varz",
        "Connection: X-Original-URI",
        "Connection: close, X-Original-URI, Authorization",
        "X-Monward-Target: /varz",
        "Host: evil.test",
    ];
    in_parallel(&lines, |line| {
        let answer = nginx.client().request("GET", "/accountz", Some(&viewer()), &format!("{line}\r\n"));
        assert!([400, 403].contains(&answer.status), "{line}: {}", answer.head);
    });
    let two = format!("Authorization: Bearer {}\r\n", viewer());
    assert_ne!(nginx.client().request("GET", "/varz", Some(&viewer()), &two).status, 200, "two credentials");
    upstream.assert_untouched("what nginx refused");
    let more = "X-Forwarded-User: CANARY\r\nCookie: CANARY\r\nX-Original-URI: /accountz\r\nX-Anything: CANARY\r\n";
    assert_eq!(nginx.client().request("GET", "/varz", Some(&viewer()), more).status, 200);
    for framed in ["Content-Length: 6\r\n\r\nCANARY", "Transfer-Encoding: chunked\r\n\r\n6\r\nCANARY\r\n0\r\n\r\n"] {
        let head = request("GET", "/connz?limit=5", Some(&viewer()), "Connection: close\r\n");
        let text = format!("{}{framed}", head.strip_suffix("\r\n").unwrap());
        assert_eq!(nginx.client().exchange(text.as_bytes()).status(), 200, "{framed}");
    }
    let seen = upstream.requests();
    let targets: Vec<&str> = seen.iter().map(Seen::target).collect();
    assert_eq!(targets, ["/varz", "/connz?limit=5", "/connz?limit=5"]);
    for seen in &seen {
        let names: Vec<String> = seen.headers().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["host"], "{}", seen.head);
    }
    assert!(upstream.unread().is_empty(), "a body went upstream");
}

#[test]
fn f04_whoever_asks_monward_past_nginx_gets_nothing() {
    let world = World::new();
    let direct = world.gateway.client();
    let forged = "X-Original-Method: GET\r\nX-Original-URI: /varz\r\nX-Forwarded-For: 127.0.0.1\r\n";
    let others: [(&str, Client); 3] = [
        ("no certificate", direct.clone()),
        ("another certificate", direct.showing(&Authority::shared().client("other.test"), &[b"http/1.1"])),
        ("another address", direct.showing(&proxy(), &[b"http/1.1"]).coming_from(OUTSIDE)),
    ];
    for (name, client) in &others {
        let with_token: Response = client.request("GET", "/-/authorize", Some(&viewer()), forged);
        denial(&with_token, &[404], name);
        assert_eq!(with_token.header("x-monward-target"), None, "{name}");
    }
    denial(&direct.request("GET", "/-/authorize", None, forged), &[401], "nobody");
    // With a certificate that nginx does not have, monward answers nginx as it answers anybody.
    let stranger =
        Nginx::start(world.gateway.listeners[0], world.nats.monitoring, &Authority::shared().client("x.test"));
    let answer = stranger.client().get("/healthz", Some(&viewer()));
    assert_eq!(answer.status, 500, "{}", answer.head);
}
