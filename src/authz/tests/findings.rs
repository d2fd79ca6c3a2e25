//! What a look over a policy finds.

use super::{ROLES, whole};

fn doubts(text: &str) -> Vec<String> {
    whole(text).findings().doubts.iter().map(ToString::to_string).collect()
}

/// The doubts about `rules`, without those about roles that none of them names.
fn about(rules: &str) -> Vec<String> {
    doubts(&format!("{ROLES}rules:\n{rules}")).into_iter().filter(|doubt| !doubt.contains("no rule names")).collect()
}

const COVERED: &str = "the rule `wide` fits whatever this one fits";

/// What is so, the rules, and what is said of the one that never decides.
const COVERING: &[(&str, &str, Option<&str>)] = &[
    (
        "one that takes out less covers it",
        "
  - { id: narrow, endpoints: [connz], allow: [a], args: { limit: { max: 10 } } }
  - { id: wide, endpoints: [connz], allow: [a, b], redact: none }
",
        Some(COVERED),
    ),
    (
        "one for everybody covers it",
        "
  - { id: narrow, endpoints: [connz], allow: [a], args: { sort: [rtt] } }
  - { id: wide, endpoints: [connz], allow: any, args: { sort: allow }, redact: none }
",
        Some(COVERED),
    ),
    (
        "ranges",
        "
  - { id: narrow, endpoints: [connz], allow: [a], args: { limit: { max: 10 } } }
  - { id: wide, endpoints: [connz], allow: [a], args: { limit: { max: 11 } }, redact: none }
",
        Some(COVERED),
    ),
    (
        "a clamp takes anything",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz], allow: [a], args: { limit: { max: 11, outside: clamp } }, redact: none }
",
        Some(COVERED),
    ),
    (
        "a range covers no clamp, which takes anything",
        "
  - { id: narrow, endpoints: [connz], allow: [a], args: { limit: { max: 10, outside: clamp } } }
  - { id: wide, endpoints: [connz], allow: [a], args: { limit: { max: 11 } }, redact: none }
",
        None,
    ),
    (
        "one that takes less covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a], args: { limit: { max: 12 } } }
  - { id: wide, endpoints: [connz], allow: [a], args: { limit: { max: 11 } }, redact: none }
",
        None,
    ),
    (
        "one that serves no JSONP does not cover one that does",
        "
  - { id: narrow, endpoints: [connz], allow: [a], jsonp: true }
  - { id: wide, endpoints: [connz], allow: [a], redact: none }
",
        None,
    ),
    (
        "one of another endpoint covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [varz], allow: [a], redact: none }
",
        None,
    ),
    (
        "one of another role covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz], allow: [b], redact: none }
",
        None,
    ),
    (
        "one that applies only at times covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz], allow: [a], redact: none, when: { tls: \"1.3\" } }
",
        None,
    ),
    (
        "one that applies at the same times covers it",
        "
  - { id: narrow, endpoints: [connz], allow: [a], when: { tls: \"1.3\" } }
  - { id: wide, endpoints: [connz], allow: [a], redact: none, when: { tls: \"1.3\" } }
",
        Some(COVERED),
    ),
    (
        "one in shadow covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz], allow: [a], redact: none, mode: shadow }
",
        None,
    ),
    (
        "a deny for everybody closes it",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz, varz], deny: any }
",
        Some("the rule `wide` denies it all"),
    ),
    (
        "a deny for some of its roles leaves the others",
        "
  - { id: narrow, endpoints: [connz], allow: [a, b] }
  - { id: wide, endpoints: [connz], deny: [b] }
",
        None,
    ),
    (
        "a deny at times leaves the other times",
        "
  - { id: narrow, endpoints: [connz], allow: [a] }
  - { id: wide, endpoints: [connz], deny: any, when: { tls: \"1.2\" } }
",
        None,
    ),
    (
        "one for the same tenants covers it",
        "
  - { id: narrow, endpoints: [connz], allow: [a], tenant: \"{claims.x}\" }
  - { id: wide, endpoints: [connz], allow: [a], tenant: \"{claims.x}\", redact: none }
",
        Some(COVERED),
    ),
    (
        "one for other tenants covers nothing",
        "
  - { id: narrow, endpoints: [connz], allow: [a], tenant: \"{claims.x}\" }
  - { id: wide, endpoints: [connz], allow: [a], tenant: \"{claims.y}\", redact: none }
",
        None,
    ),
    (
        "one for all tenants covers those of some",
        "
  - { id: narrow, endpoints: [connz], allow: [a], tenant: \"{claims.x}\", redact: none }
  - { id: wide, endpoints: [connz], allow: [a] }
",
        Some(COVERED),
    ),
    (
        "a second deny is one too many",
        "
  - { id: y, endpoints: [connz], deny: [a] }
  - { id: wide, endpoints: [connz], deny: any }
",
        Some("the rule `wide` denies it all"),
    ),
];

#[test]
fn a_rule_that_never_decides_is_found() {
    for (why, rules, found) in COVERING {
        let doubts = about(rules);
        match found {
            None => assert_eq!(doubts, Vec::<String>::new(), "{why}"),
            Some(found) => {
                assert_eq!(doubts.len(), 1, "{why}: {doubts:?}");
                assert!(doubts[0].contains("never decides: ") && doubts[0].contains(found), "{why}: {doubts:?}");
            }
        }
    }
}

#[test]
fn a_rule_that_another_overtakes_for_some_is_wider_by_mistake() {
    let found = about(
        "
  - { id: careful, endpoints: [varz, connz], allow: [a, b] }
  - { id: wide, endpoints: [connz, jsz], allow: [b, c], redact: none }
",
    );
    let wanted = "the rule `careful` never decides on `connz` for `b`: the rule `wide` fits whatever this one fits";
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("p.yaml:9:5: ") && found[0].contains(wanted), "{found:?}");
}

#[test]
fn where_several_overtake_a_rule_only_what_the_first_one_takes_is_named_with_it() {
    let found = about(
        "
  - { id: careful, endpoints: [varz, connz, jsz], allow: [a, b] }
  - { id: first, endpoints: [varz], allow: [a], redact: none }
  - { id: second, endpoints: [connz], allow: [b], redact: none }
",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    let wanted = "the rule `careful` never decides on `varz` for `a`: the rule `first` fits whatever this one fits";
    assert!(found[0].contains(wanted), "{found:?}");
}

#[test]
fn what_is_nobodys_is_found() {
    let text = "version: 1
catalog: nats
roles:
  empty: []
  nobody: [{ token: { issuer: corp, claims: { groups: [] } } }, { token: { issuer: corp, subject: [] } }]
  unused: [{ token: { issuer: corp } }]
  named: [{ client_cert: { dns: a.test } }]
  account: [{ service_account: { issuer: k, namespace: [n] } }]
rules:
  - { id: none, endpoints: [varz], allow: [] }
  - { id: some, endpoints: [connz, varz], allow: [empty, nobody] }
  - { id: that, endpoints: [jsz], allow: [named, account] }
  - { id: shut, endpoints: [routez], allow: any }
  - { id: shutter, endpoints: [routez], deny: any }
";
    assert_eq!(
        doubts(text),
        [
            "p.yaml:4:3: nobody can have the role `empty`",
            "p.yaml:5:3: nobody can have the role `nobody`",
            "p.yaml:6:3: no rule names the role `unused`",
            "p.yaml:10:5: the rule `none` names nobody",
            "p.yaml:13:5: the rule `shut` never decides: the rule `shutter` denies it all",
        ]
    );
    let closed = whole(text).findings().closed;
    for endpoint in ["connz", "stacksz", "routez"] {
        assert!(closed.contains(&endpoint.to_owned()), "{endpoint}: {closed:?}");
    }
    let open = whole("version: 1\ncatalog: nats\nrules: [{ id: r, endpoints: [connz], allow: any }]\n").findings();
    assert!(open.doubts.is_empty() && !open.closed.contains(&"connz".to_owned()), "{open:?}");
}
