//! What a decision costs: from a head to a pass, with a token that is remembered. No I/O, one thread.
//!
//! First it counts, which comes out the same on every machine: how often the heap is asked is bounded, and neither that
//! nor the bytes grow with the policy. `cargo test` does no more than this. `make bench-decision` measures as well, and
//! how long it takes to read the policies and to look them over.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench fails by panicking, and prints what it finds"
)]
#![allow(unreachable_pub, reason = "a bench exports nothing")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use criterion::{BenchmarkId, Criterion};
use governor::clock::FakeRelativeClock;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::json;

use monward::authn::{
    Algorithm, IssuerSettings, KeySet, LiveKeys, LoadBalancers, Profile, Revocations, Trusted, Verifier,
};
use monward::authz::Policy;
use monward::catalog::Catalogs;
use monward::gate::{
    Engine, Guard, Identified, Pass, Refusal, Request, Route, Routes, UpstreamId, Way, evaluate, identify,
};
use monward::quota::Limiter;
use monward::types::UnixTime;

mod allocations;

#[global_allocator]
static HEAP: allocations::Counting = allocations::Counting;

const NOW: u64 = 1_800_000_000;
/// Numbers of rules; there are ten times as many roles.
const RULES: [usize; 3] = [10, 100, 1_000];
const ENDPOINTS: [&str; 10] =
    ["connz", "varz", "jsz", "subsz", "routez", "leafz", "gatewayz", "accountz", "accstatz", "healthz"];

/// A gate with one issuer whose token is remembered.
struct Bench {
    authorization: String,
    verifier: Verifier,
    keys: Vec<Option<LiveKeys>>,
    routes: Routes<FakeRelativeClock>,
    revoked: Revocations,
}

/// A policy with a rule for each of ten roles and one endpoint; the first one is for `connz`.
fn text(rules: usize) -> String {
    let mut text = "version: 1\ncatalog: nats\nroles:\n".to_owned();
    for role in 0..10 * rules {
        writeln!(text, "  r{role}: [{{ token: {{ issuer: corp, claims: {{ groups: [g{role}] }} }} }}]").unwrap();
    }
    text.push_str("rules:\n");
    for rule in 0..rules {
        let allowed: Vec<String> = (0..10).map(|tenth| format!("r{}", tenth * rules + rule)).collect();
        let endpoint = ENDPOINTS[rule % ENDPOINTS.len()];
        let args = if endpoint == "connz" { "limit: { max: 256 }, state: [open, closed]" } else { "" };
        let head = format!("id: x{rule}, endpoints: [{endpoint}], allow: [{}]", allowed.join(", "));
        // Nobody comes up to this limit here, but it is looked up and counted.
        let limit = "limit: { rate: 1000000/s, burst: 1000000 }";
        let redact = if endpoint == "gatewayz" { "no-credentials" } else { "standard" };
        writeln!(text, "  - {{ {head}, args: {{ {args} }}, {limit}, redact: {redact} }}").unwrap();
    }
    text
}

fn policy(text: &str) -> Policy {
    Policy::parse("policy.yaml", text, &Catalogs::builtin()).unwrap_or_else(|faults| panic!("{:?}", faults.first()))
}

impl Bench {
    fn new(rules: usize) -> Self {
        let key = Ed25519KeyPair::from_pkcs8(Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref());
        let key = key.unwrap();
        let jwk = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": BASE64.encode(key.public_key())}]});
        let (set, _) = KeySet::parse(jwk.to_string().as_bytes(), &[Algorithm::EdDsa]).unwrap();
        // Of the groups of this caller one gives a role with a rule for `connz`, one a role without.
        let claims = json!({
            "iss": "https://idp.test", "aud": "us", "sub": "prometheus", "exp": NOW + 300, "iat": NOW,
            "groups": ["staff", "g1", "everybody", "g0", "eu-west"],
        });
        let message =
            format!("{}.{}", BASE64.encode(r#"{"alg":"EdDSA","kid":"k"}"#), BASE64.encode(claims.to_string()));
        let authorization = format!("Bearer {message}.{}", BASE64.encode(key.sign(message.as_bytes())));
        let policy = policy(&text(rules));
        let limiter = Arc::new(Limiter::new(policy.limits(), FakeRelativeClock::default()));
        let guard = Arc::new(Guard { upstream: UpstreamId(0), policy, limiter });
        Self {
            authorization,
            verifier: Verifier::new(vec![issuer()], 100),
            keys: vec![Some(LiveKeys { set: Arc::new(set), stale_at: UnixTime::from_secs(NOW + 3600) })],
            routes: Routes::new(vec!["mon.test".to_owned()], vec![Route { host: None, prefix: String::new(), guard }]),
            revoked: Revocations::default(),
        }
    }

    fn ask(&self, target: &str) -> Result<Pass, Box<Refusal>> {
        let engine = Engine {
            routes: &self.routes,
            verifier: &self.verifier,
            keys: &self.keys,
            basic: false,
            forward_auth: None,
            static_keys: None,
            revoked: &self.revoked,
        };
        let request = Request {
            method: b"GET",
            target: target.as_bytes(),
            host: b"mon.test",
            authorization: &[self.authorization.as_bytes()],
            assertions: &[],
            told: &[],
            way: Way::Direct,
            certificate: None,
            source: IpAddr::from([192, 0, 2, 1]),
            tls: None,
            body: &[],
            now: UnixTime::from_secs(NOW),
        };
        match identify(&engine, &request)? {
            Identified::Known(principal) => evaluate(&engine, principal, &request),
            Identified::Asks(inquiry) => panic!("asks {:?}", inquiry.question),
        }
    }

    /// What the heap is asked for one decision, once everything is warm.
    fn allocations(&self, target: &str) -> (usize, usize) {
        self.ask(target).unwrap();
        allocations::count(|| self.ask(target))
    }
}

fn issuer() -> IssuerSettings {
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

/// What is asked.
const TARGETS: [&str; 3] = ["/connz", "/connz?limit=7", "/connz?limit=100&offset=5&state=closed"];
/// The most allocations of one decision about it.
const ALLOCATIONS: usize = 4;

fn counted(benches: &[(usize, Bench)]) {
    for target in TARGETS {
        let found: Vec<_> = benches.iter().map(|(rules, bench)| (*rules, bench.allocations(target))).collect();
        println!("{target}: (rules, (allocations, bytes)) {found:?}");
        let most = found.iter().map(|(_, (calls, _))| *calls).max();
        assert!(most <= Some(ALLOCATIONS), "{target} asks the heap more than {ALLOCATIONS} times: {found:?}");
        // What is looked through must be held somewhere: no list of rules or roles grows with the policy.
        let first = found.first().map(|(_, asked)| *asked);
        assert!(found.iter().all(|(_, asked)| Some(*asked) == first), "{target} grows with the policy: {found:?}");
    }
}

fn main() {
    let benches: Vec<(usize, Bench)> = RULES.iter().map(|rules| (*rules, Bench::new(*rules))).collect();
    counted(&benches);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decision");
    for (rules, bench) in &benches {
        for target in TARGETS {
            group.bench_with_input(BenchmarkId::new(target, rules), target, |run, target| {
                run.iter(|| black_box(bench.ask(black_box(target))));
            });
        }
    }
    group.finish();
    let mut group = criterion.benchmark_group("reading");
    for rules in RULES {
        let text = text(rules);
        group.bench_with_input(BenchmarkId::new("policy", rules), &text, |run, text| run.iter(|| policy(text)));
        let policy = policy(&text);
        group.bench_with_input(BenchmarkId::new("findings", rules), &policy, |run, policy| {
            run.iter(|| policy.findings());
        });
    }
    group.finish();
    criterion.final_summary();
}
