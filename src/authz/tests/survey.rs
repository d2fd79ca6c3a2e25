//! What two policies are asked to see how they differ, and what is said of their roles and rules.

use super::{ROLES, policy, whole};
use crate::authz::{Policy, probes};

/// The targets with which two policies are told apart on `endpoint`.
fn asked(old: &Policy, new: &Policy, endpoint: &str) -> Vec<String> {
    probes(old, new, new.catalog().find(endpoint).unwrap())
}

/// Those of them that have `argument`.
fn values(old: &Policy, new: &Policy, argument: &str) -> Vec<String> {
    let sign = format!("{argument}=");
    asked(old, new, "connz").iter().filter_map(|target| Some(target.split_once(&sign)?.1.to_owned())).collect()
}

fn of(args: &str) -> Policy {
    policy(&format!("rules: [{{ id: r, endpoints: [connz], allow: any, args: {{ {args} }} }}]"))
}

#[test]
fn without_rules_each_argument_is_asked_at_the_values_that_the_catalogue_knows() {
    let nothing = policy("rules: []\n");
    let all = asked(&nothing, &nothing, "connz");
    assert_eq!(all.first().map(String::as_str), Some("/connz"));
    assert_eq!(values(&nothing, &nothing, "auth"), ["1"], "its default is no question");
    assert_eq!(values(&nothing, &nothing, "subs"), ["1", "detail"]);
    assert_eq!(values(&nothing, &nothing, "state"), ["all", "closed"]);
    assert_eq!(values(&nothing, &nothing, "acc"), ["x"]);
    let limits = values(&nothing, &nothing, "limit");
    let [least, most] = limits.as_slice() else { panic!("{limits:?}") };
    assert!(least.parse::<i64>().unwrap() < most.parse::<i64>().unwrap());
}

#[test]
fn values_at_which_a_rule_of_either_changes_its_mind_are_asked() {
    let nothing = policy("rules: []\n");
    let extra = |args: &str, argument: &str| {
        let plain = values(&nothing, &nothing, argument);
        let (old, new) = (values(&of(args), &nothing, argument), values(&nothing, &of(args), argument));
        assert_eq!(old, new, "{args}: either policy counts");
        old.into_iter().filter(|value| !plain.contains(value)).collect::<Vec<_>>()
    };
    assert_eq!(extra("limit: { min: 5, max: 9 }", "limit"), ["4", "5", "9", "10"]);
    assert_eq!(extra("limit: { max: 100, outside: clamp }", "limit"), ["100", "101"]);
    assert_eq!(extra("limit: { force: 77 }", "limit"), ["77"]);
    assert_eq!(extra("limit: [3, 4]", "limit"), ["3", "4"]);
    assert_eq!(extra("limit: allow", "limit"), Vec::<String>::new());
    assert_eq!(extra("acc: [ACME]", "acc"), ["ACME"]);
    assert_eq!(extra("auth: forbid", "auth"), Vec::<String>::new());
    let shadow = policy("rules: [{ id: r, endpoints: [connz], allow: any, mode: shadow, args: { limit: [3] } }]");
    assert!(values(&shadow, &nothing, "limit").contains(&"3".to_owned()), "what is in shadow may be meant");
}

#[test]
fn a_value_beside_a_bound_is_asked_only_where_the_catalogue_takes_it() {
    let nothing = policy("rules: []\n");
    let limits = values(&nothing, &nothing, "limit");
    let [least, _] = limits.as_slice() else { panic!("{limits:?}") };
    let bounded = of(&format!("limit: {{ min: {least}, max: 9 }}"));
    assert_eq!(values(&bounded, &nothing, "limit").first(), Some(least), "and nothing below it");
}

#[test]
fn the_names_of_roles_come_in_the_order_of_the_file() {
    assert_eq!(policy("rules: []\n").all_roles().collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn rules_that_apply_otherwise_are_named_with_what_is_other() {
    let rule = |more: &str| policy(&format!("rules: [{{ id: r, endpoints: [varz], allow: any{more} }}]"));
    let (enforced, shadow, timed) = (rule(""), rule(", mode: shadow"), rule(", when: { tls: \"1.3\" }"));
    for (old, new, wanted) in [
        (&enforced, &enforced, None),
        (&shadow, &shadow, None),
        (&timed, &timed, None),
        (&enforced, &shadow, Some("in shadow, was enforced")),
        (&shadow, &enforced, Some("enforced, was in shadow")),
        (&enforced, &timed, Some("has other conditions")),
        (&timed, &enforced, Some("has other conditions")),
    ] {
        let wanted: Vec<_> = wanted.map(|what| ("r", what)).into_iter().collect();
        assert_eq!(old.rules_otherwise(new), wanted);
    }
    let other = policy("rules: [{ id: s, endpoints: [varz], allow: any, mode: shadow }]");
    assert_eq!(enforced.rules_otherwise(&other), [], "a rule of another name is another rule");
}

#[test]
fn a_rule_with_other_tenants_is_named_where_both_open_the_endpoint() {
    let rule = |endpoints: &str, more: &str| {
        policy(&format!("rules: [{{ id: r, endpoints: [{endpoints}], allow: [a], redact: none{more} }}]"))
    };
    let own = |claim: &str| format!(", tenant: \"{{claims.{claim}}}\"");
    let (all, one, two) = (rule("connz", ""), rule("connz", &own("one")), rule("connz", &own("two")));
    let (more, elsewhere) = (rule("connz, jsz", &own("one")), rule("jsz", &own("two")));
    for (old, new, is_other) in [
        (&one, &one, false),
        (&all, &one, true),
        (&one, &all, true),
        (&one, &two, true),
        (&one, &more, false),
        (&more, &two, true),
        (&one, &elsewhere, false),
    ] {
        let wanted: Vec<_> = is_other.then_some(("r", "has other tenants")).into_iter().collect();
        assert_eq!(old.rules_otherwise(new), wanted);
    }
}

#[test]
fn the_ways_to_have_a_role_are_the_same_words_in_whatever_order_they_are_written() {
    let ways = |role: &str| whole(&format!("version: 1\ncatalog: nats\nroles: {{ a: {role} }}\n")).ways("a");
    for (role, wanted) in [
        ("[]", &[][..]),
        ("[{ token: { issuer: corp } }]", &["token of \"corp\""]),
        (
            "[{ token: { issuer: corp, subject: [t, s], claims: { groups: [y, x], tier: gold, scope: [r] } } }]",
            &["token of \"corp\", subject \"s\" or \"t\", claim \"groups\" (list) \"x\" or \"y\", \
               claim \"scope\" (words) \"r\", claim \"tier\" (text) \"gold\""],
        ),
        (
            "[{ service_account: { issuer: k, namespace: [n, m] } }]",
            &["token of \"k\", subject system:serviceaccount: of namespace \"m\" or \"n\""],
        ),
        (
            "[{ all_of: [{ token: { issuer: corp } }, { client_cert: { dns: [b.test, a.test] } }] }]",
            &["client certificate with dns a.test or dns b.test and token of \"corp\""],
        ),
        (
            "[{ token: { issuer: z } }, { token: { issuer: a } }, { token: { issuer: z } }]",
            &["token of \"a\"", "token of \"z\""],
        ),
    ] {
        assert_eq!(ways(role), wanted, "{role}");
    }
    let own = ["token of \"corp\", claim \"groups\" (list) \"b\""];
    assert_eq!(whole(ROLES).ways("b"), own, "those of other roles are not among them");
    assert_eq!(whole(ROLES).ways("nobody"), Vec::<String>::new());
}
