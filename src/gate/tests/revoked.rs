//! Revocation has the last word on whoever is known.

use super::*;
use crate::authn::Certificate;

fn revoking(entries: &str) -> Revocations {
    Revocations::parse("r.yaml", &format!("version: 1\n{entries}\n")).unwrap()
}

#[test]
fn a_remembered_token_loses_at_the_next_request_once_it_is_revoked_and_the_record_says_who() {
    let mut bench = Bench::new();
    let claims = json!({
        "iss": "https://idp.test", "aud": "us", "sub": "prometheus", "exp": NOW + 300, "iat": NOW,
        "groups": ["prometheus"], "jti": "t-1",
    });
    let header = format!("Bearer {}", bench.sign("k", &claims));
    for entries in ["tokens: [{ issuer: corp, jti: t-1 }]", "subjects: [{ issuer: corp, subject: prometheus }]"] {
        bench.revoked = Revocations::default();
        assert_eq!(label(bench.ask(&[&header], "mon.test", "GET", "/varz")), (200, "rule"));
        assert_eq!(bench.verifier.remembered(), 1);
        bench.revoked = revoking(entries);
        let refusal = bench.ask(&[&header], "mon.test", "GET", "/varz").unwrap_err();
        assert_eq!((refusal.denial.status(), refusal.denial.label()), (401, "revoked"), "{entries}");
        assert_eq!(refusal.principal.as_ref().map(|principal| principal.subject()), Some("prometheus"));
        assert!(refusal.asked.is_none() && refusal.rule.is_none());
    }
}

#[test]
fn somebody_else_is_not_struck() {
    let bench = Bench { revoked: revoking("subjects: [{ issuer: corp, subject: operator }]"), ..Bench::new() };
    assert_eq!(label(bench.as_group("prometheus", "/varz")), (200, "rule"));
    assert_eq!(label(bench.as_group("operator", "/accountz")), (401, "revoked"));
}

#[test]
fn it_comes_before_everything_that_a_known_caller_could_learn() {
    let bench = Bench { revoked: revoking("subjects: [{ issuer: corp, subject: prometheus }]"), ..Bench::new() };
    let header = format!("Bearer {}", bench.token("prometheus"));
    for (host, method, target) in [
        ("evil.test", "GET", "/varz"),
        ("mon.test", "DELETE", "/varz"),
        ("mon.test", "GET", "/nothing"),
        ("mon.test", "GET", "/accountz"),
    ] {
        assert_eq!(label(bench.ask(&[&header], host, method, target)), (401, "revoked"), "{host} {method} {target}");
    }
    for _ in 0..9 {
        assert_eq!(label(bench.as_group("prometheus", "/varz")).0, 401, "it costs no budget and is never a 429");
    }
}

#[test]
fn a_good_token_does_not_help_a_revoked_certificate() {
    let bench = Bench { revoked: revoking("certificates: [{ serial: \"0A:1B\" }]"), ..Bench::new() };
    let header = format!("Bearer {}", bench.token("prometheus"));
    let values = [header.as_bytes()];
    let verdict = |serial: &str| {
        let serial = serial.to_owned();
        let shown = Ok(Arc::new(Principal::supposed_certificate(Certificate { serial, ..Certificate::default() })));
        let request = Request {
            method: b"GET",
            target: b"/varz",
            body: &[],
            host: b"mon.test",
            authorization: &values,
            assertions: &[],
            told: &[],
            way: Way::Direct,
            certificate: Some(&shown),
            source: IpAddr::from([192, 0, 2, 1]),
            tls: None,
            now: UnixTime::from_secs(NOW),
        };
        let Ok(Identified::Known(principal)) = identify(&bench.engine(), &request) else { panic!() };
        label(evaluate(&bench.engine(), principal, &request))
    };
    assert_eq!(verdict("a1b"), (401, "revoked"));
    assert_eq!(verdict("a1c"), (200, "rule"));
}
