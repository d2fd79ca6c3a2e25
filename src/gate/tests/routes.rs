//! Which way a request takes, and that nobody gets to another upstream by how they spell it.

use super::*;

/// What is beside the usual upstream: only the operator may ask it, and only for `healthz`.
const OTHER: &str = "\
version: 1
catalog: nats
roles:
  operator:
    - token: { issuer: corp, claims: { groups: [operator] } }
rules:
  - id: health
    endpoints: [healthz]
    allow: [operator]
    limit: { rate: 1/min, burst: 1 }
";

/// The upstreams of the tests: the usual one is 0, the other one is 1.
fn guards(clock: &FakeRelativeClock) -> [Arc<Guard<FakeRelativeClock>>; 2] {
    let mut upstream = 0;
    [POLICY, OTHER].map(|text| {
        let policy = Policy::parse("policy.yaml", text, &Catalogs::builtin()).unwrap();
        let limiter = Arc::new(Limiter::new(policy.limits(), clock.clone()));
        upstream += 1;
        Arc::new(Guard { upstream: UpstreamId(upstream - 1), policy, limiter })
    })
}

/// Routes of host (empty: any), prefix and upstream.
fn routes(clock: &FakeRelativeClock, hosts: &[&str], all: &[(&str, &str, usize)]) -> Routes<FakeRelativeClock> {
    let guards = guards(clock);
    let route = |(host, prefix, upstream): &(&str, &str, usize)| Route {
        host: (!host.is_empty()).then(|| (*host).to_owned()),
        prefix: (*prefix).to_owned(),
        guard: Arc::clone(&guards[*upstream]),
    };
    Routes::new(hosts.iter().map(|host| (*host).to_owned()).collect(), all.iter().map(route).collect())
}

/// Where it leads and what is left: `0 /varz`, or the label of the denial.
fn way(routes: &Routes<FakeRelativeClock>, host: &str, target: &str) -> String {
    match routes.find(host.as_bytes(), target.as_bytes()) {
        Ok(found) => format!("{} {}", found.guard.upstream.0, String::from_utf8(found.target.into_owned()).unwrap()),
        Err(denial) => format!("{} {}", denial.status(), denial.label()),
    }
}

#[test]
fn the_most_specific_route_wins_in_whatever_order_they_stand() {
    let clock = FakeRelativeClock::default();
    let mut all = [("", "", 0), ("a.test", "", 1), ("a.test", "/x", 0), ("a.test", "/x/y", 1), ("", "/x/y/z", 0)];
    for turn in 0..all.len() {
        all.rotate_left(1);
        let routes = routes(&clock, &[], &all);
        for (host, target, wanted) in [
            ("b.test", "/varz", "0 /varz"),
            ("a.test", "/varz", "1 /varz"),
            ("a.test", "/x/varz", "0 /varz"),
            ("a.test", "/x/y/varz", "1 /varz"),
            // A host beats a longer prefix without one.
            ("a.test", "/x/y/z/varz", "1 /z/varz"),
            ("b.test", "/x/y/z/varz", "0 /varz"),
            ("b.test", "/x/y/varz", "0 /x/y/varz"),
        ] {
            assert_eq!(way(&routes, host, target), wanted, "{host} {target}, turn {turn}");
        }
    }
}

#[test]
fn c16_a_prefix_is_whole_segments_byte_for_byte() {
    let routes = routes(&FakeRelativeClock::default(), &[], &[("", "/nats", 0), ("", "/a/b", 1)]);
    for (target, wanted) in [
        ("/nats/varz", "0 /varz"),
        ("/nats/varz?x=/a/b", "0 /varz?x=/a/b"),
        ("/nats", "0 /"),
        ("/nats/", "0 /"),
        ("/nats?x=1", "0 /?x=1"),
        ("/nats?", "0 /?"),
        ("/nats//varz", "0 //varz"),
        ("/nats///varz", "0 ///varz"),
        ("/nats/nats/varz", "0 /nats/varz"),
        ("/nats/../a/b/varz", "0 /../a/b/varz"),
        ("/nats/a/b", "0 /a/b"),
        ("/a/b/varz", "1 /varz"),
        ("/natsvarz", "404 unknown_path"),
        ("/nats;x=1/varz", "404 unknown_path"),
        ("/nats#/varz", "404 unknown_path"),
        ("/nats%2fvarz", "404 unknown_path"),
        ("/nats%2Fvarz", "404 unknown_path"),
        ("/nats%3fx", "404 unknown_path"),
        ("/n%61ts/varz", "404 unknown_path"),
        ("/NATS/varz", "404 unknown_path"),
        ("//nats/varz", "404 unknown_path"),
        ("/./nats/varz", "404 unknown_path"),
        ("/x/../nats/varz", "404 unknown_path"),
        ("\\nats\\varz", "404 unknown_path"),
        ("/nats\\varz", "404 unknown_path"),
        ("/a", "404 unknown_path"),
        ("/a/", "404 unknown_path"),
        ("/a/bc", "404 unknown_path"),
        ("/a//b/varz", "404 unknown_path"),
        ("/varz", "404 unknown_path"),
        ("/", "404 unknown_path"),
        ("", "404 unknown_path"),
        ("*", "404 unknown_path"),
        ("nats/varz", "404 unknown_path"),
        ("http://mon.test/nats/varz", "404 unknown_path"),
        ("?/nats/varz", "404 unknown_path"),
    ] {
        assert_eq!(way(&routes, "mon.test", target), wanted, "{target}");
    }
}

#[test]
fn c22_a_host_is_compared_without_case_port_and_trailing_dot() {
    let clock = FakeRelativeClock::default();
    let both = routes(&clock, &[], &[("a.test", "", 0), ("b.test", "/b", 1)]);
    let named = routes(&clock, &["a.test", "c.test"], &[("a.test", "", 0), ("", "/b", 1)]);
    for (host, target, with_both, with_named) in [
        ("a.test", "/varz", "0 /varz", "0 /varz"),
        ("A.Test:8443", "/varz", "0 /varz", "0 /varz"),
        ("a.test.", "/varz", "0 /varz", "0 /varz"),
        ("a.test.:443", "/varz", "0 /varz", "0 /varz"),
        ("B.TEST.:1", "/b/varz", "1 /varz", "421 wrong_host"),
        ("b.test", "/varz", "404 unknown_path", "421 wrong_host"),
        ("c.test", "/b/varz", "421 wrong_host", "1 /varz"),
        ("c.test", "/varz", "421 wrong_host", "404 unknown_path"),
        ("evila.test", "/varz", "421 wrong_host", "421 wrong_host"),
        ("a.test.evil", "/varz", "421 wrong_host", "421 wrong_host"),
        ("a.test..", "/varz", "421 wrong_host", "421 wrong_host"),
        ("a.test:x", "/varz", "421 wrong_host", "421 wrong_host"),
        ("", "/varz", "421 wrong_host", "421 wrong_host"),
        ("[::1]", "/varz", "421 wrong_host", "421 wrong_host"),
    ] {
        assert_eq!(
            (way(&both, host, target), way(&named, host, target)),
            (with_both.into(), with_named.into()),
            "{host}"
        );
    }
    assert_eq!(both.find(b"\xffa.test", b"/varz").unwrap_err().status(), 421);
}

/// A bench with the usual upstream below `/one` and the other one below `/two`, and its way for `host` alone.
fn two() -> Bench {
    let mut bench = Bench::new();
    bench.routes = routes(&bench.clock, &[], &[("", "/one", 0), ("", "/two", 1), ("own.test", "/two/own", 1)]);
    bench
}

#[test]
fn c16_each_upstream_is_judged_by_its_own_policy_on_the_path_that_it_gets() {
    let bench = two();
    for (group, target, wanted) in [
        ("prometheus", "/one/varz", (200, "rule")),
        ("prometheus", "/one//varz", (200, "rule")),
        ("prometheus", "/one/healthz", (403, "no_rule")),
        ("prometheus", "/two/varz", (403, "no_role")),
        ("prometheus", "/two/healthz", (403, "no_role")),
        ("prometheus", "/one/two/healthz", (404, "unknown_endpoint")),
        ("prometheus", "/one/../two/healthz", (400, "target_malformed")),
        ("prometheus", "/one/..%2ftwo/healthz", (400, "target_malformed")),
        ("prometheus", "/one", (403, "no_rule")),
        ("prometheus", "/three/varz", (404, "unknown_path")),
        ("operator", "/two/healthz", (200, "rule")),
        ("operator", "/two/varz", (403, "no_rule")),
        ("operator", "/two/../one/accountz", (400, "target_malformed")),
        ("operator", "/one/healthz", (403, "no_rule")),
        ("operator", "/one/accountz", (200, "rule")),
    ] {
        assert_eq!(label(bench.as_group(group, target)), wanted, "{group} {target}");
    }
}

#[test]
fn a_pass_and_a_refusal_say_where_it_goes() {
    let bench = two();
    let pass = bench.as_group("prometheus", "/one//connz?limit=5").unwrap();
    assert_eq!((pass.upstream(), pass.asked().target.as_str()), (UpstreamId(0), "/connz?limit=5"));
    let pass = bench.as_group("operator", "/two/healthz").unwrap();
    assert_eq!((pass.upstream(), pass.asked().target.as_str()), (UpstreamId(1), "/healthz"));
    for (target, upstream) in [
        ("/two/varz", Some(UpstreamId(1))),
        ("/two/nothing", Some(UpstreamId(1))),
        ("/one/varz?x=1", Some(UpstreamId(0))),
        ("/three/varz", None),
    ] {
        let refusal = bench.as_group("operator", target).unwrap_err();
        assert_eq!(refusal.upstream, upstream, "{target}");
        assert!(refusal.principal.is_some(), "{target}");
    }
}

#[test]
fn routes_to_one_upstream_share_one_budget() {
    let bench = two();
    let header = format!("Bearer {}", bench.token("operator"));
    let ask = |host, target| label(bench.ask(&[&header], host, "GET", target)).0;
    assert_eq!(ask("mon.test", "/two/healthz"), 200);
    assert_eq!(ask("own.test", "/two/own/healthz"), 429, "the same upstream by another route");
    assert_eq!(ask("mon.test", "/two/healthz"), 429);
    bench.clock.advance(Duration::from_mins(1));
    assert_eq!(ask("own.test", "/two/own/healthz"), 200);
    assert_eq!(ask("mon.test", "/two/healthz"), 429);
}

#[test]
fn routes_know_where_they_lead_and_how_much_a_client_may_send() {
    let clock = FakeRelativeClock::default();
    let routes = routes(&clock, &[], &[("a.test", "", 1), ("", "", 0), ("", "/x", 1)]);
    assert_eq!(routes.upstreams(), [UpstreamId(0), UpstreamId(1)], "each once, in their order");
    assert_eq!(routes.longest_body(), 0, "nobody takes a body");
    let mut catalogs = Catalogs::builtin();
    let endpoint = "path: /a, methods: [POST], body: json, cost: cheap";
    let asks = "ask: { method: POST, body: '{\"a\":1}', content_type: application/json }";
    catalogs.add("c.yaml", &format!("version: 1\ncatalog: c\nendpoints: {{ a: {{ {endpoint}, {asks} }} }}\n")).unwrap();
    let policy = Policy::parse("p.yaml", "version: 1\ncatalog: c\nroles: {}\nrules: []\n", &catalogs).unwrap();
    let limiter = Arc::new(Limiter::new(policy.limits(), clock.clone()));
    let asking = Arc::new(Guard { upstream: UpstreamId(2), policy, limiter });
    let [usual, _] = guards(&clock);
    let way = |prefix: &str, guard| Route { host: None, prefix: prefix.to_owned(), guard };
    let routes = Routes::new(Vec::new(), vec![way("", usual), way("/c", asking)]);
    assert_eq!(routes.longest_body(), "{\"a\":1}".len());
}

#[test]
fn an_anonymous_caller_learns_nothing_of_routes() {
    let bench = two();
    for host in ["mon.test", "own.test", "evil.test", ""] {
        for target in ["/one/varz", "/one", "/two/own", "/three", "/", "*"] {
            let refusal = bench.ask(&[], host, "GET", target).unwrap_err();
            assert_eq!((refusal.denial.status(), refusal.upstream), (401, None), "{host} {target}");
        }
    }
}
