//! What a permit and a refusal carry, and what can be asked of a policy as a whole.

use serde_json::json;

use super::{answer, faults, member, permit, policy, principal, refusal, whole};
use crate::authn::{Certificate, NameKind, Principal};

#[test]
fn permits_and_refusals_name_the_roles_of_whoever_asks() {
    let policy = policy("rules: [{ id: r, endpoints: [varz], allow: [a] }]");
    let named = |roles| policy.role_names(&roles).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(named(permit(&policy, &member(&["c", "z", "a"]), "/varz").roles().clone()), ["a", "c"]);
    assert_eq!(named(refusal(&policy, &member(&["b"]), "/varz").roles), ["b"]);
    assert_eq!(named(refusal(&policy, &member(&[]), "/varz").roles), Vec::<String>::new());
}

#[test]
fn a_permit_rests_on_the_proofs_that_give_the_role_each_once() {
    let text = "version: 1
catalog: nats
roles:
  token: [{ token: { issuer: corp, claims: { groups: [a] } } }]
  both: [{ all_of: [{ token: { issuer: corp } }, { client_cert: { dns: b.test } }] }]
  twice: [{ all_of: [{ token: { issuer: corp } }, { token: { issuer: corp, claims: { groups: [a] } } }] }]
rules:
  - { id: one, endpoints: [varz], allow: [token] }
  - { id: two, endpoints: [connz], allow: [both] }
  - { id: three, endpoints: [jsz], allow: [twice] }
  - { id: four, endpoints: [routez], allow: any }
";
    let mut certificate = Certificate::default();
    certificate.name(NameKind::Dns, "b.test");
    let certificate = Principal::supposed_certificate(certificate);
    let token = principal(&json!({ "groups": ["a"] }));
    let (first, second) = (token.and(&certificate), certificate.and(&token));
    for (who, target, issuers) in [
        (&first, "/varz", &["corp"][..]),
        (&second, "/varz", &["corp"]),
        (&first, "/connz", &["corp", "client_certificate"]),
        (&second, "/connz", &["client_certificate", "corp"]),
        (&first, "/jsz", &["corp"]),
        (&second, "/jsz", &["corp"]),
        (&first, "/routez", &["corp"]),
        (&second, "/routez", &["client_certificate"]),
    ] {
        let holder = permit(&whole(text), who, target).holder();
        let found: Vec<&str> = holder.of(who).map(crate::authn::Proof::issuer).collect();
        assert_eq!(found, issuers, "{target}");
    }
}

#[test]
fn a_permit_costs_what_its_arguments_cost_together() {
    let policy =
        policy("rules: [{ id: r, endpoints: [connz], allow: any, redact: none, args: { subs: allow, auth: allow } }]");
    let cost = |target| permit(&policy, &member(&[]), target).cost().get();
    for (target, wanted) in [("/connz", 1), ("/connz?subs=0", 1), ("/connz?subs=1", 10), ("/connz?subs=1&auth=1", 200)]
    {
        assert_eq!(cost(target), wanted, "{target}");
    }
}

#[test]
fn an_endpoint_is_open_where_some_rule_allows_it_to_somebody() {
    let policy = policy(
        "rules:
  - { id: one, endpoints: [varz], allow: [a] }
  - { id: two, endpoints: [connz], deny: [a] }
  - { id: three, endpoints: [jsz], allow: [a], mode: shadow }
",
    );
    for (endpoint, wanted) in [("varz", true), ("connz", false), ("jsz", true), ("routez", false)] {
        assert_eq!(policy.opens(policy.catalog().find(endpoint).unwrap()), wanted, "{endpoint}");
    }
}

#[test]
fn a_claim_is_compared_with_texts_and_what_looks_like_none_must_be_quoted() {
    let text = |value: &str| {
        format!(
            "version: 1\ncatalog: nats\nroles: {{ a: [{{ token: {{ issuer: i, claims: {{ groups: [{value}] }} }} }}] }}\n"
        )
    };
    for good in ["/team", "_x", "inf", "nan", "infinity", "a1", "1a", "'1'", "'true'", "\"~\"", "Null1", "-x", "1.2.3"]
    {
        assert_eq!(faults(&text(good)), Vec::<String>::new(), "{good}");
    }
    for bad in ["1", "-1", "+1", ".5", "1e3", "1.", "true", "False", "null", "~", ".inf"] {
        assert!(faults(&text(bad))[0].contains("is no text, and only texts match"), "{bad}");
    }
    let policy = whole(&format!("{}rules: [{{ id: r, endpoints: [varz], allow: any }}]\n", text("x")));
    assert_eq!(answer(&policy, &[], "/varz"), "/varz");
}
