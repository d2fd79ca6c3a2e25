//! Several upstreams behind one listener: by host, by prefix, below base paths. Nobody gets to another one by how they
//! spell it.

use serde_json::Value;

use crate::support::answers::{denial, success};
use crate::support::client::Client;
use crate::support::gateway::{Gateway, POLICY, Setup};
use crate::support::h2client;
use crate::support::http::Response;
use crate::support::nats::{Build, Nats};
use crate::support::pki::SERVER;
use crate::support::tokens::Issuer;
use crate::support::upstream::{Upstream, json};
use crate::support::{eventually, in_parallel};

/// The policy of the second upstream: only auditors, and only `healthz`.
const EDGE: &str = "
version: 1
catalog: nats
roles:
  auditor:
    - token: { issuer: corp, claims: { roles: [auditor] } }
rules:
  - id: health
    endpoints: [healthz]
    allow: [auditor]
    limit: { rate: 1/h, burst: 3 }
";

/// `setup` with these routes instead of its upstream, and with a second upstream.
fn routed(mut setup: Setup, edge: &str, routes: &str) -> Setup {
    let text = setup.text().replacen("    upstream: nats\n", routes, 1);
    let edge = format!("upstreams:\n  edge: {{ url: '{edge}', policy: edge.yaml }}\n");
    setup.config = Some(text.replacen("upstreams:\n", &edge, 1));
    setup.file("edge.yaml", EDGE)
}

/// Two fake servers behind one gateway.
struct World {
    nats: Upstream,
    edge: Upstream,
    gateway: Gateway,
}

const BY_PREFIX: &str = "    routes:
      - { prefix: /nats, upstream: nats }
      - { prefix: /edge/one, upstream: edge }
      - { host: edge.test, upstream: edge }
";

impl World {
    fn new(routes: &str) -> Self {
        let (nats, edge) = (Upstream::nats(), Upstream::nats());
        let setup = routed(Setup::before(&nats), &format!("http://{}", edge.address()), routes);
        Self { gateway: setup.start(), nats, edge }
    }

    /// The answers to `GET target` at `host`, over HTTP/1.1 and HTTP/2.
    fn ask(&self, host: &str, target: &str, role: Option<&str>) -> Vec<Response> {
        let token = role.map(|role| Issuer::shared().token(role));
        let client = self.gateway.client();
        let authorization = token.map(|token| format!("Bearer {token}"));
        let line = authorization.as_ref().map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        let text = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{line}Connection: close\r\n\r\n");
        let mut answers = vec![client.exchange(text.as_bytes()).only().clone()];
        // The tests' HTTP/2 client asks for one host, and what is no target it cannot send.
        let plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if host == SERVER && plain {
            let fields: Vec<(&str, &str)> =
                authorization.iter().map(|value| ("authorization", value.as_str())).collect();
            answers.push(h2client::request(&client, "GET", target, None, &fields).unwrap());
        }
        answers
    }

    fn record(&self, answer: &Response) -> Value {
        let id = answer.header("x-request-id").unwrap();
        eventually("the record", || self.gateway.audit(1).into_iter().find(|record| record["request_id"] == id))
    }

    fn permitted(&self, host: &str, target: &str, role: &str, (upstream, sent): (&str, &str)) {
        let (asked, other) = if upstream == "nats" { (&self.nats, &self.edge) } else { (&self.edge, &self.nats) };
        let others = other.requests().len();
        for answer in self.ask(host, target, Some(role)) {
            success(&answer, target);
            assert_eq!(asked.requests().last().unwrap().target(), sent, "{host} {target}");
            assert_eq!(self.record(&answer)["upstream"], upstream, "{host} {target}");
        }
        assert_eq!(other.requests().len(), others, "{host} {target}: the other upstream");
    }

    fn refused(&self, host: &str, target: &str, role: Option<&str>, (status, reason): (u16, &str)) {
        let seen = || [&self.nats, &self.edge].map(|one| (one.requests().len(), one.unread().len()));
        let before = seen();
        for answer in self.ask(host, target, role) {
            denial(&answer, &[status], target);
            assert_eq!(self.record(&answer)["reason"], reason, "{host} {target}");
        }
        assert_eq!(seen(), before, "{host} {target}: what the upstreams saw");
    }
}

#[test]
fn c16_the_decision_falls_on_the_path_behind_the_prefix() {
    let world = World::new(BY_PREFIX);
    for (target, sent) in [
        ("/nats/varz", "/varz"),
        ("/nats//varz", "/varz"),
        ("/nats/varz?", "/varz"),
        ("/nats/connz?limit=10&offset=5", "/connz?offset=5&limit=10"),
    ] {
        world.permitted(SERVER, target, "viewer", ("nats", sent));
    }
    world.permitted(SERVER, "/edge/one/healthz", "auditor", ("edge", "/healthz"));
    world.refused(SERVER, "/nats", Some("viewer"), (403, "no_rule"));
    world.refused(SERVER, "/nats/", Some("viewer"), (403, "no_rule"));
    world.refused(SERVER, "/nats?x=1", Some("viewer"), (400, "unknown_argument"));
    world.refused(SERVER, "/nats/connz?auth=1", Some("viewer"), (403, "argument_forbidden"));
    // A record of what was refused names the upstream that it would have gone to.
    let answer = &world.ask(SERVER, "/edge/one/varz", Some("auditor"))[0];
    assert_eq!(world.record(answer)["upstream"], "edge");
    let answer = &world.ask(SERVER, "/elsewhere", Some("auditor"))[0];
    assert_eq!(world.record(answer)["upstream"], Value::Null);
    assert!(world.gateway.metric("monward_requests_total", &["upstream=\"-\"", "reason=\"unknown_path\""]) > 0.5);
    assert!(world.gateway.metric("monward_requests_total", &["upstream=\"edge\"", "decision=\"permit\""]) > 0.5);
}

#[test]
fn c16_no_spelling_of_a_prefix_leads_anywhere_else() {
    let world = World::new(BY_PREFIX);
    let (path, shape, endpoint) = ((404, "unknown_path"), (400, "target_malformed"), (404, "unknown_endpoint"));
    let targets = [
        ("/natsvarz", path),
        ("/NATS/varz", path),
        ("/Nats/varz", path),
        ("/nats%2fvarz", path),
        ("/nats%2Fvarz", path),
        ("/n%61ts/varz", path),
        ("/nats;x/varz", path),
        ("/nats\\varz", path),
        ("//nats/varz", path),
        ("/./nats/varz", path),
        ("/edge/../nats/varz", path),
        ("/edge/varz", path),
        ("/edge//one/healthz", path),
        ("/edge/onehealthz", path),
        ("/varz", path),
        ("/healthz", path),
        ("/", path),
        ("/?/nats/varz", path),
        ("/-/authorize", path),
        ("*", path),
        ("http://mon.test/nats/varz", path),
        ("/nats#/varz", path),
        ("/nats/../edge/one/healthz", shape),
        ("/nats/..", shape),
        ("/nats/..%2fedge/one/healthz", shape),
        ("/nats/%2e%2e/edge/one/healthz", shape),
        ("/nats/./varz", shape),
        ("/nats///varz", shape),
        ("/nats/varz#x", shape),
        ("/nats/nats/varz", endpoint),
        ("/nats/edge/one/healthz", endpoint),
        ("/edge/one/nats/varz", endpoint),
        ("/nats/varz/", endpoint),
    ];
    in_parallel(&targets, |(target, _)| {
        for answer in world.ask(SERVER, target, None) {
            denial(&answer, &[401], target);
        }
    });
    for role in ["viewer", "admin", "auditor"] {
        for (target, wanted) in targets {
            world.refused(SERVER, target, Some(role), wanted);
        }
    }
    world.nats.assert_untouched("spellings of prefixes");
    world.edge.assert_untouched("spellings of prefixes");
}

#[test]
fn no_caller_of_one_upstream_reaches_the_other() {
    let world = World::new(BY_PREFIX);
    let sent = |target: &str| target.strip_prefix("/nats").unwrap().to_owned();
    for target in ["/nats/varz", "/nats/healthz"] {
        world.permitted(SERVER, target, "viewer", ("nats", &sent(target)));
        world.refused(SERVER, target, Some("auditor"), (403, "no_role"));
    }
    for (host, target) in [(SERVER, "/edge/one/healthz"), ("edge.test", "/healthz")] {
        world.permitted(host, target, "auditor", ("edge", "/healthz"));
        world.refused(host, target, Some("viewer"), (403, "no_role"));
        world.refused(host, target, Some("admin"), (403, "no_role"));
    }
    for target in ["/edge/one/varz", "/edge/one/accountz", "/edge/one/connz"] {
        world.refused(SERVER, target, Some("auditor"), (403, "no_rule"));
        world.refused(SERVER, target, Some("admin"), (403, "no_role"));
    }
}

#[test]
fn c22_a_host_leads_to_its_own_upstream_however_it_is_spelled() {
    let routes = "    routes:
      - { host: mon.test, upstream: nats }
      - { host: edge.test, prefix: /one, upstream: edge }
";
    let world = World::new(routes);
    for host in ["mon.test", "MON.Test", "mon.test.", "mon.test:8443", "Mon.Test.:443"] {
        world.permitted(host, "/varz", "viewer", ("nats", "/varz"));
    }
    world.permitted("EDGE.test.:8443", "/one/healthz", "auditor", ("edge", "/healthz"));
    world.refused("edge.test", "/healthz", Some("auditor"), (404, "unknown_path"));
    world.refused("edge.test", "/varz", Some("viewer"), (404, "unknown_path"));
    world.refused("mon.test", "/one/healthz", Some("auditor"), (404, "unknown_endpoint"));
    for host in ["other.test", "mon.test.evil", "evilmon.test", "127.0.0.1", "[::1]", "mon.test..", "test"] {
        world.refused(host, "/varz", Some("viewer"), (421, "wrong_host"));
        world.refused(host, "/one/healthz", Some("auditor"), (421, "wrong_host"));
        world.refused(host, "/varz", None, (401, "credential_missing"));
    }
    // Two opinions about the host are none.
    let client: Client = world.gateway.client();
    let token = Issuer::shared().token("viewer");
    for fields in ["Host: mon.test\r\nHost: edge.test\r\n", "Host: mon.test, edge.test\r\n"] {
        let text = format!("GET /varz HTTP/1.1\r\n{fields}Authorization: Bearer {token}\r\n\r\n");
        denial(client.exchange(text.as_bytes()).only(), &[400], fields);
    }
}

#[test]
fn all_ways_to_an_upstream_share_its_budget_and_a_reload_gives_no_fresh_one() {
    let world = World::new(BY_PREFIX);
    world.permitted("edge.test", "/healthz", "auditor", ("edge", "/healthz"));
    world.permitted(SERVER, "/edge/one/healthz", "auditor", ("edge", "/healthz"));
    world.refused(SERVER, "/edge/one/healthz", Some("auditor"), (429, "rate_limited"));
    world.refused("edge.test", "/healthz", Some("auditor"), (429, "rate_limited"));
    // Other routes, another order of upstreams: the same budget.
    let before = std::fs::read_to_string(world.gateway.path("monward.yaml")).unwrap();
    let (start, upstreams) = before.split_once("upstreams:\n").unwrap();
    let (edge, rest) = upstreams.split_once('\n').unwrap();
    let (nats, rest) = rest.split_once('\n').unwrap();
    let after = format!("{}upstreams:\n{nats}\n{edge}\n{rest}", start.replace("/edge/one", "/moved"));
    world.gateway.rewrite("monward.yaml", &after);
    world.gateway.reload("ok");
    world.refused(SERVER, "/moved/healthz", Some("auditor"), (429, "rate_limited"));
    world.refused(SERVER, "/edge/one/healthz", Some("auditor"), (404, "unknown_path"));
    world.permitted(SERVER, "/nats/varz", "viewer", ("nats", "/varz"));
    world.refused(SERVER, "/moved/healthz", Some("viewer"), (403, "no_role"));
    // A fault in a route changes nothing.
    world.gateway.rewrite("monward.yaml", &after.replace("prefix: /moved", "prefix: /moved/"));
    world.gateway.reload("failed");
    world.refused(SERVER, "/moved/healthz", Some("auditor"), (429, "rate_limited"));
}

#[test]
fn two_listeners_before_one_upstream_share_its_budget() {
    let upstream = Upstream::nats();
    let policy =
        POLICY.replace("    redact: standard\n  - id: conn", "    limit: { rate: 1/h, burst: 2 }\n  - id: conn");
    let mut setup = Setup::before(&upstream).policy(&policy);
    let listener =
        "  - address: 127.0.0.1:0\n    certificates:\n      - { certificate: server.pem, key: server.key }\n";
    let second = format!("{listener}    upstream: nats\nadmin:");
    setup.config = Some(setup.text().replacen("admin:", &second, 1));
    let gateway = setup.start();
    let token = Issuer::shared().token("viewer");
    let ask = |listener: usize| gateway.client().at(gateway.listeners[listener]).get("/varz", Some(&token)).status;
    assert_eq!([ask(0), ask(1), ask(0), ask(1)], [200, 200, 429, 429]);
    assert_eq!(upstream.requests().len(), 2);
}

#[test]
fn c16_a_base_path_stands_before_what_was_decided_on() {
    let edge = Upstream::scripted(Box::new(|_| json("{}")));
    let nats = Upstream::scripted(Box::new(|_| json("{}")));
    let policy =
        POLICY.replace("[varz, healthz]", "[varz, healthz, root]").replacen("redact: standard", "redact: none", 1);
    let mut setup = Setup::before(&nats).policy(&policy);
    setup.upstream = format!("http://{}/inner/nats", nats.address());
    let routes = "    routes: [{ prefix: /outer, upstream: nats }]\n";
    let setup = routed(setup, &format!("http://{}", edge.address()), routes);
    let world = World { gateway: setup.start(), nats, edge };
    for (target, sent) in [
        ("/outer/varz", "/inner/nats/varz"),
        ("/outer//varz", "/inner/nats/varz"),
        ("/outer", "/inner/nats"),
        ("/outer/", "/inner/nats"),
        ("/outer/connz?limit=5", "/inner/nats/connz?limit=5"),
    ] {
        world.permitted(SERVER, target, "viewer", ("nats", sent));
    }
    // The record has the catalogue's spelling.
    let answer = &world.ask(SERVER, "/outer//varz", Some("viewer"))[0];
    assert_eq!(world.record(answer)["request"], "/varz");
    for target in ["/inner/nats/varz", "/outer/inner/nats/varz", "/outer/../accountz", "/outer/..%2f..%2faccountz"] {
        let statuses: Vec<u16> = world.ask(SERVER, target, Some("viewer")).iter().map(|answer| answer.status).collect();
        assert!(statuses.iter().all(|status| [400, 404].contains(status)), "{target}: {statuses:?}");
    }
    assert!(world.nats.requests().iter().all(|seen| seen.target().starts_with("/inner/nats")));
}

#[test]
fn a_real_server_below_a_base_path() {
    for build in Build::ALL {
        let nats = Nats::below(build, "/nats");
        let mut setup = Setup::new(nats.monitoring);
        setup.policy =
            POLICY.replace("[varz, healthz]", "[varz, healthz, root]").replacen("redact: standard", "redact: none", 1);
        setup.upstream = format!("http://{}/nats", nats.monitoring);
        let gateway = setup.start();
        let token = Issuer::shared().token("viewer");
        for target in ["/varz", "/healthz", "/connz?limit=5", "/"] {
            success(&gateway.client().get(target, Some(&token)), &format!("{build:?} {target}"));
        }
        let varz: Value = serde_json::from_slice(&gateway.client().get("/varz", Some(&token)).body).unwrap();
        assert_eq!(varz["http_base_path"], "/nats", "{build:?}");
    }
}
