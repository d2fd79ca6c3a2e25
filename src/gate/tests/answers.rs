//! What a pass carries, what goes with a refusal, and what is known besides who asks for what.

use super::*;
use crate::types::TlsVersion;

impl Bench {
    /// A gate with this policy instead of the usual one.
    fn with(rules: &str) -> Self {
        let defined = "roles: { scraper: [{ token: { issuer: corp, claims: { groups: [prometheus] } } }] }";
        let text = format!("version: 1\ncatalog: nats\n{defined}\nrules:\n{rules}");
        let policy = Policy::parse("policy.yaml", &text, &Catalogs::builtin()).unwrap();
        let mut bench = Self::new();
        let limiter = Arc::new(Limiter::new(policy.limits(), bench.clock.clone()));
        let guard = Arc::new(Guard { upstream: UpstreamId(7), policy, limiter });
        bench.routes = Routes::new(Vec::new(), vec![Route { host: None, prefix: String::new(), guard }]);
        bench
    }

    /// A scraper asks for `/varz` at `now`, from `source`, over `tls`.
    fn at(&self, now: u64, source: [u8; 4], tls: Option<TlsVersion>) -> (u16, &'static str) {
        let header = format!("Bearer {}", self.token("prometheus"));
        let request = Request {
            method: b"GET",
            target: b"/varz",
            body: &[],
            host: b"mon.test",
            authorization: &[header.as_bytes()],
            assertions: &[],
            told: &[],
            way: Way::Direct,
            certificate: None,
            source: IpAddr::from(source),
            tls,
            now: UnixTime::from_secs(now),
        };
        let engine = self.engine();
        match identify(&engine, &request).unwrap() {
            Identified::Known(principal) => label(evaluate(&engine, principal, &request)),
            Identified::Asks(inquiry) => panic!("asks {:?}", inquiry.question),
        }
    }
}

#[test]
fn a_pass_carries_what_its_rule_says_and_what_one_in_shadow_would_have() {
    let bench = Bench::with(
        "  - { id: own, endpoints: [connz], allow: [scraper], tenant: \"{claims.sub}\", redact: no-credentials }
  - { id: all, endpoints: [varz], allow: [scraper], redact: none }
  - { id: no, endpoints: [varz], deny: any, mode: shadow }
",
    );
    let pass = bench.as_group("prometheus", "/connz").unwrap();
    assert_eq!((pass.tenant(), pass.rule().as_str(), pass.upstream()), (Some("prometheus"), "own", UpstreamId(7)));
    assert!(pass.would().is_none() && pass.plan().words().len() > 0);
    assert_ne!(pass.roles(), &HeldRoles::default());
    let pass = bench.as_group("prometheus", "/varz").unwrap();
    assert_eq!((pass.tenant(), pass.would().map(|would| would.rule.as_str())), (None, Some("no")));
    assert_eq!(pass.plan().words().len(), 0);
}

#[test]
fn a_refusal_carries_what_one_in_shadow_would_have_said() {
    let bench = Bench::with(
        "  - { id: yes, endpoints: [varz], allow: [scraper], limit: { rate: 1/h } }
  - { id: no, endpoints: [varz], deny: any, mode: shadow }
  - { id: perhaps, endpoints: [jsz], allow: any, mode: shadow }
",
    );
    let told = |refusal: &Refusal| refusal.would.as_ref().map(|would| would.rule.to_string());
    let refusal = bench.as_group("prometheus", "/jsz").unwrap_err();
    assert_eq!((told(&refusal).as_deref(), refusal.upstream), (Some("perhaps"), Some(UpstreamId(7))));
    assert!(refusal.roles.is_some_and(|roles| roles != HeldRoles::default()));
    assert!(bench.as_group("prometheus", "/varz").is_ok());
    let refusal = bench.as_group("prometheus", "/varz").unwrap_err();
    assert_eq!((refusal.denial.label(), told(&refusal).as_deref()), ("rate_limited", Some("no")));
    assert!(refusal.roles.is_some_and(|roles| roles != HeldRoles::default()));
}

#[test]
fn each_refusal_says_how_to_prove_more_where_that_would_help() {
    use crate::catalog::{Malformation, TargetFault};
    let mut bench = Bench::new();
    bench.basic = true;
    let basic = Some("Basic realm=\"monward\", charset=\"UTF-8\"");
    let invalid = Some("Bearer realm=\"monward\", error=\"invalid_token\"");
    for (denial, bearer, basic) in [
        (Denial::Credential(CredentialFault::Missing), Some("Bearer realm=\"monward\""), basic),
        (Denial::Credential(CredentialFault::Malformed), invalid, basic),
        (Denial::Certificate(CertificateFault::Expired), invalid, basic),
        (Denial::Token(TokenFault::Revoked), invalid, basic),
        (
            Denial::Credential(CredentialFault::Several),
            Some("Bearer realm=\"monward\", error=\"invalid_request\""),
            None,
        ),
        (Denial::Policy(Reason::NoRule), Some("Bearer realm=\"monward\", error=\"insufficient_scope\""), None),
        (
            Denial::Forward(ForwardFault::Redaction),
            Some("Bearer realm=\"monward\", error=\"insufficient_scope\""),
            None,
        ),
        (Denial::Forward(ForwardFault::Fields), None, None),
        (Denial::Target(TargetFault::Malformed(Malformation::Form)), None, None),
        (Denial::Target(TargetFault::UnknownEndpoint), None, None),
        (Denial::Token(TokenFault::Attempts), None, None),
        (Denial::Host, None, None),
        (Denial::Path, None, None),
    ] {
        let wanted: Vec<&str> = bearer.into_iter().chain(basic).collect();
        assert_eq!(bench.engine().challenges(&denial).collect::<Vec<_>>(), wanted, "{denial:?}");
        let without = Engine { basic: false, ..bench.engine() };
        assert_eq!(
            without.challenges(&denial).collect::<Vec<_>>(),
            bearer.into_iter().collect::<Vec<_>>(),
            "{denial:?}"
        );
    }
}

#[test]
fn a_rule_may_depend_on_when_from_where_and_over_what_a_request_comes() {
    let rule =
        |when: &str| Bench::with(&format!("  - {{ id: r, endpoints: [varz], allow: any, when: {{ {when} }} }}\n"));
    let (yes, no) = ((200, "rule"), (403, "conditions"));
    let here = [192, 0, 2, 1];
    let until = rule("not_after: 2027-01-15T08:00:00Z");
    assert_eq!((until.at(NOW, here, None), until.at(NOW + 1, here, None)), (yes, no), "when");
    let near = rule("source: [192.0.2.0/24]");
    assert_eq!((near.at(NOW, here, None), near.at(NOW, [192, 0, 3, 1], None)), (yes, no), "from where");
    let all = rule("source: [0.0.0.0/0]");
    assert_eq!((all.at(NOW, here, None), all.at(NOW, [0; 4], None)), (yes, no), "an address that nobody told is none");
    let modern = rule("tls: \"1.3\"");
    let over = |tls| modern.at(NOW, here, tls);
    assert_eq!(over(Some(TlsVersion::V13)), yes);
    assert_eq!((over(Some(TlsVersion::V12)), over(None)), (no, no), "over what");
}
