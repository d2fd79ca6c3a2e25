//! Rules that show a tenant its own part.

use serde_json::json;

use super::{ROLES, ask, faults, permit, policy, principal, whole};
use crate::authn::{ClaimTree, Kept, Principal};
use crate::authz::{Circumstances, Decision, Outcome, Reason, Unknown, explain_as};

const RULE: &str = "rules:
  - { id: own, endpoints: [connz, jsz, accstatz, healthz], allow: [a], tenant: \"{claims.nats_account}\",
      args: { jsz: { streams: allow }, connz: { subs: allow } } }
";

fn of(account: &serde_json::Value) -> Principal {
    principal(&json!({ "groups": ["a"], "nats_account": account }))
}

/// What goes upstream and for which tenant, or the reason why not.
fn answer(rules: &str, who: &Principal, target: &str) -> (String, Option<String>) {
    let policy = policy(rules);
    match ask(&policy, who, target) {
        Decision::Permit(permit) => (policy.catalog().render(permit.resource()), permit.tenant().map(str::to_owned)),
        Decision::Deny(refused) => (refused.reason.label().to_owned(), None),
    }
}

#[test]
fn a_tenant_asks_about_itself_alone_and_is_told_so() {
    let who = of(&json!("ACME"));
    for (target, upstream) in [
        ("/connz", "/connz?auth=1&acc=ACME"),
        ("/connz?acc=ACME", "/connz?auth=1&acc=ACME"),
        ("/connz?subs=detail&limit=7", "/connz?auth=1&subs=detail&limit=7&acc=ACME"),
        ("/jsz?streams=1", "/jsz?acc=ACME&streams=1"),
        ("/accstatz", "/accstatz"),
        ("/healthz", "/healthz?details=1&account=ACME"),
    ] {
        assert_eq!(answer(RULE, &who, target), (upstream.to_owned(), Some("ACME".to_owned())), "{target}");
        let policy = policy(RULE);
        let again = policy.catalog().resolve(b"GET", upstream.as_bytes()).unwrap();
        assert_eq!(permit(&policy, &who, target).resource(), &again, "{target}: each argument once, in order");
    }
    for (target, reason) in [
        ("/connz?acc=GLOBEX", "argument_outside"),
        ("/connz?acc=acme", "argument_outside"),
        ("/healthz?account=GLOBEX", "argument_outside"),
        ("/connz?auth=1", "argument_forbidden"),
        ("/jsz?acc=GLOBEX&streams=1", "argument_outside"),
        ("/varz", "no_rule"),
    ] {
        assert_eq!(answer(RULE, &who, target), (reason.to_owned(), None), "{target}");
    }
}

#[test]
fn a_claim_that_does_not_name_just_one_tenant_opens_nothing() {
    for account in [
        json!(null),
        json!(""),
        json!(5),
        json!(["ACME"]),
        json!({"id": "ACME"}),
        json!("A B"),
        json!("A\u{0}"),
        json!("Ä"),
        json!("A".repeat(257)),
        json!("eyJhbGciOiJub25lIn0.eyJhIjoxfQ.x"),
        json!("http://u:p@h/"),
    ] {
        for target in ["/connz", "/accstatz"] {
            assert_eq!(answer(RULE, &of(&account), target).0, "tenant_unknown", "{account}");
        }
    }
    let nobody = principal(&json!({ "groups": ["a"] }));
    for target in ["/connz", "/accstatz", "/jsz", "/healthz?account=ACME"] {
        assert_eq!(answer(RULE, &nobody, target).0, "tenant_unknown", "{target}");
    }
}

#[test]
fn the_claim_is_that_of_the_proof_which_gives_the_role() {
    let other = Principal::supposed(
        "elsewhere".to_owned(),
        "somebody".to_owned(),
        json!({ "nats_account": "GLOBEX" }).as_object().unwrap().clone(),
    );
    let own = of(&json!("ACME"));
    let nameless = principal(&json!({ "groups": ["a"] }));
    assert_eq!(answer(RULE, &own.and(&other), "/connz").1.as_deref(), Some("ACME"));
    assert_eq!(answer(RULE, &other.and(&own), "/connz").1.as_deref(), Some("ACME"));
    assert_eq!(answer(RULE, &nameless.and(&other), "/connz").0, "tenant_unknown");
}

#[test]
fn where_a_role_rests_on_several_proofs_they_must_name_the_same_tenant() {
    let text = "version: 1
catalog: nats
roles:
  both: [{ all_of: [{ token: { issuer: corp } }, { token: { issuer: door } }] }]
rules: [{ id: own, endpoints: [connz], allow: [both], tenant: \"{claims.account}\", redact: none }]
";
    let tenant = |first: &str, second: &str| {
        let proof = |issuer: &str, account: &str| {
            let claims = if account.is_empty() { json!({}) } else { json!({ "account": account }) };
            Principal::supposed(issuer.to_owned(), "s".to_owned(), claims.as_object().unwrap().clone())
        };
        match ask(&whole(text), &proof("corp", first).and(&proof("door", second)), "/connz") {
            Decision::Permit(permit) => permit.tenant().unwrap().to_owned(),
            Decision::Deny(refused) => refused.reason.label().to_owned(),
        }
    };
    for (first, second, wanted) in [
        ("ACME", "ACME", "ACME"),
        ("ACME", "", "ACME"),
        ("", "ACME", "ACME"),
        ("ACME", "GLOBEX", "tenant_unknown"),
        ("GLOBEX", "ACME", "tenant_unknown"),
        ("", "", "tenant_unknown"),
    ] {
        assert_eq!(tenant(first, second), wanted, "{first} and {second}");
    }
}

#[test]
fn where_only_roles_are_asked_about_the_tenant_is_the_one_that_is_asked_for() {
    let policy = policy(RULE);
    let passed_over = Circumstances { unknown: Unknown::IsPassedOver, ..Circumstances::default() };
    for (target, wanted) in [
        ("/connz?acc=GLOBEX&limit=7", "GLOBEX"),
        ("/connz?limit=7&acc=GLOBEX", "GLOBEX"),
        ("/connz?limit=7", "{claims.nats_account}"),
        ("/accstatz", "{claims.nats_account}"),
    ] {
        let explained = explain_as(&policy, &["a"], "GET", target, &passed_over).unwrap();
        let Outcome::Permitted { tenant, .. } = explained.outcome else { panic!("{target}: {explained}") };
        assert_eq!(tenant.as_deref(), Some(wanted), "{target}");
    }
}

#[test]
fn a_rule_for_all_tenants_is_preferred_by_whoever_has_its_role() {
    let rules = "rules:
  - { id: own, endpoints: [connz], allow: [a, b], tenant: \"{claims.nats_account}\", redact: none }
  - { id: all, endpoints: [connz], allow: [b], redact: standard }
";
    assert_eq!(answer(rules, &of(&json!("ACME")), "/connz").1.as_deref(), Some("ACME"));
    let both = principal(&json!({ "groups": ["b"], "nats_account": "ACME" }));
    assert_eq!(answer(rules, &both, "/connz"), ("/connz".to_owned(), None));
}

#[test]
fn a_tenant_does_not_page_where_the_holes_of_others_would_show() {
    let rules = "rules:
  - { id: own, endpoints: [subsz], allow: [a], tenant: \"{claims.nats_account}\", args: { test: allow, subs: allow } }
";
    for target in ["/subsz", "/subsz?limit=1&offset=3", "/subsz?offset=1", "/subsz?limit=1"] {
        assert_eq!(answer(rules, &of(&json!("ACME")), target).0, "/subsz?subs=1&limit=65536&acc=ACME", "{target}");
    }
}

#[test]
fn a_claim_in_args_binds_as_well_as_tenant_does() {
    let rules = "rules:
  - { id: own, endpoints: [connz, subsz], allow: [a], args: { acc: \"{claims.org.account}\" } }
";
    let who = principal(&json!({ "groups": ["a"], "org": { "account": "ACME" } }));
    assert_eq!(answer(rules, &who, "/connz"), ("/connz?auth=1&acc=ACME".to_owned(), Some("ACME".to_owned())));
    assert_eq!(
        answer(rules, &who, "/subsz"),
        ("/subsz?subs=1&limit=65536&acc=ACME".to_owned(), Some("ACME".to_owned()))
    );
}

#[test]
fn what_is_kept_of_claims_is_enough_to_name_the_tenant() {
    let rules = "rules:
  - { id: own, endpoints: [connz], allow: [a], mode: shadow, tenant: \"{claims.org.account}\" }
";
    let mut kept = Kept::default();
    policy(rules).keep_claims(&mut kept);
    let claims = json!({ "groups": ["a", "z"], "org": { "account": "ACME", "name": "x" }, "more": "y" });
    let tree = ClaimTree::only(claims.as_object().unwrap(), &kept);
    let expected = json!({ "groups": ["a"], "org": { "account": "ACME" } });
    assert_eq!(tree, ClaimTree::of(expected.as_object().unwrap()));
}

#[test]
fn a_rule_that_could_show_all_tenants_is_a_fault() {
    for (rule, message) in [
        ("endpoints: [varz], tenant: \"{claims.a}\"", "nobody can tell whose the parts of the answer of `varz` are"),
        ("endpoints: [connz], tenant: claims.a", "expected a claim of the token, such as"),
        ("endpoints: [connz], tenant: \"{claims.}\"", "expected a claim of the token, such as"),
        ("endpoints: [connz], tenant: \"{claims.{a}}\"", "expected a claim of the token, such as"),
        (
            "endpoints: [connz, accstatz], args: { acc: \"{claims.a}\" }",
            "`accstatz` has no `acc`, so it would show all tenants",
        ),
        ("endpoints: [connz], args: { user: \"{claims.a}\" }", "`user` of `connz` does not take the name of a tenant"),
        ("endpoints: [gatewayz], args: { acc_name: \"{claims.a}\" }", "does not take the name of a tenant"),
        ("endpoints: [connz], tenant: \"{claims.a}\", args: { acc: forbid }", "leave it out of `args`"),
        ("endpoints: [connz], args: { acc: { force: \"{claims.a}\" } }", "a claim binds an argument by itself"),
        ("endpoints: [connz], args: { acc: [\"{claims.a}\"] }", "a claim binds an argument by itself"),
        ("endpoints: [connz], args: { acc: { default: \"{claims.a}\" } }", "a claim binds an argument by itself"),
        (
            "endpoints: [connz], tenant: \"{claims.a}\", args: { acc: \"{claims.b}\" }",
            "either `tenant`, or the claim in `args`",
        ),
    ] {
        let found = faults(&format!("{ROLES}rules:\n  - {{ id: r, allow: [a], {rule} }}\n"));
        assert!(found.iter().any(|fault| fault.contains(message)), "{rule}: {found:?}");
    }
    for rule in ["tenant: \"{claims.a}\"", "args: { acc: \"{claims.a}\" }"] {
        let found = faults(&format!("{ROLES}rules: [{{ id: r, endpoints: [connz], allow: any, {rule} }}]"));
        assert!(found[0].contains("name roles: with `any` the claim would be believed"), "{found:?}");
    }
    let one = faults(&format!(
        "{ROLES}rules: [{{ id: r, endpoints: [varz], allow: [a], args: {{ acc: \"{{claims.a}}\" }} }}]"
    ));
    assert!(one.iter().all(|fault| !fault.contains("all tenants")), "there is but one endpoint: {one:?}");
    let deny = faults(&format!("{ROLES}rules: [{{ id: r, endpoints: [connz], deny: any, tenant: \"{{claims.a}}\" }}]"));
    assert!(deny[0].contains("a `deny` rule takes no `tenant`"), "{deny:?}");
}

#[test]
fn the_reason_names_what_is_missing() {
    let policy = policy(RULE);
    let Decision::Deny(refused) = ask(&policy, &principal(&json!({ "groups": ["a"] })), "/connz") else { panic!() };
    assert_eq!((refused.reason, refused.rule.unwrap().as_str()), (Reason::TenantUnknown, "own"));
}
