//! A proxy that asks about requests of others: whose word counts, what it means, and what is not promised.

use super::*;
use crate::authn::{Certificate, NameKind, NamePattern};

/// Where the proxy is, and where it is not.
const INSIDE: [u8; 4] = [10, 1, 2, 3];
const OUTSIDE: [u8; 4] = [192, 0, 2, 1];

/// A policy with an endpoint that nothing must be taken out of, one with a bound, and one that is redacted.
const PLAIN: &str = "\
version: 1
catalog: nats
redactions:
  listed: { extends: none, keep: [$.account_statz] }
roles:
  scraper:
    - token: { issuer: corp, claims: { groups: [prometheus] } }
  proxy:
    - client_cert: { dns: proxy.test }
rules:
  - id: plain
    endpoints: [varz, root, healthz]
    allow: [scraper]
    limit: { rate: 1/min, burst: 2 }
    redact: none
  - id: bounded
    endpoints: [connz]
    allow: [scraper]
    args: { connz: { limit: { max: 256 } } }
    redact: none
  - id: redacted
    endpoints: [jsz]
    allow: [scraper]
    redact: standard
  - id: listed
    endpoints: [accstatz]
    allow: [scraper]
    redact: listed
  - id: own
    endpoints: [accountz]
    allow: [proxy]
    redact: none
  - id: tenants
    endpoints: [leafz]
    allow: [scraper]
    tenant: \"{claims.sub}\"
    redact: none
  - id: near
    endpoints: [subsz]
    allow: [scraper]
    when: { source: [0.0.0.0/0, \"::/0\"] }
    redact: none
  - id: encrypted
    endpoints: [gatewayz]
    allow: [scraper]
    when: { tls: \"1.2\" }
    redact: none
  - id: anywhere
    endpoints: [routez]
    allow: [scraper]
    redact: none
  - id: nowhere
    endpoints: [routez]
    deny: any
    when: { source: [203.0.113.0/24] }
";

/// A request to a gate that trusts a proxy.
#[derive(Clone)]
struct Asking<'a> {
    bench: &'a Bench,
    settings: Option<ForwardAuth>,
    group: Option<&'a str>,
    bound: Option<[u8; 32]>,
    method: &'a str,
    target: &'a str,
    host: &'a str,
    told: Vec<(Told, &'a str)>,
    source: [u8; 4],
    certificate: Option<Result<&'a str, CertificateFault>>,
    body: &'a [u8],
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    let policy = Policy::parse("policy.yaml", PLAIN, &Catalogs::builtin()).unwrap();
    let limiter = Arc::new(Limiter::new(policy.limits(), bench.clock.clone()));
    let guard = Arc::new(Guard { upstream: UpstreamId(0), policy, limiter });
    let route = |host: Option<&str>, prefix: &str| Route {
        host: host.map(str::to_owned),
        prefix: prefix.to_owned(),
        guard: Arc::clone(&guard),
    };
    bench.routes = Routes::new(Vec::new(), vec![route(Some("mon.test"), ""), route(Some("mon.test"), "/nats")]);
    bench
}

fn networks(from: Proxy) -> ForwardAuth {
    let trusted = Trusted { networks: vec!["10.0.0.0/8".parse().unwrap()], certificates: Vec::new() };
    ForwardAuth { from, trusted }
}

impl<'a> Asking<'a> {
    /// nginx asks, from where it is trusted, about `GET /varz` of a scraper.
    fn new(bench: &'a Bench) -> Self {
        Self {
            bench,
            settings: Some(networks(Proxy::Nginx)),
            group: Some("prometheus"),
            bound: None,
            method: "GET",
            target: AUTHORIZE,
            host: "mon.test",
            told: vec![(Told::OriginalMethod, "GET"), (Told::OriginalUri, "/varz")],
            source: INSIDE,
            certificate: None,
            body: &[],
        }
    }

    fn about(&self, method: &'a str, target: &'a str) -> Self {
        Self { told: vec![(Told::OriginalMethod, method), (Told::OriginalUri, target)], ..self.clone() }
    }

    fn by(&self, from: Proxy, target: &'a str, told: &[(Told, &'a str)]) -> Self {
        Self { settings: Some(networks(from)), target, told: told.to_vec(), ..self.clone() }
    }

    fn asked(&self) -> Result<(Pass, Way), Box<Refusal>> {
        let mut claims = json!({
            "iss": "https://idp.test", "aud": "us", "sub": "s", "exp": NOW + 300, "iat": NOW,
            "groups": self.group.iter().collect::<Vec<_>>(),
        });
        if let Some(fingerprint) = self.bound {
            claims["cnf"] = json!({ "x5t#S256": BASE64.encode(fingerprint) });
        }
        let header = format!("Bearer {}", self.bench.sign("k", &claims));
        let authorization: Vec<&[u8]> = self.group.iter().map(|_| header.as_bytes()).collect();
        let certificate = self.certificate.map(|shown| {
            let named = |dns: &str| Certificate {
                dns: vec![dns.to_owned()],
                fingerprint: [7; 32],
                serial: "a1b".to_owned(),
                ..Certificate::default()
            };
            shown.map(|dns| Arc::new(Principal::supposed_certificate(named(dns))))
        });
        let told: Vec<(Told, &[u8])> = self.told.iter().map(|(told, value)| (*told, value.as_bytes())).collect();
        let engine = Engine { forward_auth: self.settings.as_ref(), ..self.bench.engine() };
        let request = Request {
            method: self.method.as_bytes(),
            target: self.target.as_bytes(),
            host: self.host.as_bytes(),
            authorization: &authorization,
            assertions: &[],
            told: &told,
            way: Way::Direct,
            certificate: certificate.as_ref(),
            source: IpAddr::from(self.source),
            tls: Some(crate::types::TlsVersion::V13),
            body: self.body,
            now: UnixTime::from_secs(NOW),
        };
        let request = meant(&engine, request);
        match identify(&engine, &request)? {
            Identified::Known(principal) => evaluate(&engine, principal, &request).map(|pass| (pass, request.way)),
            Identified::Asks(inquiry) => panic!("asks {:?}", inquiry.question),
        }
    }

    /// Status and word; `200 forward` where the proxy is told yes.
    fn label(&self) -> (u16, &'static str) {
        match self.asked() {
            Ok((_, Way::Told)) => (200, "forward"),
            Ok(_) => (200, "rule"),
            Err(refusal) => (refusal.denial.status(), refusal.denial.label()),
        }
    }
}

#[test]
fn a_trusted_proxy_learns_what_its_client_may() {
    let bench = bench();
    let nginx = Asking::new(&bench);
    let (pass, way) = nginx.asked().unwrap();
    assert_eq!((pass.asked().target.as_str(), pass.principal().subject(), way), ("/varz", "s", Way::Told));
    for (method, target, wanted) in [
        ("HEAD", "/varz", (200, "forward")),
        ("GET", "/nats/healthz", (200, "forward")),
        ("GET", "/connz?limit=5", (200, "forward")),
        ("GET", "/varz", (429, "rate_limited")),
        ("GET", "/accountz", (403, "no_rule")),
        ("POST", "/varz", (405, "method_not_allowed")),
        ("GET", "/nothing", (404, "unknown_endpoint")),
        ("GET", "/-/authorize", (404, "unknown_endpoint")),
        ("GET", "/varz?x=1", (400, "unknown_argument")),
        ("GET", "/varz?access_token=x", (400, "credential_in_query")),
        ("GET", "", (400, "target_malformed")),
        ("", "/varz", (400, "target_malformed")),
        ("GET", "http://mon.test/varz", (400, "target_malformed")),
    ] {
        assert_eq!(nginx.about(method, target).label(), wanted, "{method} {target}");
    }
    assert_eq!(Asking { host: "evil.test", ..nginx.clone() }.label(), (421, "wrong_host"));
    assert_eq!(Asking { group: None, ..nginx.clone() }.label(), (401, "credential_missing"));
    assert_eq!(Asking { group: Some("nobody"), ..nginx.clone() }.label(), (403, "no_role"));
    // The proxy's own method says nothing.
    assert_eq!(Asking { method: "POST", ..nginx.about("GET", "/connz?limit=6") }.label(), (200, "forward"));
}

#[test]
fn each_kind_of_proxy_has_its_own_name() {
    assert_eq!(Proxy::ALL.map(Proxy::name), ["nginx", "traefik", "envoy"]);
}

#[test]
fn what_only_monward_could_keep_is_refused_to_a_proxy() {
    let bench = bench();
    let nginx = Asking::new(&bench);
    for (why, target, wanted) in [
        ("nobody else takes fields out", "/jsz", (403, "forward_auth_redaction")),
        ("nor all that is not listed", "/accstatz", (403, "forward_auth_redaction")),
        ("nobody else cuts an answer down to a tenant", "/leafz", (403, "forward_auth_redaction")),
        ("nobody else adds arguments", "/connz", (403, "forward_auth_target")),
        ("the proxy's address is not the client's", "/subsz", (403, "conditions")),
        ("nor its TLS", "/gatewayz", (403, "conditions")),
        ("and a deny by address holds in doubt", "/routez", (403, "denied")),
    ] {
        assert_eq!(nginx.about("GET", target).label(), wanted, "{why}");
    }
    let with_body = Asking { body: b"the proxy's own", ..nginx.clone() };
    assert_eq!(with_body.label(), (200, "forward"), "what comes with the question is not the client's");
}

#[test]
fn what_the_upstream_is_asked_with_must_be_what_the_proxy_asks_it_with() {
    const CATALOG: &str = "\
version: 1
catalog: demo
endpoints:
  plain: { path: /plain, body: json, cost: cheap }
  posted: { path: /posted, ask: { method: POST, body: '{}', content_type: application/json }, body: json, cost: cheap }
  signed: { path: /signed, inject: { header: X-Key, secret: key }, body: json, cost: cheap }
";
    const RULES: &str = "\
version: 1
catalog: demo
rules: [{ id: all, endpoints: [plain, posted, signed], allow: any, redact: none }]
";
    let mut catalogs = Catalogs::builtin();
    catalogs.add("demo.yaml", CATALOG).unwrap();
    let mut bench = Bench::new();
    let policy = Policy::parse("policy.yaml", RULES, &catalogs).unwrap();
    let limiter = Arc::new(Limiter::new(policy.limits(), bench.clock.clone()));
    let guard = Arc::new(Guard { upstream: UpstreamId(0), policy, limiter });
    bench.routes = Routes::new(Vec::new(), vec![Route { host: None, prefix: String::new(), guard }]);
    let nginx = Asking::new(&bench);
    for (target, wanted) in [
        ("/plain", (200, "forward")),
        ("/posted", (403, "forward_auth_asking")),
        ("/signed", (403, "forward_auth_asking")),
    ] {
        assert_eq!(nginx.about("GET", target).label(), wanted, "{target}");
    }
}

#[test]
fn f04_from_anybody_else_the_fields_say_nothing() {
    let bench = bench();
    let nginx = Asking::new(&bench);
    let outside = Asking { source: OUTSIDE, ..nginx.clone() };
    assert_eq!(outside.label(), (404, "unknown_endpoint"));
    assert_eq!(Asking { group: None, ..outside.clone() }.label(), (401, "credential_missing"));
    assert_eq!(Asking { settings: None, ..nginx.clone() }.label(), (404, "unknown_endpoint"));
    // Neither elsewhere, by whomever.
    for source in [INSIDE, OUTSIDE] {
        for target in
            ["/accountz", "/-/authorize/", "/-/authorize?", "/-/authorize?x=1", "//-/authorize", "/-/Authorize"]
        {
            let asking = Asking { target, source, ..nginx.clone() };
            assert!([400, 403, 404].contains(&asking.label().0), "{target}: {:?}", asking.label());
        }
        let told =
            [(Told::OriginalUri, "/accountz"), (Told::ForwardedUri, "/accountz"), (Told::ForwardedHost, "evil.test")];
        let asking = Asking { source, target: "/connz", told: told.to_vec(), ..nginx.clone() };
        let (pass, way) = asking.asked().unwrap();
        assert_eq!((pass.asked().target.as_str(), way), ("/connz?limit=256", Way::Direct));
    }
}

#[test]
fn f04_each_field_counts_once_and_only_those_of_the_proxy_that_is_named() {
    use Told::{ForwardedHost, ForwardedMethod, ForwardedUri, OriginalMethod, OriginalUri};
    let bench = bench();
    let asking = Asking::new(&bench);
    let nginx = [(OriginalMethod, "GET"), (OriginalUri, "/connz?limit=5")];
    let traefik = [(ForwardedMethod, "GET"), (ForwardedUri, "/connz?limit=5"), (ForwardedHost, "mon.test")];
    let both = [&nginx[..], &traefik[..]].concat();
    for (name, told) in [("alone", &nginx[..]), ("beside another proxy's", &both[..])] {
        assert_eq!(asking.by(Proxy::Nginx, AUTHORIZE, told).label(), (200, "forward"), "{name}");
    }
    assert_eq!(asking.by(Proxy::Traefik, AUTHORIZE, &both).label(), (200, "forward"));
    for (from, told) in [(Proxy::Nginx, &nginx[..]), (Proxy::Traefik, &traefik[..])] {
        for left_out in 0..told.len() {
            let mut fewer = told.to_vec();
            let one = fewer.remove(left_out);
            assert_eq!(asking.by(from, AUTHORIZE, &fewer).label(), (400, "forward_auth_fields"), "without {one:?}");
            let more = [told, &[one]].concat();
            assert_eq!(asking.by(from, AUTHORIZE, &more).label(), (400, "forward_auth_fields"), "twice {one:?}");
            // Not even that is told to whoever is nobody.
            let anonymous = Asking { group: None, ..asking.by(from, AUTHORIZE, &fewer) };
            assert_eq!(anonymous.label(), (401, "credential_missing"));
        }
    }
    assert_eq!(asking.by(Proxy::Traefik, AUTHORIZE, &nginx).label(), (400, "forward_auth_fields"));
    // Traefik's own host says nothing, and Envoy tells by its request line alone.
    let traefik_at = |host, original| {
        let told = [(ForwardedMethod, "GET"), (ForwardedUri, "/connz?limit=5"), (ForwardedHost, original)];
        Asking { host, ..asking.by(Proxy::Traefik, AUTHORIZE, &told) }.label()
    };
    assert_eq!(traefik_at("monward.internal", "Mon.Test:443"), (200, "forward"));
    assert_eq!(traefik_at("mon.test", "evil.test"), (421, "wrong_host"));
    for (target, told, wanted) in [
        ("/-/authorize/connz?limit=5", &[][..], (200, "forward")),
        ("/-/authorize/connz?limit=5", &[(OriginalUri, "/accountz"), (ForwardedHost, "evil.test")], (200, "forward")),
        ("/-/authorize", &[], (404, "unknown_endpoint")),
        ("/-/authorize?x=1", &[], (404, "unknown_endpoint")),
        ("/-/authorizeconnz", &[], (404, "unknown_endpoint")),
        ("/-/authorize/../connz", &[], (400, "target_malformed")),
        ("/-/authorize/-/authorize/connz", &[], (404, "unknown_endpoint")),
        ("/-/authorize//connz?limit=5", &[], (403, "forward_auth_target")),
    ] {
        assert_eq!(asking.by(Proxy::Envoy, target, told).label(), wanted, "{target}");
    }
    let head = Asking { method: "HEAD", ..asking.by(Proxy::Envoy, "/-/authorize/connz?limit=5", &[]) };
    assert_eq!(head.label(), (200, "forward"));
    let delete = Asking { method: "DELETE", ..head };
    assert_eq!(delete.label(), (405, "method_not_allowed"));
}

#[test]
fn all_that_is_asked_of_a_proxy_must_hold() {
    let bench = bench();
    let pattern = NamePattern::parse(NameKind::Dns, "proxy.test").unwrap();
    let near: Vec<ipnet::IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
    let trusts = |near: &[ipnet::IpNet], named: bool, source, certificate| {
        let certificates = if named { vec![pattern.clone()] } else { Vec::new() };
        let settings =
            Some(ForwardAuth { from: Proxy::Nginx, trusted: Trusted { networks: near.to_vec(), certificates } });
        Asking { settings, source, certificate, ..Asking::new(&bench).about("GET", "/connz?limit=5") }.label()
    };
    let (yes, no) = ((200, "forward"), (404, "unknown_endpoint"));
    let (own, other) = (Some(Ok("proxy.test")), Some(Ok("other.test")));
    for (name, near, named, source, certificate, wanted) in [
        ("in the network", &near[..], false, INSIDE, None, yes),
        ("outside of it", &near, false, OUTSIDE, None, no),
        ("with the name", &[], true, OUTSIDE, own, yes),
        ("with another name", &[], true, OUTSIDE, other, no),
        ("without a certificate", &[], true, INSIDE, None, no),
        ("both", &near, true, INSIDE, own, yes),
        ("the name from elsewhere", &near, true, OUTSIDE, own, no),
        ("the network with another name", &near, true, INSIDE, other, no),
        ("the network without a certificate", &near, true, INSIDE, None, no),
        ("nothing is asked, so nobody is trusted", &[], false, INSIDE, own, no),
    ] {
        assert_eq!(trusts(near, named, source, certificate), wanted, "{name}");
    }
    let bad = Some(Err(CertificateFault::Expired));
    assert_eq!(trusts(&near, false, INSIDE, bad).0, 401, "a bad certificate is never passed over");
    assert_eq!(trusts(&near, true, INSIDE, bad).0, 401);
}

#[test]
fn the_certificate_of_the_proxy_is_not_the_caller_s() {
    let mut bench = bench();
    let own = Asking { certificate: Some(Ok("proxy.test")), ..Asking::new(&bench) };
    let (pass, _) = own.about("GET", "/connz?limit=5").asked().unwrap();
    assert_eq!(pass.principal().proofs().count(), 1);
    // The proxy itself may ask for accountz; whoever stands behind it may not.
    assert_eq!(Asking { target: "/accountz", ..own.clone() }.label(), (200, "rule"));
    assert_eq!(own.about("GET", "/accountz").label(), (403, "no_rule"));
    assert_eq!(Asking { group: None, ..own.about("GET", "/accountz") }.label(), (401, "credential_missing"));
    // Nor does it bind tokens.
    let bound = Asking { bound: Some([7; 32]), ..own.about("GET", "/connz?limit=5") };
    assert_eq!(bound.label(), (401, "token_sender_constrained"));
    assert_eq!(Asking { target: "/connz?limit=5", ..bound }.label(), (200, "rule"), "on its own connection it does");
    bench.revoked = Revocations::parse("revoked.yaml", "version: 1\ncertificates: [{ serial: \"0a:1b\" }]\n").unwrap();
    let revoked = Asking { certificate: Some(Ok("proxy.test")), ..Asking::new(&bench) };
    assert_eq!(revoked.label(), (401, "revoked"), "the word of a revoked proxy counts for nothing");
}

#[test]
fn what_only_monward_could_carry_out_is_not_promised() {
    let bench = bench();
    let nginx = Asking::new(&bench);
    for (target, wanted) in [
        // Redaction.
        ("/jsz", (403, "forward_auth_redaction")),
        // A bound that would be filled in, a default that would be left out, another order, case or spelling.
        ("/connz", (403, "forward_auth_target")),
        ("/connz?limit=256", (200, "forward")),
        ("/connz?limit=5&sort=cid", (403, "forward_auth_target")),
        ("/connz?offset=2&limit=5", (200, "forward")),
        ("/connz?limit=5&offset=2", (403, "forward_auth_target")),
        ("/connz?limit=%35", (403, "forward_auth_target")),
        ("/connz?limit=5&sort=CID", (403, "forward_auth_target")),
        ("/connz?limit=5&auth=0", (403, "forward_auth_target")),
        ("/connz?limit=5&state=OPEN", (403, "forward_auth_target")),
        ("//connz?limit=5", (403, "forward_auth_target")),
        ("/nats//connz?limit=5", (403, "forward_auth_target")),
        ("/nats/connz?limit=5", (200, "forward")),
        ("/healthz?", (403, "forward_auth_target")),
        ("/nats", (403, "forward_auth_target")),
        ("/nats?", (403, "forward_auth_target")),
    ] {
        assert_eq!(nginx.about("GET", target).label(), wanted, "{target}");
    }
    let refusal = nginx.about("GET", "/jsz").asked().unwrap_err();
    assert_eq!((refusal.rule.as_ref().map(RuleId::as_str), refusal.upstream), (Some("redacted"), Some(UpstreamId(0))));
    assert!(refusal.roles.is_some_and(|roles| roles != HeldRoles::default()));
    // What was refused costs nothing.
    for _ in 0..3 {
        assert_eq!(nginx.about("GET", "/healthz?").label(), (403, "forward_auth_target"));
    }
    assert_eq!(nginx.about("GET", "/healthz").label(), (200, "forward"));
    assert_eq!(nginx.about("GET", "/nats/").label(), (200, "forward"));
}

#[test]
fn f04_a_field_has_one_name_in_any_case() {
    for (name, wanted) in [
        ("X-Original-URI", Some(Told::OriginalUri)),
        ("x-original-method", Some(Told::OriginalMethod)),
        ("X-FORWARDED-URI", Some(Told::ForwardedUri)),
        ("x-forwarded-method", Some(Told::ForwardedMethod)),
        ("X-Forwarded-Host", Some(Told::ForwardedHost)),
        ("X_Original_URI", None),
        ("X-Original_URI", None),
        ("X-Original-URL", None),
        ("X-Original-Uri-", None),
        ("X-Auth-Request-Redirect", None),
        ("X-Rewrite-Url", None),
        ("X-Forwarded-Server", None),
        ("", None),
    ] {
        assert_eq!(Told::of_field(name.as_bytes()), wanted, "{name}");
    }
}
