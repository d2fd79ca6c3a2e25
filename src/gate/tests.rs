use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use governor::clock::FakeRelativeClock;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

mod answers;
mod basic;
mod forward;
mod revoked;
mod routes;

use super::*;
use crate::authn::{Algorithm, IssuerSettings, KeySet, LoadBalancers, Profile, Trusted};
use crate::authz::Policy;
use crate::catalog::Catalogs;
use crate::quota::Limiter;

mod identity;

const NOW: u64 = 1_800_000_000;

const POLICY: &str = "\
version: 1
catalog: nats
roles:
  scraper:
    - token: { issuer: corp, claims: { groups: [prometheus] } }
  operator:
    - token: { issuer: corp, claims: { groups: [operator] } }
rules:
  - id: scrape
    endpoints: [varz, connz]
    allow: [scraper]
    args: { connz: { limit: { max: 256 } } }
    limit: { rate: 6/min, burst: 2 }
    redact: standard
  - id: accounts
    endpoints: [accountz]
    allow: [operator]
    args: { acc: allow }
    redact: no-credentials
";

/// A gate with one issuer, one key and a clock that stands still.
struct Bench {
    key: Ed25519KeyPair,
    verifier: Verifier,
    keys: Vec<Option<LiveKeys>>,
    clock: FakeRelativeClock,
    routes: Routes<FakeRelativeClock>,
    basic: bool,
    static_keys: Option<usize>,
    revoked: Revocations,
}

/// The usual issuer of bearer tokens.
fn corp() -> IssuerSettings {
    IssuerSettings {
        name: "corp".to_owned(),
        issuer: "https://idp.test".to_owned(),
        audiences: vec!["us".to_owned()],
        algorithms: vec![Algorithm::EdDsa],
        profile: Profile::Jwt,
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_hours(24),
        trusted: Trusted::default(),
        load_balancers: LoadBalancers::default(),
    }
}

impl Bench {
    fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        let jwk = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": BASE64.encode(key.public_key())}]});
        let (set, _) = KeySet::parse(jwk.to_string().as_bytes(), &[Algorithm::EdDsa]).unwrap();
        let live = LiveKeys { set: Arc::new(set), stale_at: UnixTime::from_secs(NOW + 3600) };
        let settings = corp();
        let policy = Policy::parse("policy.yaml", POLICY, &Catalogs::builtin()).unwrap();
        let clock = FakeRelativeClock::default();
        let limiter = Arc::new(Limiter::new(policy.limits(), clock.clone()));
        let guard = Arc::new(Guard { upstream: UpstreamId(0), policy, limiter });
        let route = Route { host: None, prefix: String::new(), guard };
        let routes = Routes::new(vec!["mon.test".to_owned()], vec![route]);
        let (verifier, keys) = (Verifier::new(vec![settings], 100), vec![Some(live)]);
        let (basic, static_keys, revoked) = (false, None, Revocations::default());
        Self { key, verifier, keys, clock, routes, basic, static_keys, revoked }
    }

    fn token(&self, group: &str) -> String {
        let claims = json!({
            "iss": "https://idp.test", "aud": "us", "sub": group, "exp": NOW + 300, "iat": NOW, "groups": [group],
        });
        self.sign("k", &claims)
    }

    fn sign(&self, kid: &str, claims: &Value) -> String {
        let header = BASE64.encode(json!({"alg": "EdDSA", "kid": kid}).to_string());
        let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
        format!("{message}.{}", BASE64.encode(self.key.sign(message.as_bytes())))
    }

    fn ask(&self, authorization: &[&str], host: &str, method: &str, target: &str) -> Result<Pass, Box<Refusal>> {
        let values: Vec<&[u8]> = authorization.iter().map(|value| value.as_bytes()).collect();
        let engine = self.engine();
        let request = Request {
            method: method.as_bytes(),
            target: target.as_bytes(),
            body: &[],
            host: host.as_bytes(),
            authorization: &values,
            assertions: &[],
            told: &[],
            way: Way::Direct,
            certificate: None,
            source: IpAddr::from([192, 0, 2, 1]),
            tls: None,
            now: UnixTime::from_secs(NOW),
        };
        match identify(&engine, &request)? {
            Identified::Known(principal) => evaluate(&engine, principal, &request),
            Identified::Asks(inquiry) => panic!("asks {:?}", inquiry.question),
        }
    }

    fn engine(&self) -> Engine<'_, FakeRelativeClock> {
        Engine {
            routes: &self.routes,
            verifier: &self.verifier,
            keys: &self.keys,
            basic: self.basic,
            static_keys: self.static_keys,
            revoked: &self.revoked,
            forward_auth: None,
        }
    }

    fn as_group(&self, group: &str, target: &str) -> Result<Pass, Box<Refusal>> {
        let header = format!("Bearer {}", self.token(group));
        self.ask(&[&header], "mon.test", "GET", target)
    }
}

fn label(result: Result<Pass, Box<Refusal>>) -> (u16, &'static str) {
    result.map_or_else(|refusal| (refusal.denial.status(), refusal.denial.label()), |_| (200, "rule"))
}

#[test]
fn a_known_caller_gets_what_a_rule_allows_in_canonical_spelling() {
    let pass = Bench::new().as_group("prometheus", "//connz?sort=CID&limit=5").unwrap();
    assert_eq!(pass.principal().subject(), "prometheus");
    assert_eq!(pass.rule().as_str(), "scrape");
    assert_eq!(pass.asked().target, "/connz?limit=5");
}

#[test]
fn what_a_rule_bounds_is_bounded_even_when_nothing_was_asked() {
    assert_eq!(Bench::new().as_group("prometheus", "/connz").unwrap().asked().target, "/connz?limit=256");
}

#[test]
fn each_step_refuses_with_its_own_status_and_word() {
    let bench = Bench::new();
    let scraper = format!("Bearer {}", bench.token("prometheus"));
    let scraper = scraper.as_str();
    let stranger = format!("Bearer {}", bench.token("nobody"));
    for (name, authorization, host, method, target, wanted) in [
        ("no credential", vec![], "mon.test", "GET", "/varz", (401, "credential_missing")),
        ("two credentials", vec![scraper, scraper], "mon.test", "GET", "/varz", (400, "credential_several")),
        (
            "a token in the query",
            vec![scraper],
            "mon.test",
            "GET",
            "/varz?access_token=x",
            (400, "credential_in_query"),
        ),
        ("another scheme", vec!["Basic eDp5"], "mon.test", "GET", "/varz", (401, "credential_scheme")),
        ("a wrong host", vec![scraper], "evil.test", "GET", "/varz", (421, "wrong_host")),
        ("an unknown path", vec![scraper], "mon.test", "GET", "/nothing", (404, "unknown_endpoint")),
        ("another method", vec![scraper], "mon.test", "POST", "/varz", (405, "method_not_allowed")),
        ("an unknown argument", vec![scraper], "mon.test", "GET", "/varz?a=1", (400, "unknown_argument")),
        ("somebody without a role", vec![stranger.as_str()], "mon.test", "GET", "/varz", (403, "no_role")),
        ("an endpoint without a rule", vec![scraper], "mon.test", "GET", "/accountz", (403, "no_rule")),
        (
            "an argument that needs a word",
            vec![scraper],
            "mon.test",
            "GET",
            "/connz?auth=1",
            (403, "argument_forbidden"),
        ),
    ] {
        assert_eq!(label(bench.ask(&authorization, host, method, target)), wanted, "{name}");
    }
}

#[test]
fn an_anonymous_caller_learns_nothing_but_401() {
    let bench = Bench::new();
    for (host, method, target) in [
        ("mon.test", "GET", "/varz"),
        ("evil.test", "GET", "/varz"),
        ("mon.test", "DELETE", "/varz"),
        ("mon.test", "GET", "/nothing"),
        ("mon.test", "GET", "/varz?unknown=1"),
        ("mon.test", "GET", "not a target"),
    ] {
        let refusal = bench.ask(&[], host, method, target).unwrap_err();
        assert_eq!(refusal.denial.status(), 401, "{method} {target}");
        assert_eq!(refusal.denial.challenge(), Some("Bearer realm=\"monward\""));
        assert!(refusal.principal.is_none() && refusal.asked.is_none());
    }
}

#[test]
fn c22_case_port_and_trailing_dot_of_the_host_make_no_difference() {
    let bench = Bench::new();
    let header = format!("Bearer {}", bench.token("operator"));
    for (host, wanted) in [
        ("mon.test", 200),
        ("MON.test:8443", 200),
        ("mon.test.", 200),
        ("mon.test.:443", 200),
        ("mon.test.evil", 421),
        ("evilmon.test", 421),
        ("mon.test:x", 421),
        ("", 421),
    ] {
        assert_eq!(label(bench.ask(&[&header], host, "GET", "/accountz")).0, wanted, "{host}");
    }
}

#[test]
fn too_often_is_refused_per_caller_and_endpoint_and_passes_again_in_time() {
    let bench = Bench::new();
    assert_eq!(label(bench.as_group("prometheus", "/varz")).0, 200);
    assert_eq!(label(bench.as_group("prometheus", "/varz")).0, 200);
    let refusal = bench.as_group("prometheus", "/varz").unwrap_err();
    assert_eq!((refusal.denial.status(), refusal.rule.as_ref().map(RuleId::as_str)), (429, Some("scrape")));
    assert_eq!(refusal.asked.as_ref().map(|asked| asked.target.as_str()), Some("/varz"));
    assert_eq!(label(bench.as_group("prometheus", "/connz")).0, 200, "another endpoint has its own share");
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(label(bench.as_group("prometheus", "/varz")).0, 200);
}

#[test]
fn missing_keys_are_503_and_bad_tokens_401_never_the_same() {
    let mut bench = Bench::new();
    let good = format!("Bearer {}", bench.token("prometheus"));
    let claims = json!({"iss": "https://idp.test", "aud": "us", "sub": "x", "exp": NOW + 300, "iat": NOW});
    let unknown_key = format!("Bearer {}", bench.sign("other", &claims));
    assert_eq!(label(bench.ask(&[&unknown_key], "mon.test", "GET", "/varz")), (401, "token_unknown_key"));
    bench.keys = vec![None];
    assert_eq!(label(bench.ask(&[&good], "mon.test", "GET", "/varz")), (503, "keys_missing"));
    assert_eq!(label(bench.ask(&[], "mon.test", "GET", "/varz")).0, 401, "anonymous stays anonymous");
}

#[test]
fn a_denial_names_what_was_known_and_no_more() {
    let bench = Bench::new();
    let refusal = bench.as_group("prometheus", "/accountz?acc=ACME").unwrap_err();
    assert_eq!(
        refusal.principal.as_ref().map(|principal| principal.subject().to_owned()),
        Some("prometheus".to_owned())
    );
    assert_eq!(refusal.asked.map(|asked| asked.target), Some("/accountz?acc=ACME".to_owned()));
    let refusal = bench.as_group("prometheus", "/nothing").unwrap_err();
    assert!(refusal.principal.is_some() && refusal.asked.is_none());
}
