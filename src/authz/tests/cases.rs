//! Cases files: what they may say, and what is said about one that fails.

use super::policy;
use crate::authz::{Cases, Reason};
use crate::catalog::{Malformation, TargetFault};

const RULES: &str = "rules:
  - { id: one, endpoints: [connz], allow: [a], args: { limit: { max: 10 } } }
  - { id: two, endpoints: [varz], allow: [a], redact: none }
  - { id: three, endpoints: [leafz], allow: [a], redact: lean }
redactions:
  lean: { extends: none, keep: [$.a], pseudonym: [$.a.b, { names: $.c }] }
";

/// The complaints about a case, without what stands behind them.
fn complaints(case: &str) -> Vec<String> {
    whole(case).iter().map(|complaint| complaint.lines().next().unwrap().to_owned()).collect()
}

fn whole(case: &str) -> Vec<String> {
    let who = "who: { issuer: corp, subject: s, claims: { groups: [a] } }";
    let cases = Cases::parse("c.yaml", &format!("- name: n\n  {who}\n{case}")).unwrap();
    cases.run(&policy(RULES)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_case_that_holds_is_silent() {
    for case in [
        "  request: GET /connz\n  expect: allow\n  rule: one\n  upstream: /connz?limit=10\n  redactions: [$..jwt, remove $..jwt]\n",
        "  request: GET /connz\n  expect: 200\n  redactions: [keep $.nothing]\n",
        "  request: HEAD /varz\n  expect: allow\n  redactions: []\n",
        "  request: GET /leafz\n  expect: 200\n  redactions: [$.a.b, pseudonym $.a.b, names $.c, pseudonym names $.c, keep $.a, keep $.x]\n",
        "  request: GET /connz?auth=1\n  expect: deny\n  rule: one\n  reason: argument_forbidden\n",
        "  request: GET /connz?limit=11\n  expect: 403\n  reason: argument_outside\n",
        "  request: GET /metrics\n  expect: deny\n",
        "  request: GET /metrics\n  expect: 404\n  reason: unknown_endpoint\n",
        "  request: POST /varz\n  expect: 405\n",
        "  request: GET /varz?x=1\n  expect: 400\n",
    ] {
        assert_eq!(complaints(case), Vec::<String>::new(), "{case}");
    }
    let long = format!("  request: GET /varz?x={}\n  expect: 414\n", "1".repeat(9000));
    assert_eq!(complaints(&long), Vec::<String>::new());
}

#[test]
fn a_case_that_fails_says_where_what_was_expected_and_why_it_came_otherwise() {
    for (case, expected) in [
        (
            "  request: GET /connz?auth=1\n  expect: allow\n",
            "c.yaml:4:11: case `n`: expected allow, got deny at rule `one`: the argument `auth` may not be used (roles a)",
        ),
        (
            "  request: GET /connz\n  expect: deny\n",
            "c.yaml:4:11: case `n`: expected deny, got allow by rule `one` (roles a)",
        ),
        (
            "  request: GET /routez\n  expect: 200\n",
            "c.yaml:4:11: case `n`: expected status 200, got deny: no rule opens this endpoint to the principal's roles (roles a)",
        ),
        (
            "  request: GET /metrics\n  expect: 403\n",
            "c.yaml:4:11: case `n`: expected status 403, got status 404: no endpoint of the catalogue has this path",
        ),
        (
            "  request: GET /connz\n  expect: allow\n  rule: two\n",
            "c.yaml:5:9: case `n`: expected rule `two`, got `one`: allow by rule `one` (roles a)",
        ),
        (
            "  request: GET /connz\n  expect: allow\n  reason: no_rule\n",
            "c.yaml:5:11: case `n`: expected reason `no_rule`, got no reason: allow by rule `one` (roles a)",
        ),
        (
            "  request: GET /connz\n  expect: allow\n  upstream: /connz\n",
            "c.yaml:5:13: case `n`: expected upstream request `/connz`, got `/connz?limit=10`: allow by rule `one` (roles a)",
        ),
        (
            "  request: GET /connz\n  expect: allow\n  redactions: [$.x, mask $..jwt, keep $..jwt]\n",
            "c.yaml:5:15: case `n`: these redactions are otherwise: `$.x`, `mask $..jwt`, `keep $..jwt`",
        ),
        (
            "  request: GET /leafz\n  expect: allow\n  redactions: [$.a, $.c, mask $.a.b, keep names $.c]\n",
            "c.yaml:5:15: case `n`: these redactions are otherwise: `$.a`, `$.c`, `mask $.a.b`, `keep names $.c`",
        ),
        (
            "  request: GET /routez\n  expect: deny\n  redactions: []\n",
            "c.yaml:5:15: case `n`: expected redactions, but nothing was allowed",
        ),
    ] {
        assert_eq!(complaints(case), [expected], "{case}");
    }
    let several = complaints("  request: GET /connz\n  expect: allow\n  redactions: []\n");
    assert!(several[0].starts_with("c.yaml:5:15: case `n`: expected no redactions, got "), "{several:?}");
}

#[test]
fn a_cases_file_is_read_as_strictly_as_a_policy() {
    let text = "\
- name: n
  who: { issuer: corp, subjet: s }
  request: /varz
  expect: 429
  reasons: x
- name: n
  who: { issuer: corp, subject: s }
  request: GET /varz
  expect: maybe
  reason: no_rul
- name: m
- name: o
  who: { issuer: corp, subject: s }
  request: GET /varz
  expect: allow
- name: o
  who: { issuer: corp, subject: s }
  request: GET /varz
  expect: allow
";
    let found: Vec<String> = Cases::parse("c.yaml", text).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "c.yaml:2:8: `subject` is missing here",
            "c.yaml:2:24: unknown key `subjet`; did you mean `subject`?",
            "c.yaml:3:12: expected a method, a space and a target, such as `GET /varz`",
            "c.yaml:4:11: expected `allow`, `deny`, or one of the statuses 200, 400, 403, 404, 405, 414",
            "c.yaml:5:3: unknown key `reasons`; did you mean `reason`?",
            "c.yaml:9:11: expected `allow`, `deny`, or one of the statuses 200, 400, 403, 404, 405, 414",
            "c.yaml:10:11: unknown reason `no_rul`; did you mean `no_rule`?",
            "c.yaml:11:3: `who` is missing here",
            "c.yaml:11:3: `request` is missing here",
            "c.yaml:11:3: `expect` is missing here",
            "c.yaml:16:3: there is a case `o` already, on line 12",
        ]
    );
    assert!(Cases::parse("c.yaml", "x: 1").is_err());
    assert!(Cases::parse("c.yaml", "[]").unwrap().is_empty());
    let case = |name: &str| {
        format!("- {{ name: {name}, who: {{ issuer: i, subject: s }}, request: GET /varz, expect: deny }}\n")
    };
    let two = Cases::parse("c.yaml", &(case("a") + &case("b"))).unwrap();
    assert_eq!((two.len(), two.is_empty()), (2, false));
    for request in ["'GET '", "' /varz'", "GET"] {
        let text = format!("- {{ name: n, who: {{ issuer: i, subject: s }}, request: {request}, expect: deny }}");
        let found = Cases::parse("c.yaml", &text).unwrap_err()[0].to_string();
        assert!(found.contains("expected a method, a space and a target"), "{request}: {found}");
    }
}

#[test]
fn claims_have_the_types_of_a_token() {
    let policy = super::whole(
        "
version: 1
catalog: nats
roles: { m: [{ token: { issuer: corp, claims: { email: a@b.c } } }], l: [{ token: { issuer: corp, claims: { a.b: ['1'] } } }] }
rules: [{ id: r, endpoints: [varz], allow: [m, l] }]
",
    );
    for (claims, expect) in [
        ("{ email: a@b.c, email_verified: true }", "allow"),
        ("{ email: a@b.c, email_verified: 'true' }", "deny"),
        ("{ a: { b: ['1'] } }", "allow"),
        ("{ a: { b: [1] } }", "deny"),
        ("{ a: { b: [null] } }", "deny"),
    ] {
        let who = format!("{{ issuer: corp, subject: s, claims: {claims} }}");
        let text = format!("- {{ name: n, who: {who}, request: GET /varz, expect: {expect} }}");
        assert_eq!(Cases::parse("c.yaml", &text).unwrap().run(&policy), [], "{claims}");
    }
}

#[test]
fn every_reason_can_be_expected() {
    let argument = || "a".to_owned();
    let policy = [
        Reason::NoRole,
        Reason::NoRule,
        Reason::Denied,
        Reason::Conditions,
        Reason::TenantUnknown,
        Reason::ArgumentForbidden { argument: argument() },
        Reason::ArgumentOutside { argument: argument() },
    ];
    let target = [
        TargetFault::TooLong,
        TargetFault::Malformed(Malformation::Form),
        TargetFault::UnknownEndpoint,
        TargetFault::Method { allow: "GET" },
        TargetFault::UnknownArgument { argument: argument() },
        TargetFault::DuplicateArgument { argument: argument() },
        TargetFault::ArgumentValue { argument: argument(), expected: String::new() },
        TargetFault::Callback,
    ];
    let labels = policy.iter().map(Reason::label).chain(target.iter().map(TargetFault::label));
    for label in labels {
        let who = "{ issuer: corp, subject: s }";
        let text = format!("- {{ name: n, who: {who}, request: GET /varz, expect: deny, reason: {label} }}");
        assert!(Cases::parse("c.yaml", &text).is_ok(), "{label}");
    }
}

#[test]
fn behind_a_failure_stand_the_caller_and_what_each_rule_said() {
    let found = whole("  request: GET /connz?auth=1\n  expect: allow\n  upstream: /connz\n");
    assert_eq!(
        found[1].lines().skip(1).collect::<Vec<_>>(),
        ["    who: s of issuer corp", "    one (allows a): the argument `auth` may not be used"]
    );
    assert_eq!(found[0].lines().count(), 1, "once for each case: {found:#?}");
    let cases = "- { name: n, who: { issuer: crop, subject: s }, request: GET /varz, expect: allow }";
    let found = Cases::parse("c.yaml", cases).unwrap().run(&policy(RULES)).remove(0).to_string();
    assert!(found.contains("\n    no role names it: unknown issuer `crop`; did you mean `corp`?\n"), "{found}");
    let rule = complaints("  request: GET /connz\n  expect: allow\n  rule: onee\n");
    assert_eq!(rule, ["c.yaml:5:9: case `n`: unknown rule `onee`; did you mean `one`?"]);
}

#[test]
fn a_caller_may_have_proven_several_things() {
    let policy = super::whole(
        "
version: 1
catalog: nats
roles:
  both: [{ all_of: [{ token: { issuer: corp, subject: [s] } }, { client_cert: { dns: b.c } }] }]
  three: [{ all_of: [{ token: { issuer: corp, subject: [s] } }, { token: { issuer: door } }, { client_cert: { email: a@b.c } }] }]
rules:
  - { id: both, endpoints: [varz], allow: [both] }
  - { id: three, endpoints: [connz], allow: [three] }
",
    );
    let case = |who: &str, request: &str, expect: &str| {
        let text = format!("- {{ name: n, who: {who}, request: GET {request}, expect: {expect} }}");
        Cases::parse("c.yaml", &text).unwrap().run(&policy)
    };
    let token = "{ issuer: corp, subject: s }";
    let certificate = "{ client_cert: { dns: [a.b, b.c], email: a@b.c } }";
    let door = "{ issuer: door, subject: x }";
    for (who, request, expect) in [
        (format!("[{token}, {certificate}]"), "/varz", "allow"),
        (format!("[{certificate}, {token}]"), "/varz", "allow"),
        (format!("[{token}]"), "/varz", "deny"),
        (format!("[{certificate}]"), "/varz", "deny"),
        (format!("[{token}, {door}, {certificate}]"), "/connz", "allow"),
        (format!("[{token}, {certificate}]"), "/connz", "deny"),
        ("{ issuer: corp, subject: s, client_cert: { dns: b.c } }".to_owned(), "/varz", "allow"),
        ("{ issuer: corp, subject: t, client_cert: { dns: b.c } }".to_owned(), "/varz", "deny"),
        ("{ issuer: corp, subject: s, client_cert: { dns: c.b } }".to_owned(), "/varz", "deny"),
    ] {
        assert_eq!(case(&who, request, expect), [], "{who} {request}");
    }
    let faults = |who: &str| {
        let text = format!("- {{ name: n, who: {who}, request: GET /varz, expect: deny }}");
        Cases::parse("c.yaml", &text).unwrap_err()[0].to_string()
    };
    assert!(faults("[]").contains("the list is empty"));
    assert!(faults("[{ issuer: corp }]").contains("`subject` is missing here"));
    assert!(faults("{ issuer: corp, client_cert: { dns: b.c } }").contains("`subject` is missing here"));
    assert!(faults("{}").contains("`issuer` is missing here"));
    assert!(faults("{ client_cert: { uri: [a, b] } }").contains("expected text, found a list"));
}

#[test]
fn a_case_says_from_where_when_and_over_what() {
    let rules = "rules:
  - { id: here, endpoints: [varz], allow: [a], when: { source: [10.0.0.0/8] } }
  - { id: now, endpoints: [connz], allow: [a], when: { not_before: 2026-01-01T00:00:00Z } }
  - { id: so, endpoints: [jsz], allow: [a], when: { tls: \"1.3\" } }
";
    let who = "who: { issuer: corp, subject: s, claims: { groups: [a] } }";
    let case = |more: &str, request: &str, expect: &str| {
        let text = format!("- {{ name: n, {who}, request: GET {request}, expect: {expect}{more} }}");
        Cases::parse("c.yaml", &text)
    };
    for (more, request, expect) in [
        ("", "/varz", "deny"),
        (", from: 10.1.2.3", "/varz", "allow"),
        (", from: 11.1.2.3", "/varz", "deny"),
        ("", "/connz", "deny"),
        (", at: 2026-01-01T00:00:00Z", "/connz", "allow"),
        (", at: 2025-12-31T23:59:59Z", "/connz", "deny"),
        ("", "/jsz", "deny"),
        (", tls: '1.3'", "/jsz", "allow"),
        (", tls: '1.2'", "/jsz", "deny"),
    ] {
        assert_eq!(case(more, request, expect).unwrap().run(&policy(rules)), [], "{request}{more}");
    }
    for (more, message) in [
        (", from: here", "expected an address, such as `10.0.0.1`"),
        (", at: now", "expected a time such as"),
        (", tls: '1.1'", "unknown TLS version `1.1`"),
    ] {
        let found = case(more, "/varz", "deny").unwrap_err();
        assert!(found.len() == 1 && found[0].to_string().contains(message), "{more}: {found:?}");
    }
}

#[test]
fn a_case_names_the_tenant_whose_part_is_shown() {
    let rules = "rules:
  - { id: own, endpoints: [connz], allow: [a], tenant: \"{claims.account}\" }
  - { id: all, endpoints: [varz], allow: [a] }
";
    let run = |request: &str, expect: &str, tenant: &str| {
        let who = "{ issuer: corp, subject: s, claims: { groups: [a], account: ACME } }";
        let text = format!("- {{ name: n, who: {who}, request: GET {request}, expect: {expect}, tenant: {tenant} }}");
        let found = Cases::parse("c.yaml", &text).unwrap().run(&policy(rules));
        found.iter().map(|fault| fault.message.lines().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(run("/connz", "allow", "ACME"), Vec::<String>::new());
    let other = "case `n`: expected tenant `GLOBEX`, got `ACME`: allow by rule `own` (roles a)";
    assert_eq!(run("/connz", "allow", "GLOBEX"), [other]);
    let all = "case `n`: expected tenant `ACME`, got no tenant: allow by rule `all` (roles a)";
    assert_eq!(run("/varz", "allow", "ACME"), [all]);
    assert!(run("/connz?acc=GLOBEX", "deny", "GLOBEX")[0].contains("got no tenant"));
}
