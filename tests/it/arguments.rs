//! Arguments that a rule forces, clamps, adds or binds: the request line as the upstream saw it, to the letter.

use crate::support::answers::{denial, success};
use crate::support::bench::{Bench, bench_with_policy};
use crate::support::h2client;
use crate::support::tokens::Issuer;
use crate::support::upstream::json;

const POLICY: &str = r#"
version: 1
catalog: nats
roles:
  forced: [{ token: { issuer: corp, claims: { roles: [forced] } } }]
  clamped: [{ token: { issuer: corp, claims: { roles: [clamped] } } }]
  bounded: [{ token: { issuer: corp, claims: { roles: [bounded] } } }]
  default: [{ token: { issuer: corp, claims: { roles: [default] } } }]
  single: [{ token: { issuer: corp, claims: { roles: [single] } } }]
  chosen: [{ token: { issuer: corp, claims: { roles: [chosen] } } }]
  tenant: [{ token: { issuer: corp, claims: { roles: [tenant] } } }]
  bound: [{ token: { issuer: corp, claims: { roles: [bound] } } }]
rules:
  - { id: forced, endpoints: [connz], allow: [forced], args: { limit: { force: 10 }, state: { force: closed }, auth: { force: false } } }
  - { id: usual, endpoints: [subsz], allow: [forced], args: { limit: { force: 1024 } } }
  - { id: clamped, endpoints: [connz], allow: [clamped], args: { limit: { min: 10, max: 100, outside: clamp } } }
  - { id: bounded, endpoints: [connz], allow: [bounded], args: { limit: { min: 10, max: 100 }, offset: { max: 5 } } }
  - { id: default, endpoints: [connz], allow: [default], args: { limit: { default: 50 }, sort: { default: rtt, one_of: [rtt, idle] } } }
  - { id: cid, endpoints: [routez, connz], allow: [single], args: { routez: { subs: { default: detail } }, connz: { cid: { default: 7, max: 9 } } } }
  - { id: chosen, endpoints: [connz], allow: [chosen], args: { state: [closed, all], subs: [detail, 1] } }
  - { id: tenant, endpoints: [connz, jsz, healthz, subsz, accstatz, accountz, raftz, ipqueuesz], allow: [tenant], tenant: "{claims.nats_account}", args: { connz: { limit: { max: 5 }, subs: allow }, jsz: { streams: allow } }, redact: none }
  - { id: bound, endpoints: [connz, subsz], allow: [bound], args: { acc: "{claims.nats_account}", limit: { force: 3 } }, redact: none }
"#;

/// Who asks what: the request line that the upstream saw, or the status.
const ROWS: &[(&str, &str, Result<&str, u16>)] = &[
    ("forced", "/connz", Ok("GET /connz?limit=10&state=closed HTTP/1.1")),
    ("forced", "/connz?limit=99&state=open", Ok("GET /connz?limit=10&state=closed HTTP/1.1")),
    ("forced", "/connz?state=any&limit=10", Ok("GET /connz?limit=10&state=closed HTTP/1.1")),
    ("forced", "/connz?auth=1", Ok("GET /connz?limit=10&state=closed HTTP/1.1")),
    ("forced", "/connz?offset=3&sort=RTT", Err(403)),
    ("forced", "/connz?offset=3", Ok("GET /connz?offset=3&limit=10&state=closed HTTP/1.1")),
    ("forced", "/connz?limit=0", Err(400)),
    ("forced", "/subsz?limit=7", Ok("GET /subsz HTTP/1.1")),
    ("forced", "/subscriptionsz", Ok("GET /subsz HTTP/1.1")),
    ("clamped", "/connz", Ok("GET /connz?limit=100 HTTP/1.1")),
    ("clamped", "/connz?limit=1024", Ok("GET /connz?limit=100 HTTP/1.1")),
    ("clamped", "/connz?limit=65536", Ok("GET /connz?limit=100 HTTP/1.1")),
    ("clamped", "/connz?limit=65537", Err(400)),
    ("clamped", "/connz?limit=1", Ok("GET /connz?limit=10 HTTP/1.1")),
    ("clamped", "/connz?limit=10", Ok("GET /connz?limit=10 HTTP/1.1")),
    ("clamped", "/connz?limit=55", Ok("GET /connz?limit=55 HTTP/1.1")),
    ("clamped", "/connz?limit=", Ok("GET /connz?limit=100 HTTP/1.1")),
    ("bounded", "/connz", Ok("GET /connz?limit=100 HTTP/1.1")),
    ("bounded", "/connz?limit=100&offset=5", Ok("GET /connz?offset=5&limit=100 HTTP/1.1")),
    ("bounded", "/connz?limit=101", Err(403)),
    ("bounded", "/connz?limit=9", Err(403)),
    ("bounded", "/connz?limit=50&offset=6", Err(403)),
    ("default", "/connz", Ok("GET /connz?limit=50&sort=rtt HTTP/1.1")),
    ("default", "/connz?limit=7&sort=idle", Ok("GET /connz?limit=7&sort=idle HTTP/1.1")),
    ("default", "/connz?sort=uptime", Err(403)),
    ("single", "/connz", Ok("GET /connz?cid=7 HTTP/1.1")),
    ("single", "/connz?cid=8", Ok("GET /connz?cid=8 HTTP/1.1")),
    ("single", "/connz?cid=10", Err(403)),
    ("single", "/routez", Ok("GET /routez?subs=detail HTTP/1.1")),
    ("single", "/routez?subs=true", Ok("GET /routez?subs=1 HTTP/1.1")),
    ("chosen", "/connz", Ok("GET /connz?subs=detail&state=closed HTTP/1.1")),
    ("chosen", "/connz?state=ANY&subs=T", Ok("GET /connz?subs=1&state=all HTTP/1.1")),
    ("chosen", "/connz?state=open", Ok("GET /connz?subs=detail&state=closed HTTP/1.1")),
    ("tenant", "/connz", Ok("GET /connz?auth=1&limit=5&acc=ACME HTTP/1.1")),
    ("tenant", "/connz?acc=ACME&subs=detail&limit=2", Ok("GET /connz?auth=1&subs=detail&limit=2&acc=ACME HTTP/1.1")),
    ("tenant", "/connz?auth=0", Ok("GET /connz?auth=1&limit=5&acc=ACME HTTP/1.1")),
    ("tenant", "/connz?auth=1", Err(403)),
    ("tenant", "/connz?acc=GLOBEX", Err(403)),
    ("tenant", "/connz?user=x", Err(403)),
    ("tenant", "/jsz?streams=1", Ok("GET /jsz?acc=ACME&streams=1 HTTP/1.1")),
    ("tenant", "/jsz?acc=GLOBEX", Err(403)),
    ("tenant", "/healthz", Ok("GET /healthz?details=1&account=ACME HTTP/1.1")),
    ("tenant", "/subsz", Ok("GET /subsz?subs=1&limit=65536&acc=ACME HTTP/1.1")),
    ("tenant", "/accstatz", Ok("GET /accstatz HTTP/1.1")),
    ("tenant", "/accountz", Ok("GET /accountz?acc=ACME HTTP/1.1")),
    ("tenant", "/raftz", Ok("GET /raftz?acc=ACME HTTP/1.1")),
    ("tenant", "/ipqueuesz", Ok("GET /ipqueuesz HTTP/1.1")),
    ("bound", "/connz?limit=99", Ok("GET /connz?auth=1&limit=3&acc=ACME HTTP/1.1")),
    ("bound", "/subsz?acc=ACME", Ok("GET /subsz?subs=1&limit=65536&acc=ACME HTTP/1.1")),
    ("bound", "/subsz?acc=acme", Err(403)),
];

fn token(role: &str) -> String {
    let mut claims = Issuer::shared().claims(&[role]);
    claims["nats_account"] = "ACME".into();
    Issuer::shared().key("e1").token(&claims)
}

/// The request line that the upstream saw of what `ask` does, and nothing but it; or none at all.
fn saw(bench: &Bench, ask: impl FnOnce()) -> Option<String> {
    let before = bench.upstream.requests().len();
    ask();
    let seen = bench.upstream.requests().split_off(before);
    assert!(seen.len() <= 1 && bench.upstream.unread().is_empty(), "{seen:?}");
    seen.first().map(|seen| {
        assert!(seen.body.is_empty(), "{seen:?}");
        seen.line().to_owned()
    })
}

#[test]
fn the_upstream_sees_what_the_rule_makes_of_a_request() {
    let bench = bench_with_policy(POLICY);
    bench.upstream.script(|_| json("{}"));
    for (role, target, wanted) in ROWS {
        let token = token(role);
        for method in ["GET", "HEAD"] {
            let what = format!("{role} {method} {target}");
            let answered = |status: u16| assert_eq!(Ok(status), wanted.map(|_| 200).or_else(Ok::<_, u16>), "{what}");
            let over_h1 = saw(&bench, || answered(bench.client.request(method, target, Some(&token), "").status));
            let over_h2 = saw(&bench, || {
                answered(h2client::request(&bench.client, method, target, Some(&token), &[]).unwrap().status);
            });
            let wanted = wanted.ok().map(str::to_owned);
            assert_eq!((&over_h1, &over_h2), (&wanted, &wanted), "{what}");
        }
    }
}

#[test]
fn the_record_of_a_request_shows_what_went_upstream() {
    let bench = bench_with_policy(POLICY);
    for (role, target, request) in [
        ("forced", "/connz?limit=99", "/connz?limit=10&state=closed"),
        ("clamped", "/connz?limit=999", "/connz?limit=100"),
        ("tenant", "/connz", "/connz?auth=1&limit=5&acc=ACME"),
    ] {
        for answer in bench.caller().bearer(&token(role)).ask(target) {
            success(&answer, target);
            assert_eq!(bench.record_of(&answer)["request"], request, "{role} {target}");
        }
    }
    for answer in bench.caller().bearer(&token("bounded")).ask("/connz?limit=101") {
        denial(&answer, &[403], "a bound");
        let record = bench.record_of(&answer);
        let words = ["request", "rule", "reason"].map(|key| record[key].as_str().unwrap());
        assert_eq!(words, ["/connz?limit=101", "bounded", "argument_outside"], "{record}");
    }
}
