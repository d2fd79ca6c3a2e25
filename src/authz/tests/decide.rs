//! Who gets what under which rule.

use serde_json::json;

use super::{ROLES, answer, member, permit, policy, principal, refusal, whole};
use crate::authn::{Certificate, NameKind, Principal};
use crate::authz::{Policy, Reason};
use crate::redact::Action;

fn reason(policy: &Policy, groups: &[&str], target: &str) -> (String, Option<String>) {
    let refused = refusal(policy, &member(groups), target);
    (refused.reason.label().to_owned(), refused.rule.map(|rule| rule.to_string()))
}

#[test]
fn a_role_is_had_by_whoever_fits_one_of_its_lines_entirely() {
    let policy = whole(
        "
version: 1
catalog: nats
roles:
  x:
    - token: { issuer: corp, subject: [s1, s2], claims: { groups: [g], realm_access.roles: [r] } }
    - token: { issuer: corp, subject: [s3] }
    - token: { issuer: other }
    - token: { issuer: corp, claims: { scope: [nats.read], tier: gold } }
    - token: { issuer: corp, claims: { scp: [nats.write] } }
    - token: { issuer: corp, claims: { labels: { words: [l1, l2] } } }
    - token: { issuer: corp, claims: { team: { text: [t1, t 2] } } }
rules: [{ id: r, endpoints: [varz], allow: [x] }]
",
    );
    let full = json!({"groups": ["z", "g"], "realm_access": {"roles": ["r"]}});
    for (why, is_in, issuer, subject, claims) in [
        ("everything fits", true, "corp", "s1", full.clone()),
        ("the other subject", true, "corp", "s2", full.clone()),
        ("another subject", false, "corp", "s4", full.clone()),
        ("another issuer", false, "corp2", "s1", full.clone()),
        ("one claim is missing", false, "corp", "s1", json!({"groups": ["g"]})),
        ("the other claim is missing", false, "corp", "s1", json!({"realm_access": {"roles": ["r"]}})),
        ("the subject is enough", true, "corp", "s3", json!({})),
        ("the subject of another issuer", false, "corp2", "s3", json!({})),
        ("the issuer is enough", true, "other", "anybody", json!({})),
        ("words of a scope", true, "corp", "s", json!({"scope": "openid nats.read", "tier": "gold"})),
        ("a scope as a list", false, "corp", "s", json!({"scope": ["nats.read"], "tier": "gold"})),
        ("the other scope", true, "corp", "s", json!({"scp": "nats.write x"})),
        ("a longer word", false, "corp", "s", json!({"scope": "nats.read.all", "tier": "gold"})),
        ("a text in a list", false, "corp", "s", json!({"scope": "nats.read", "tier": ["gold"]})),
        ("one word of a text", false, "corp", "s", json!({"scope": "nats.read", "tier": "gold silver"})),
        ("own words", true, "corp", "s", json!({"labels": "l0 l2"})),
        ("own text", true, "corp", "s", json!({"team": "t 2"})),
        ("a part of own text", false, "corp", "s", json!({"team": "2"})),
        ("nothing", false, "corp", "s", json!({})),
    ] {
        let who = Principal::supposed(issuer.to_owned(), subject.to_owned(), claims.as_object().unwrap().clone());
        let label = match super::ask(&policy, &who, "/varz") {
            crate::authz::Decision::Permit(_) => "permit",
            crate::authz::Decision::Deny(refused) => refused.reason.label(),
        };
        assert_eq!(label, if is_in { "permit" } else { "no_role" }, "{why}");
    }
}

#[test]
fn a_role_is_had_by_certificate_by_service_account_or_by_all_of_several() {
    let policy = whole(
        "
version: 1
catalog: nats
roles:
  scraper: [{ client_cert: { uri: [spiffe://a.test/ns/mon/sa/prom, spiffe://a.test/ns/*/sa/vm], dns: prom.a.test } }]
  pod: [{ service_account: { issuer: cluster, namespace: [mon, ops], name: [prom, vm] } }]
  namespace: [{ service_account: { issuer: cluster, namespace: kube } }]
  both: [{ all_of: [{ token: { issuer: corp, claims: { groups: [a] } } }, { client_cert: { dns: \"*.b.test\" } }] }]
rules: [{ id: r, endpoints: [varz], allow: [scraper, pod, namespace, both] }]
",
    );
    let certificate = |kind: NameKind, name: &str| {
        let mut certificate = Certificate::default();
        certificate.name(kind, name);
        Principal::supposed_certificate(certificate)
    };
    let account = |issuer: &str, subject: &str| {
        Principal::supposed(issuer.to_owned(), format!("system:serviceaccount:{subject}"), serde_json::Map::new())
    };
    let member = member(&["a"]);
    let named = certificate(NameKind::Dns, "x.b.test");
    for (why, is_in, who) in [
        ("an exact URI", true, certificate(NameKind::Uri, "spiffe://a.test/ns/mon/sa/prom")),
        ("a segment", true, certificate(NameKind::Uri, "spiffe://a.test/ns/any/sa/vm")),
        ("two segments", false, certificate(NameKind::Uri, "spiffe://a.test/ns/a/b/sa/vm")),
        ("another trust domain", false, certificate(NameKind::Uri, "spiffe://b.test/ns/mon/sa/prom")),
        ("a DNS name", true, certificate(NameKind::Dns, "PROM.a.test")),
        ("the same as common name", false, certificate(NameKind::CommonName, "prom.a.test")),
        ("the same as e-mail", false, certificate(NameKind::Email, "prom.a.test")),
        ("a pod", true, account("cluster", "ops:vm")),
        ("a pod elsewhere", false, account("cluster", "dev:vm")),
        ("a pod of another name", false, account("cluster", "ops:x")),
        ("a pod of another cluster", false, account("other", "ops:vm")),
        ("anybody of a namespace", true, account("cluster", "kube:anybody")),
        ("a namespace that begins so", false, account("cluster", "kube-x:anybody")),
        ("half of both: the token", false, member.clone()),
        ("half of both: the certificate", false, named.clone()),
        ("both", true, member.and(&named)),
        ("both, the other way round", true, named.and(&member)),
        ("a certificate beside", true, account("cluster", "ops:vm").and(&named)),
    ] {
        let permitted = matches!(super::ask(&policy, &who, "/varz"), crate::authz::Decision::Permit(_));
        assert_eq!(permitted, is_in, "{why}");
    }
}

#[test]
fn k06_a_deny_wins_wherever_it_stands() {
    let allow = "{ id: yes, endpoints: [varz, connz], allow: [a, b] }";
    let any = "{ id: any, endpoints: [varz], allow: any }";
    let deny = "{ id: never, endpoints: [varz], deny: [b] }";
    for rules in [[allow, any, deny], [allow, deny, any], [deny, allow, any], [any, deny, allow]] {
        let policy = policy(&format!("rules: [{}]", rules.join(", ")));
        assert_eq!(reason(&policy, &["b"], "/varz"), ("denied".to_owned(), Some("never".to_owned())), "{rules:?}");
        assert_eq!(reason(&policy, &["a", "b"], "/varz").0, "denied", "another role does not help: {rules:?}");
        assert_eq!(answer(&policy, &["a"], "/varz"), "/varz");
        assert_eq!(answer(&policy, &["b"], "/connz"), "/connz", "another endpoint is not denied");
    }
    let policy = policy("rules: [{ id: y, endpoints: [varz], allow: any }, { id: n, endpoints: [varz], deny: any }]");
    assert_eq!(reason(&policy, &[], "/varz").0, "denied");
}

#[test]
fn of_two_denies_the_first_by_name_is_named() {
    let rules = ["{ id: one, endpoints: [varz], deny: [a] }", "{ id: two, endpoints: [varz], deny: any }"];
    for order in [[0, 1], [1, 0]] {
        let policy = policy(&format!("rules: [{}, {}]", rules[order[0]], rules[order[1]]));
        assert_eq!(reason(&policy, &["a"], "/varz").1.as_deref(), Some("one"));
    }
}

#[test]
fn a_role_had_twice_counts_once_and_so_does_a_rule_for_two_roles() {
    let policy = whole(
        "
version: 1
catalog: nats
roles:
  y: [{ token: { issuer: corp, claims: { groups: [y] } } }]
  x: [{ token: { issuer: corp } }, { token: { issuer: corp, claims: { groups: [x] } } }]
rules: [{ id: r, endpoints: [varz], allow: [x, y] }]
",
    );
    let roles = policy.roles.of(&member(&["x", "y", "x"]));
    let names: Vec<&str> = roles.iter().map(|held| policy.roles.name(held.role)).collect();
    assert_eq!(names, ["y", "x"], "in the order of the file");
    let endpoint = policy.catalog().find("varz").unwrap();
    let offers: Vec<usize> = policy.opening(endpoint).allowing(&roles).map(|offer| offer.rule).collect();
    assert_eq!(offers, [0], "once, although for both roles");
}

#[test]
fn an_argument_goes_upstream_once_and_in_its_place() {
    let args = "{ acc: [A], limit: { max: 9 }, offset: { min: 3 }, state: [closed] }";
    let policy = policy(&format!("rules: [{{ id: r, endpoints: [connz], allow: any, args: {args} }}]"));
    for target in ["/connz", "/connz?limit=5", "/connz?state=closed&limit=9&acc=A", "/connz?offset=3"] {
        let permit = permit(&policy, &member(&[]), target);
        let positions: Vec<usize> = permit.resource().arguments().iter().map(|(position, _)| *position).collect();
        let mut sorted = positions.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((positions.len(), positions), (4, sorted), "{target}");
    }
}

#[test]
fn of_the_rules_that_fit_the_one_that_takes_out_least_decides_in_every_order() {
    let rules = [
        "{ id: one, endpoints: [connz], allow: [a], args: { limit: { max: 10 } }, redact: none }",
        "{ id: two, endpoints: [connz], allow: [b], redact: no-credentials, limit: { rate: 6/min } }",
        "{ id: three, endpoints: [connz], allow: [a], args: { auth: allow }, redact: no-credentials }",
        "{ id: four, endpoints: [connz], allow: any }",
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        let policy = policy(&format!("rules: [{}]", order.map(|at| rules[at]).join(", ")));
        for (groups, target, rule, upstream) in [
            (&["a"][..], "/connz", "one", "/connz?limit=10"),
            (&["b"], "/connz", "two", "/connz"),
            (&["b", "a"], "/connz", "one", "/connz?limit=10"),
            (&["b", "a"], "/connz?limit=11", "three", "/connz?limit=11"),
            (&["b"], "/connz?limit=11", "two", "/connz?limit=11"),
            (&["a"], "/connz?auth=1", "three", "/connz?auth=1"),
            (&["c"], "/connz", "four", "/connz"),
            (&[], "/connz", "four", "/connz"),
        ] {
            let permit = permit(&policy, &member(groups), target);
            assert_eq!(permit.rule().as_str(), rule, "{groups:?} {target} {order:?}");
            assert_eq!(policy.catalog().render(permit.resource()), upstream, "{groups:?} {target}");
            assert_eq!(permit.limit().is_some(), rule == "two", "{groups:?} {target}");
            assert_eq!(permit.plan().words().len() == 0, rule == "one", "{groups:?} {target}");
        }
    }
}

#[test]
fn among_equals_the_higher_rate_decides_then_the_larger_burst_then_the_name() {
    let one = |id: &str, limit: &str| format!("{{ id: {id}, endpoints: [varz], allow: any{limit} }}");
    for (rules, decides) in [
        ([one("a", ", limit: { rate: 6/min }"), one("b", "")], "b"),
        ([one("a", ", limit: { rate: 6/min }"), one("b", ", limit: { rate: 7/min }")], "b"),
        ([one("a", ", limit: { rate: 1/s }"), one("b", ", limit: { rate: 61/min }")], "b"),
        ([one("a", ", limit: { rate: 1/s }"), one("b", ", limit: { rate: 60/min, burst: 2 }")], "b"),
        ([one("b", ", limit: { rate: 1/s }"), one("a", ", limit: { rate: 60/min }")], "a"),
    ] {
        for order in [[0, 1], [1, 0]] {
            let policy = policy(&format!("rules: [{}]", order.map(|at| rules[at].clone()).join(", ")));
            assert_eq!(permit(&policy, &member(&[]), "/varz").rule().as_str(), decides, "{rules:?}");
        }
    }
}

#[test]
fn an_argument_can_be_forced_clamped_and_given_a_default() {
    for (args, target, upstream) in [
        ("{ auth: { force: true } }", "/connz", "/connz?auth=1"),
        ("{ auth: { force: true } }", "/connz?auth=0", "/connz?auth=1"),
        ("{ subs: { force: false } }", "/connz?subs=detail", "/connz"),
        ("{ limit: { force: 7 } }", "/connz?limit=900", "/connz?limit=7"),
        ("{ limit: { force: 7 } }", "/connz?limit=7", "/connz?limit=7"),
        ("{ limit: { max: 100, outside: clamp } }", "/connz?limit=900", "/connz?limit=100"),
        ("{ limit: { max: 100, outside: clamp } }", "/connz?limit=99", "/connz?limit=99"),
        ("{ limit: { max: 100, outside: clamp } }", "/connz", "/connz?limit=100"),
        ("{ limit: { min: 5, outside: clamp } }", "/connz?limit=1", "/connz?limit=5"),
        ("{ limit: { max: 100, outside: refuse } }", "/connz?limit=101", "argument_outside"),
        ("{ limit: { max: 100, default: 10 } }", "/connz", "/connz?limit=10"),
        ("{ limit: { max: 100, default: 10 } }", "/connz?limit=1024", "/connz?limit=10"),
        ("{ limit: { max: 100, default: 10 } }", "/connz?limit=11", "/connz?limit=11"),
        ("{ limit: { default: 10 } }", "/connz", "/connz?limit=10"),
        ("{ limit: { default: 10 } }", "/connz?limit=65536", "/connz?limit=65536"),
        ("{ state: { one_of: [open, closed], default: closed } }", "/connz", "/connz?state=closed"),
        ("{ state: { one_of: [open, closed], default: closed } }", "/connz?state=all", "argument_outside"),
        ("{ cid: { max: 5, default: 3 } }", "/connz", "/connz?cid=3"),
        ("{ user: { default: nobody } }", "/connz?user=x", "/connz?user=x"),
    ] {
        let policy = policy(&format!("rules: [{{ id: r, endpoints: [connz], allow: any, args: {args} }}]"));
        assert_eq!(answer(&policy, &[], target), upstream, "{args} {target}");
    }
}

#[test]
fn a_rule_in_shadow_decides_nothing_and_says_what_it_would_have() {
    use crate::authz::Effect::{Allow, Deny};
    let policy = policy(
        "rules:
  - { id: yes, endpoints: [varz, connz], allow: [a] }
  - { id: wider, mode: shadow, endpoints: [varz, jsz], allow: [a], redact: none }
  - { id: no, mode: shadow, endpoints: [connz], deny: any }
  - { id: narrow, mode: shadow, endpoints: [routez], allow: [a], args: { subs: forbid } }
",
    );
    for (groups, target, answered, would) in [
        (&["a"][..], "/varz", "/varz", Some((Allow, "wider"))),
        (&["a"], "/connz", "/connz", Some((Deny, "no"))),
        (&["a"], "/jsz", "no_rule", Some((Allow, "wider"))),
        (&["a"], "/routez?subs=1", "no_rule", None),
        (&["b"], "/connz", "no_rule", Some((Deny, "no"))),
        (&["b"], "/varz", "no_rule", None),
    ] {
        assert_eq!(answer(&policy, groups, target), answered, "{target}");
        let found = match super::ask(&policy, &member(groups), target) {
            crate::authz::Decision::Permit(permit) => {
                assert_eq!(permit.rule().as_str(), "yes");
                permit.would().cloned()
            }
            crate::authz::Decision::Deny(refused) => refused.would.map(|would| *would),
        };
        let found = found.map(|would| (would.effect, would.rule.to_string()));
        assert_eq!(found, would.map(|(effect, rule)| (effect, rule.to_owned())), "{groups:?} {target}");
    }
}

#[test]
fn a_file_in_shadow_permits_nothing_but_where_a_rule_says_so() {
    let text = "mode: shadow
rules:
  - { id: one, endpoints: [varz], allow: any }
  - { id: two, endpoints: [connz], allow: any, mode: enforce }
";
    let policy = policy(text);
    assert_eq!(answer(&policy, &["a"], "/varz"), "no_rule");
    assert_eq!(answer(&policy, &["a"], "/connz"), "/connz");
}

#[test]
fn a_refusal_says_why() {
    let policy = policy(
        "rules:
  - { id: one, endpoints: [connz], allow: [a], args: { limit: { max: 10 }, acc: forbid } }
  - { id: two, endpoints: [connz], allow: [a], args: { limit: [20] } }
  - { id: three, endpoints: [varz], allow: [b] }
  - { id: four, endpoints: [routez], deny: [a] }
",
    );
    for (groups, target, label, rule) in [
        (&[][..], "/varz", "no_role", None),
        (&["z"], "/connz", "no_role", None),
        (&["a"], "/varz", "no_rule", None),
        (&["b"], "/routez", "no_rule", None),
        (&["a"], "/routez", "denied", Some("four")),
        (&["a"], "/connz?limit=11", "argument_outside", Some("one")),
        (&["a"], "/connz?auth=1", "argument_forbidden", Some("one")),
        (&["a"], "/connz?limit=11&auth=1", "argument_forbidden", Some("one")),
        (&["a"], "/connz?acc=A", "argument_forbidden", Some("one")),
        (&["b"], "/connz?auth=1", "no_rule", None),
    ] {
        assert_eq!(reason(&policy, groups, target), (label.to_owned(), rule.map(str::to_owned)), "{groups:?} {target}");
    }
    let refused = refusal(&policy, &member(&["a"]), "/connz?limit=11");
    assert_eq!(refused.reason, Reason::ArgumentOutside { argument: "limit".to_owned() });
    assert_eq!(policy.catalog().render(&refused.resource), "/connz?limit=11", "what was asked is kept for the record");
}

#[test]
fn arguments_that_a_rule_does_not_name_keep_the_catalogues_word() {
    let policy = policy("rules: [{ id: r, endpoints: [connz, accstatz, healthz], allow: any }]");
    for (target, expected) in [
        ("/connz", "/connz"),
        ("/connz?limit=1&offset=7", "/connz?offset=7&limit=1"),
        ("/connz?limit=65536", "/connz?limit=65536"),
        ("/accstatz?unused=1", "/accstatz?unused=1"),
        // explicit ones and words: only what changes nothing
        ("/connz?auth=0", "/connz"),
        ("/connz?auth=1", "argument_forbidden"),
        ("/connz?state=OPEN", "/connz"),
        ("/connz?state=closed", "argument_forbidden"),
        ("/connz?state=any", "argument_forbidden"),
        ("/connz?sort=cid", "/connz"),
        ("/connz?sort=bytes_to", "argument_forbidden"),
        ("/connz?subs=false", "/connz"),
        ("/connz?subs=detail", "argument_forbidden"),
        ("/connz?cid=1", "argument_forbidden"),
        ("/connz?user=x", "argument_forbidden"),
        ("/healthz?details=1", "argument_forbidden"),
    ] {
        assert_eq!(answer(&policy, &[], target), expected, "{target}");
    }
}

#[test]
fn each_form_of_constraint_binds_what_is_given_and_what_is_left_out() {
    for (args, target, expected) in [
        ("auth: allow", "/connz?auth=1", "/connz?auth=1"),
        ("auth: allow", "/connz", "/connz"),
        ("sort: allow", "/connz?sort=rtt", "/connz?sort=rtt"),
        ("state: allow", "/connz?state=any", "/connz?state=all"),
        ("limit: forbid", "/connz", "/connz"),
        ("limit: forbid", "/connz?limit=5", "argument_forbidden"),
        ("limit: forbid", "/connz?limit=1024", "/connz"),
        ("auth: forbid", "/connz?auth=0", "/connz"),
        ("limit: { max: 256 }", "/connz", "/connz?limit=256"),
        ("limit: { max: 256 }", "/connz?limit=256", "/connz?limit=256"),
        ("limit: { max: 256 }", "/connz?limit=1", "/connz?limit=1"),
        ("limit: { max: 256 }", "/connz?limit=1024", "/connz?limit=256"),
        ("limit: { max: 256 }", "/connz?limit=257", "argument_outside"),
        ("limit: { max: 1024 }", "/connz", "/connz"),
        ("limit: { max: 2000 }", "/connz", "/connz"),
        ("limit: { min: 2000 }", "/connz", "/connz?limit=2000"),
        ("limit: { min: 2000 }", "/connz?limit=1999", "argument_outside"),
        ("limit: { min: 2000 }", "/connz?limit=65536", "/connz?limit=65536"),
        ("limit: { min: 10, max: 20 }", "/connz?limit=9", "argument_outside"),
        ("limit: { min: 10, max: 20 }", "/connz?limit=10", "/connz?limit=10"),
        ("limit: { min: 10, max: 20 }", "/connz?limit=20", "/connz?limit=20"),
        ("limit: { min: 10, max: 20 }", "/connz?limit=21", "argument_outside"),
        ("limit: { min: 10, max: 20 }", "/connz", "/connz?limit=20"),
        ("limit: [10, 20]", "/connz", "/connz?limit=10"),
        ("limit: [10, 20]", "/connz?limit=20", "/connz?limit=20"),
        ("limit: [10, 20]", "/connz?limit=15", "argument_outside"),
        ("limit: [10, 1024]", "/connz", "/connz"),
        ("state: [open]", "/connz", "/connz"),
        ("state: [open]", "/connz?state=closed", "argument_outside"),
        ("state: [closed]", "/connz", "/connz?state=closed"),
        ("state: [any]", "/connz?state=all", "/connz?state=all"),
        ("subs: [false, true]", "/connz", "/connz"),
        ("subs: [false, true]", "/connz?subs=1", "/connz?subs=1"),
        ("subs: [false, true]", "/connz?subs=detail", "argument_outside"),
        ("subs: [detail]", "/connz", "/connz?subs=detail"),
        ("subs: [detail]", "/connz?subs=DeTaIl", "/connz?subs=detail"),
        ("acc: [A, B]", "/connz", "/connz?acc=A"),
        ("acc: [A, B]", "/connz?acc=B", "/connz?acc=B"),
        ("acc: [A, B]", "/connz?acc=C", "argument_outside"),
        ("acc: [A, B]", "/connz?acc=a", "argument_outside"),
        ("acc: ['*']", "/connz?acc=A", "argument_outside"),
        ("connz: { auth: allow }", "/connz?auth=1", "/connz?auth=1"),
        ("limit: { max: 5 }, state: [closed]", "/connz", "/connz?limit=5&state=closed"),
        ("limit: { max: 5 }, state: [closed]", "/connz?user=x", "argument_forbidden"),
    ] {
        let policy = policy(&format!("rules: [{{ id: r, endpoints: [connz], allow: any, args: {{ {args} }} }}]"));
        assert_eq!(answer(&policy, &[], target), expected, "{args} {target}");
    }
}

#[test]
fn a_constraint_is_for_each_endpoint_that_has_the_argument_or_for_the_one_it_stands_under() {
    let policy = policy(
        "rules:
  - { id: r, endpoints: [varz, connz, subsz], allow: [a], args: { limit: { max: 9 }, connz: { auth: allow } } }
  - { id: s, endpoints: [connz, subsz], allow: [b], args: { connz: { limit: { max: 9 } } } }
",
    );
    for (groups, target, expected) in [
        ("a", "/varz", "/varz"),
        ("a", "/connz?auth=1", "/connz?auth=1&limit=9"),
        ("a", "/subsz", "/subsz?limit=9"),
        ("a", "/subsz?limit=10", "argument_outside"),
        ("b", "/connz", "/connz?limit=9"),
        ("b", "/subsz", "/subsz"),
        ("b", "/subsz?limit=10", "/subsz?limit=10"),
    ] {
        assert_eq!(answer(&policy, &[groups], target), expected, "{groups} {target}");
    }
}

#[test]
fn redaction_is_standard_unless_written() {
    let policy = whole(&format!(
        "{ROLES}
  d: [{{ token: {{ issuer: corp, claims: {{ groups: [d] }} }} }}]
redactions:
  lean: {{ extends: standard, remove: [$.mem], null: [$.cpu], mask: [$.cores] }}
  only:
    extends: none
    keep: [$.cpu, $.slow]
    truncate_ip: [$.ip]
    pseudonym: [$.id, {{ names: '$.s[*]', forms: ['[{{}}] *'] }}, {{ texts: $.t, forms: ['R {{}}'], other: keep }}]
    null: [$.cpu]
rules:
  - {{ id: unwritten, endpoints: [varz, connz], allow: [a] }}
  - {{ id: written, endpoints: [varz], allow: [b], redact: standard }}
  - {{ id: lean, endpoints: [varz], allow: [c], redact: lean }}
  - {{ id: only, endpoints: [varz], allow: [d], redact: only }}
"
    ));
    let rules = |groups: &[&str], target: &str| -> Vec<(Action, String)> {
        let permit = permit(&policy, &member(groups), target);
        permit.plan().words().map(|(action, words)| (action, words.into_owned())).collect()
    };
    let standard = rules(&["b"], "/varz");
    assert!(standard.iter().any(|(_, selector)| selector == "$..jwt"), "{standard:?}");
    assert_eq!(rules(&["a"], "/varz"), standard);
    assert_ne!(rules(&["a"], "/connz"), standard, "each endpoint has its own fields");
    let mut lean = standard;
    lean.push((Action::Remove, "$.mem".to_owned()));
    lean.push((Action::Null, "$.cpu".to_owned()));
    lean.push((Action::Mask, "$.cores".to_owned()));
    assert_eq!(rules(&["c"], "/varz"), lean);
    let only = [
        (Action::Null, "$.cpu"),
        (Action::Pseudonym, "$.id"),
        (Action::Pseudonym, "names $.s[*]"),
        (Action::Pseudonym, "texts $.t"),
        (Action::TruncateIp, "$.ip"),
        (Action::Keep, "$.cpu"),
        (Action::Keep, "$.slow"),
    ];
    assert_eq!(rules(&["d"], "/varz"), only.map(|(action, about)| (action, about.to_owned())));
    let (one, two) = (permit(&policy, &member(&["a"]), "/varz"), permit(&policy, &member(&["b"]), "/varz"));
    assert!(std::sync::Arc::ptr_eq(one.plan(), two.plan()), "one plan for each set and endpoint");
}

#[test]
fn a35_a_decision_knows_nothing_of_the_one_before() {
    let open = policy("rules: [{ id: r, endpoints: [varz], allow: [a] }]");
    let shut = policy("rules: [{ id: r, endpoints: [varz], allow: [b] }]");
    let who = principal(&json!({"groups": ["a"]}));
    assert_eq!(permit(&open, &who, "/varz").rule().as_str(), "r");
    assert_eq!(refusal(&shut, &who, "/varz").reason, Reason::NoRule);
    assert_eq!(refusal(&open, &member(&[]), "/varz").reason, Reason::NoRole);
    assert_eq!(permit(&open, &who, "/varz").rule().as_str(), "r");
}

#[test]
fn a_thousand_rules_of_others_are_not_even_looked_at() {
    use std::fmt::Write as _;
    let mut text = "version: 1\ncatalog: nats\nroles:\n".to_owned();
    for number in 0..1000 {
        writeln!(text, "  r{number}: [{{ token: {{ issuer: corp, claims: {{ groups: [g{number}] }} }} }}]").unwrap();
    }
    text.push_str("rules:\n");
    for number in 0..1000 {
        writeln!(text, "  - {{ id: r{number}, endpoints: [varz, connz], allow: [r{number}] }}").unwrap();
    }
    let policy = whole(&text);
    let who = member(&["x", "g777", "g3"]);
    let permit = permit(&policy, &who, "/varz");
    assert_eq!(permit.rule().as_str(), "r3");
    let roles = policy.roles.of(&who);
    assert_eq!(roles.len(), 2);
    assert_eq!(policy.opening(permit.resource().endpoint()).allowing(&roles).count(), 2);
}
