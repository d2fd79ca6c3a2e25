//! What a policy file may say, and what is said about one that is wrong.

use super::{ROLES, answer, faults, member, permit, policy, whole};
use crate::authz::Policy;
use crate::authz::explain::action_word;
use crate::catalog::Catalogs;

const HEAD: &str = "version: 1\ncatalog: nats\n";

/// The messages for [`ROLES`] with `rules`, places relative to `rules`.
fn faults_of(rules: &str) -> Vec<String> {
    let skip = ROLES.lines().count();
    let relative = |fault: String| {
        let mut parts = fault.splitn(4, ':');
        let (_, line, column) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        format!("{}:{column}:{}", line.parse::<usize>().unwrap() - skip, parts.next().unwrap())
    };
    faults(&format!("{ROLES}{rules}")).into_iter().map(relative).collect()
}

#[test]
fn k01_an_empty_policy_lets_nobody_do_anything() {
    for text in [HEAD.to_owned(), format!("{HEAD}roles: {{}}\nrules: []\n"), format!("{ROLES}rules: []\n")] {
        let policy = whole(&text);
        for endpoint in &policy.catalog().endpoints {
            for groups in [&[][..], &["a"], &["a", "b", "c"]] {
                let reason = answer(&policy, groups, &endpoint.path);
                assert!(matches!(reason.as_str(), "no_role" | "no_rule"), "{}: {reason}", endpoint.path);
            }
        }
    }
    assert_eq!(faults(""), ["p.yaml: is empty"]);
    assert_eq!(faults("{}"), ["p.yaml:1:1: `version` is missing here", "p.yaml:1:1: `catalog` is missing here"]);
}

/// Nearly everything that can be wrong.
const WRONG: &str = "\
version: 2
catalog: nats
role: {}
roles:
  a:
    - tokn: {}
    - token: { isuer: corp }
    - token: { issuer: corp, claims: {} }
    - token: { issuer: corp, claims: { groups: { word: [x] } } }
  any: []
  \"a b\": []
rules:
  - id: one
    endpoints: [varzz, connz, connz]
    allow: [b, a]
    arg: {}
    limit: { rate: often, brust: 2 }
    redact: standart
  - id: one
    endpoints: []
    deny: [aa]
    redact: none
";

#[test]
fn k02_every_wrong_word_is_found_with_its_line_at_once() {
    assert_eq!(
        faults(WRONG),
        [
            "p.yaml:1:10: unknown version; known is `1`",
            "p.yaml:3:1: unknown key `role`; did you mean `roles`?",
            "p.yaml:6:7: unknown key `tokn`; did you mean `token`?",
            "p.yaml:7:14: `issuer` is missing here",
            "p.yaml:7:16: unknown key `isuer`; did you mean `issuer`?",
            "p.yaml:8:38: names no claim; leave `claims` out to accept every token of the issuer",
            "p.yaml:9:48: expected either `text` or `words`",
            "p.yaml:9:50: unknown key `word`; did you mean `words`?",
            "p.yaml:10:3: `any` means every authenticated principal and cannot be a role",
            "p.yaml:11:3: `a b` cannot name a role; use 1 to 64 letters, digits, `-`, `_`, `.`",
            "p.yaml:14:17: unknown endpoint `varzz`; did you mean `varz`?",
            "p.yaml:14:31: `connz` stands here twice",
            "p.yaml:15:13: unknown role `b`; known are `a`, `any`, `a b`",
            "p.yaml:16:5: unknown key `arg`; did you mean `args`?",
            "p.yaml:17:20: expected a rate such as `6/min`; units are `s`, `sec`, `min`, `h`, `hour`",
            "p.yaml:17:27: unknown key `brust`; did you mean `burst`?",
            "p.yaml:18:13: unknown redaction set `standart`; did you mean `standard`?",
            "p.yaml:19:9: there is a rule `one` already, on line 13",
            "p.yaml:20:16: the list is empty, so the rule does nothing",
            "p.yaml:21:12: unknown role `aa`; did you mean `a`?",
            "p.yaml:22:13: a `deny` rule takes no `redact`; it closes the endpoint altogether",
        ]
    );
}

#[test]
fn k03_an_empty_list_is_nobody() {
    for rules in [
        "rules: [{ id: r, endpoints: [varz], allow: [] }]",
        "rules: [{ id: r, endpoints: [varz], deny: any }, { id: s, endpoints: [varz], allow: any }]",
    ] {
        let policy = policy(rules);
        assert_ne!(answer(&policy, &["a", "b", "c"], "/varz"), "/varz", "{rules}");
    }
    for role in [
        "x: []",
        "x: [{ token: { issuer: corp, subject: [] } }]",
        "x: [{ token: { issuer: corp, claims: { groups: [] } } }]",
    ] {
        let policy = whole(&format!("{HEAD}roles: {{ {role} }}\nrules: [{{ id: r, endpoints: [varz], allow: [x] }}]"));
        assert_eq!(answer(&policy, &["x", "a", ""], "/varz"), "no_role", "{role}");
    }
    let policy = policy("rules: [{ id: s, endpoints: [varz], allow: any }, { id: r, endpoints: [varz], deny: [] }]");
    assert_eq!(answer(&policy, &["a"], "/varz"), "/varz", "a deny for nobody denies nobody");
}

#[test]
fn k04_what_stands_twice_is_refused() {
    assert_eq!(
        faults_of(
            "rules:\n  - { id: r, endpoints: [varz], allow: any }\n  - { id: r, endpoints: [connz], allow: any }\n"
        ),
        ["3:11: there is a rule `r` already, on line 8"]
    );
    assert_eq!(faults(&format!("{ROLES}  a: []\n")), ["p.yaml:7:3: `a` stands here a second time (first on line 4)"]);
    assert_eq!(faults(&format!("{ROLES}roles: {{}}\n")).len(), 1);
    assert_eq!(faults(&format!("{ROLES}rules: &x []\n")).len(), 1, "an anchor");
    assert_eq!(faults(&" ".repeat(50 * 1024 * 1024)).len(), 1, "50 MB");
    assert_eq!(
        faults_of(
            "rules: [{ id: r, endpoints: [jsz], allow: any, args: { limit: { max: 9 }, jsz: { limit: { max: 8 } } } }]"
        ),
        ["1:82: `limit` of `jsz` stands here twice"]
    );
}

#[test]
fn a_matcher_that_would_match_anybody_or_nothing_is_a_fault() {
    let fault = |token: &str| faults(&format!("{HEAD}roles:\n  a:\n    - token: {token}\n"));
    for (token, message) in [
        ("{}", "`issuer` is missing here"),
        ("{ claims: { groups: [x] } }", "`issuer` is missing here"),
        ("{ issuer: '' }", "is empty, and would match nothing or everything"),
        ("{ issuer: '*' }", "there are no wildcards; values are compared as they stand"),
        ("{ issuer: corp, subject: ['*'] }", "there are no wildcards; values are compared as they stand"),
        ("{ issuer: corp, subject: x }", "expected a list, found a single value; write `[x]`"),
        ("{ issuer: corp, claims: { groups: [''] } }", "is empty, and would match nothing or everything"),
        ("{ issuer: corp, claims: { groups: '' } }", "is empty, and would match nothing or everything"),
        ("{ issuer: corp, claims: { '': [x] } }", "a claim needs a name"),
        ("{ issuer: corp, claims: { groups: { text: [x], words: [x] } } }", "expected either `text` or `words`"),
        ("{ issuer: corp, claims: { groups: [[x]] } }", "expected text, found a list"),
        (
            "{ issuer: corp, claims: { email_verified: true } }",
            "`true` is no text, and only texts match; put it in quotes if the text is meant",
        ),
        (
            "{ issuer: corp, claims: { level: [5] } }",
            "`5` is no text, and only texts match; put it in quotes if the text is meant",
        ),
        (
            "{ issuer: corp, claims: { level: [-1.5e3] } }",
            "`-1.5e3` is no text, and only texts match; put it in quotes if the text is meant",
        ),
        (
            "{ issuer: corp, claims: { level: [~] } }",
            "`~` is no text, and only texts match; put it in quotes if the text is meant",
        ),
    ] {
        let found = fault(token);
        assert_eq!(found.len(), 1, "{token}: {found:?}");
        assert!(found[0].ends_with(message), "{token}: {found:?}");
    }
    for token in ["{ issuer: corp }", "{ issuer: corp, subject: [x] }", "{ issuer: corp, claims: { level: ['5'] } }"] {
        assert_eq!(fault(token), Vec::<String>::new(), "{token}");
    }
}

#[test]
fn a_grant_is_one_way_and_says_whom_it_is_for() {
    let fault = |grant: &str| faults(&format!("{HEAD}roles:\n  a:\n    - {grant}\n"));
    for (grant, message) in [
        ("{}", "expected one of `token`, `client_cert`, `service_account`, `all_of`"),
        (
            "{ token: { issuer: corp }, client_cert: { dns: a.test } }",
            "each item of the list is one way; write a second `-`, or `all_of` when both must hold",
        ),
        ("{ client_cert: {} }", "names nobody; write one of `uri`, `dns`, `email`, `common_name`"),
        ("{ client_cert: { cn: x } }", "unknown key `cn`; known are `uri`, `dns`, `email`, `common_name`"),
        ("{ client_cert: { uri: [] } }", "the list is empty"),
        ("{ client_cert: { common_name: '' } }", "`` is not a common name; write it as it is in the certificate"),
        ("{ client_cert: { dns: [[a]] } }", "expected text, found a list"),
        ("{ service_account: { issuer: cluster } }", "`namespace` is missing here"),
        ("{ service_account: { namespace: a } }", "`issuer` is missing here"),
        (
            "{ service_account: { issuer: cluster, namespace: 'a*' } }",
            "`a*` is not a name in Kubernetes; it stands for itself, without `*`",
        ),
        (
            "{ service_account: { issuer: cluster, namespace: a, name: 'b:c' } }",
            "`b:c` is not a name in Kubernetes; it stands for itself, without `*`",
        ),
        ("{ all_of: [{ token: { issuer: corp } }] }", "`all_of` needs at least two"),
        ("{ all_of: [] }", "`all_of` needs at least two"),
        (
            "{ all_of: [{ all_of: [] }, { token: { issuer: corp } }] }",
            "unknown key `all_of`; known are `token`, `client_cert`, `service_account`",
        ),
    ] {
        let found = fault(grant);
        assert_eq!(found.len(), 1, "{grant}: {found:?}");
        assert!(found[0].ends_with(message), "{grant}: {found:?}");
    }
    for grant in [
        "{ client_cert: { uri: [spiffe://a.test/b, spiffe://a.test/c], dns: a.test, email: a@b.test, common_name: x } }",
        "{ service_account: { issuer: cluster, namespace: [a, b], name: c } }",
        "{ all_of: [{ token: { issuer: corp } }, { client_cert: { dns: a.test } }] }",
    ] {
        assert_eq!(fault(grant), Vec::<String>::new(), "{grant}");
    }
}

#[test]
fn a_rule_says_whom_and_what_exactly_once() {
    for (rule, message) in [
        ("{ endpoints: [varz], allow: any }", "1:9: `id` is missing here"),
        ("{ id: r, allow: any }", "1:9: `endpoints` is missing here"),
        ("{ id: r, endpoints: [varz] }", "1:9: `allow` or `deny` is missing here; `allow: []` lets nobody in"),
        (
            "{ id: r, endpoints: [varz], allow: any, deny: any }",
            "1:55: a rule has either `allow` or `deny`; write two rules",
        ),
        ("{ id: r, endpoints: [varz], allow: a }", "1:44: expected `any` or a list such as `[a]`"),
        ("{ id: r, endpoints: [varz], allow: '' }", "1:44: expected `any` or a list such as `[]`"),
        ("{ id: r, endpoints: [varz], allow: { a: b } }", "1:44: expected `any` or a list of roles"),
        ("{ id: r, endpoints: [varz], allow: [any] }", "1:45: `any` stands alone, without a list"),
        ("{ id: r, endpoints: [varz], allow: ['*'] }", "1:45: unknown role `*`; known are `a`, `b`, `c`"),
        ("{ id: r, endpoints: varz, allow: any }", "1:29: expected a list, found a single value"),
        ("{ id: r, endpoints: [/varz], allow: any }", "1:30: unknown endpoint `/varz`; did you mean `varz`?"),
        ("{ id: r, endpoints: [VARZ], allow: any }", "1:30: unknown endpoint `VARZ`"),
        ("{ id: 'r r', endpoints: [varz], allow: any }", "1:15: `r r` cannot name a rule"),
        ("{ id: \"r\\\"\", endpoints: [varz], allow: any }", "1:15: `r\"` cannot name a rule"),
        ("{ id: r, endpoints: [varz], deny: any, limit: { rate: 1/s } }", "1:55: a `deny` rule takes no `limit`"),
        ("{ id: r, endpoints: [varz], deny: any, jsonp: true }", "1:55: a `deny` rule takes no `jsonp`"),
        ("{ id: r, endpoints: [varz], allow: any, jsonp: yes }", "1:56: expected `true` or `false`"),
        (
            "{ id: r, endpoints: [varz, stacksz], allow: any, jsonp: true, redact: none }",
            "1:65: `stacksz` answers no JSON; leave it out of this rule",
        ),
        ("{ id: r, endpoints: [varz], deny: any, args: {} }", "1:54: a `deny` rule takes no `args`"),
        ("{ id: r, endpoints: [varz], allow: any, limit: { burst: 2 } }", "1:56: `rate` is missing here"),
        ("{ id: r, endpoints: [varz], allow: any, limit: { rate: 1/s, burst: 0 } }", "1:76: `0` is not from 1"),
        ("{ id: r, endpoints: [varz], allow: any, limit: 6/min }", "1:56: expected a mapping, found a single value"),
    ] {
        let found = faults_of(&format!("rules: [{rule}]"));
        assert_eq!(found.len(), 1, "{rule}: {found:?}");
        assert!(found[0].starts_with(message), "{rule}: {found:?}");
    }
    let without_roles = faults(&format!("{HEAD}rules: [{{ id: r, endpoints: [varz], allow: [a] }}]"));
    assert_eq!(
        without_roles,
        [
            "p.yaml:3:45: unknown role `a`; there are none under `roles`; where they stand in another file, check the configuration that names both"
        ]
    );
}

#[test]
fn a_constraint_is_of_a_known_form_and_within_the_catalogues_range() {
    for (args, message) in [
        ("{ limti: allow }", "unknown argument `limti`; did you mean `limit`?"),
        ("{ connz: { limti: allow } }", "unknown argument `limti`; did you mean `limit`?"),
        ("{ callback: allow }", "unknown argument `callback`; known are "),
        ("{ varz: { limit: allow } }", "unknown argument `limit`; the endpoints of this rule take none"),
        ("{ jsz: { limit: allow } }", "`jsz` is not among the endpoints of this rule"),
        ("{ connz: allow }", "expected a mapping, found a single value"),
        ("{ auth: deny }", "expected `allow`, `forbid`, a list such as `[deny]`, or a mapping"),
        ("{ limit: 5 }", "expected `allow`, `forbid`, a list such as `[5]`, or a mapping"),
        ("{ limit: [] }", "the list is empty; write `forbid` if no value may be given"),
        ("{ limit: {} }", "expected `min`, `max` or both"),
        ("{ limit: { max: 5, maxi: 5 } }", "unknown key `maxi`; did you mean `max`?"),
        ("{ limit: { max: 0 } }", "`limit` of `connz` takes a whole number from 1 to 65536, not `0`"),
        ("{ limit: { max: 65537 } }", "`limit` of `connz` takes a whole number from 1 to 65536, not `65537`"),
        ("{ limit: { max: 1e3 } }", "`limit` of `connz` takes a whole number from 1 to 65536, not `1e3`"),
        ("{ limit: { min: 9, max: 8 } }", "`min` 9 is greater than `max` 8"),
        ("{ limit: [x] }", "`limit` of `connz` takes a whole number from 1 to 65536, not `x`"),
        ("{ auth: { max: 1 } }", "`auth` of `connz` is not a number"),
        ("{ state: [opne] }", "`state` of `connz` takes one of `open`, `closed`, `all`, not `opne`"),
        ("{ subs: [details] }", "`subs` of `connz` takes a boolean (`1` or `0`) or one of `detail`, not `details`"),
        ("{ limit: { force: 5, max: 9 } }", "`force` stands alone: what is sent is always this value"),
        ("{ limit: { force: 0 } }", "`limit` of `connz` takes a whole number from 1 to 65536, not `0`"),
        ("{ limit: { max: 9, default: 10 } }", "the rule would refuse this value itself"),
        ("{ limit: { max: 9, outside: clamp, default: 10 } }", "the rule would refuse this value itself"),
        ("{ limit: { max: 9, outside: cut } }", "unknown word `cut`; known are `refuse`, `clamp`"),
        ("{ limit: { outside: clamp } }", "expected `min`, `max` or both"),
        ("{ state: { one_of: [open], default: all } }", "the rule would refuse this value itself"),
        ("{ limit: { one_of: [5], max: 9 } }", "either `one_of`, or `min` and `max`"),
        ("{ state: { one_of: open } }", "expected a list, found a single value; write `[open]`"),
        ("{ cid: { max: 5 } }", "`cid` of `connz` has no default, so a range would not bind those who leave it out"),
    ] {
        let found = faults_of(&format!("rules: [{{ id: r, endpoints: [varz, connz], allow: any, args: {args} }}]"));
        assert!(!found.is_empty(), "{args}");
        assert!(found[0].contains(message), "{args}: {found:?}");
    }
}

#[test]
fn a_redaction_that_would_not_hold_is_a_fault() {
    let text = |redact: &str| faults_of(&format!("rules: [{{ id: r, endpoints: [stacksz], allow: any{redact} }}]"));
    for redact in ["", ", redact: standard", ", redact: no-credentials"] {
        let found = text(redact);
        assert_eq!(found.len(), 1, "{redact}");
        assert!(found[0].contains("cannot be kept on `stacksz`: it answers text"), "{found:?}");
        assert!(found[0].contains("`redact: none`"), "{found:?}");
    }
    assert_eq!(text(", redact: none"), Vec::<String>::new());
}

#[test]
fn a_catalogue_may_say_that_a_set_does_not_reach_all() {
    let catalog = "version: 1\ncatalog: own\nredactions: { standard: { identity: remove }, less: { host: remove } }\n\
                   endpoints:\n  a: { path: /a, body: json, cost: cheap, out_of_reach: [identity] }\n";
    let mut catalogs = Catalogs::builtin();
    catalogs.add("own.yaml", catalog).unwrap();
    for (redact, wanted) in [
        ("", Some("`standard` cannot be kept on `a`: it tells `identity` where no selector reaches; ")),
        (", redact: o", Some("`o` cannot be kept on `a`: it tells `identity`")),
        (", redact: less", None),
        (", redact: none", None),
    ] {
        let text = format!(
            "version: 1\ncatalog: own\nroles: {{}}\nredactions: {{ o: {{ extends: standard, remove: [$.a] }} }}\n\
             rules: [{{ id: r, endpoints: [a], allow: any{redact} }}]\n"
        );
        let found = Policy::parse("p.yaml", &text, &catalogs).err().unwrap_or_default();
        assert_eq!(found.len(), usize::from(wanted.is_some()), "{redact}: {found:?}");
        assert!(found.iter().all(|fault| fault.message.starts_with(wanted.unwrap())), "{redact}: {found:?}");
    }
}

#[test]
fn own_sets_have_their_own_names_and_say_what_they_build_on() {
    for (set, message) in [
        ("standard: { extends: none }", "`standard` is the catalogue's own; choose another name"),
        ("none: { extends: none }", "`none` is the catalogue's own; choose another name"),
        ("x: { remove: [$.a] }", "`extends` is missing here"),
        ("x: { extends: x }", "unknown redaction set of the catalogue `x`"),
        ("x: { extends: none, hide: [$.a] }", "unknown key `hide`"),
        ("x: { extends: none, remove: $.a }", "expected a list, found a single value"),
        ("x: { extends: none, keep: [{ names: $.a }] }", "only whole values can be kept; write a selector"),
        ("x: { extends: none, mask: [{ names: $.a, texts: $.b }] }", "write either `names` or `texts`"),
        (
            "x: { extends: none, pseudonym: [{ texts: $.a, forms: ['{}*'] }] }",
            "form `{}*`: something must stand between",
        ),
        ("x: { extends: none, truncate_ip: [{ texts: $.a, forms: [] , other: keep }] }", "`other: keep` needs a form"),
        ("x: { extends: none, pseudonim: [$.a] }", "unknown key `pseudonim`; did you mean `pseudonym`?"),
        ("'x y': { extends: none }", "`x y` cannot name a redaction set"),
    ] {
        let found = faults_of(&format!("redactions: {{ {set} }}\n"));
        assert_eq!(found.len(), 1, "{set}: {found:?}");
        assert!(found[0].contains(message), "{set}: {found:?}");
    }
}

#[test]
fn a_policy_may_choose_its_catalogue_itself() {
    let messages = |text: &str| -> Vec<String> {
        Policy::parse("p.yaml", text, &Catalogs::builtin())
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(messages(HEAD), Vec::<String>::new());
    assert_eq!(
        messages("version: 1\ncatalog: nuts\n"),
        ["p.yaml:2:10: unknown catalogue `nuts`; did you mean `nats`?"]
    );
    assert!(messages("version: 1\ncatalog: NATS\n")[0].starts_with("p.yaml:2:10: unknown catalogue `NATS`"));
    assert_eq!(messages("version: 1\n"), ["p.yaml:1:1: `catalog` is missing here"]);
    assert_eq!(messages("[]"), ["p.yaml:1:1: expected a mapping, found a list"]);
    assert_eq!(messages(&format!("{HEAD}rulse: []\n")), ["p.yaml:3:1: unknown key `rulse`; did you mean `rules`?"]);
}

#[test]
fn the_issuers_that_roles_name_are_told_with_their_places() {
    let policy = policy("rules: []");
    let issuers: Vec<_> = policy.issuers().map(|(name, at)| (name, at.place.line)).collect();
    assert_eq!(issuers, [("corp", 4), ("corp", 5), ("corp", 6)]);
    assert_eq!(policy.clusters().count(), 0, "none is named as a cluster");
    let account = "service_account: { issuer: cluster, namespace: [n] }";
    let text = format!("version: 1\ncatalog: nats\nroles:\n  a: [{{ {account} }}]\n");
    let named: Vec<String> = whole(&text).clusters().map(|(name, at)| format!("{name} {}", at.place.line)).collect();
    assert_eq!(named, ["cluster 4"]);
}

/// The faults of a policy for exporters with this own set, and what the set takes out of the page.
fn page(set: &str, redact: &str) -> (Vec<String>, Vec<String>) {
    let text = format!(
        "version: 1\ncatalog: prometheus\nredactions: {{ own: {{ {set} }} }}\n\
         roles: {{ a: [{{ token: {{ issuer: corp }} }}] }}\n\
         rules: [{{ id: r, endpoints: [metrics], allow: [a], redact: {redact} }}]"
    );
    match Policy::parse("p.yaml", &text, &Catalogs::builtin()) {
        Err(faults) => (faults.iter().map(ToString::to_string).collect(), Vec::new()),
        Ok(policy) => {
            let permit = permit(&policy, &member(&[]), "/metrics");
            let words = permit.plan().words().map(|(action, words)| format!("{} {words}", action_word(action)));
            (Vec::new(), words.collect())
        }
    }
}

#[test]
fn a_set_names_labels_and_families_of_pages() {
    let (faults, words) = page(
        "extends: none, remove: [$.a], labels: { remove: [ip, { label: user, families: [a_*, b] }], mask: [x], \
         pseudonym: [account], truncate_ip: [peer] }, families: { remove: [\"go_*\", c], keep: [\"nats_*\"] }",
        "own",
    );
    assert_eq!(faults, Vec::<String>::new());
    let wanted = [
        "remove label ip",
        "remove label user in a_*, b",
        "mask label x",
        "pseudonym label account",
        "truncate_ip label peer",
        "remove family go_*",
        "remove family c",
        "keep family nats_*",
        "remove other families",
    ];
    assert_eq!(words, wanted);
    assert!(page("extends: none", "standard").1.contains(&"pseudonym label account".to_owned()));
    let both = page("extends: no-credentials, labels: { mask: [ip] }", "own").1;
    assert!(both.contains(&"remove label token".to_owned()) && both.contains(&"mask label ip".to_owned()), "{both:?}");
    assert_eq!(page("extends: none", "none").1, Vec::<String>::new());
}

#[test]
fn a_label_or_family_that_cannot_be_is_a_fault_with_its_place() {
    for (set, message) in [
        (
            "labels: { remove: [le] }",
            "3:56: the label `le` belongs to the value of its metric; remove the family instead",
        ),
        ("labels: { mask: [{ label: quantile }] }", "3:63: the label `quantile` belongs to the value of its metric"),
        ("labels: { remove: [\"\"] }", "3:56: `` is not the name of a label"),
        ("labels: { remove: ip }", "3:55: expected a list, found a single value; write `[ip]`"),
        ("labels: { null: [ip] }", "3:47: unknown key `null`; known are `remove`, `mask`, `pseudonym`, `truncate_ip`"),
        ("labels: { keep: [ip] }", "3:47: unknown key `keep`"),
        ("labels: { mask: [{ families: [a] }] }", "3:54: `label` is missing here"),
        ("labels: { mask: [{ label: x, family: [a] }] }", "3:66: unknown key `family`; known are `label`, `families`"),
        ("labels: { mask: [{ label: x, families: [] }] }", "3:76: this list is empty; name a family"),
        ("families: { remove: [\"\"] }", "3:58: `` is not the name of a family"),
        ("families: { mask: [a] }", "3:49: unknown key `mask`; known are `remove`, `keep`"),
        ("families: { keep: [] }", "3:55: this list is empty; name a family, with `*` for anything"),
    ] {
        let (faults, _) = page(&format!("extends: none, {set}"), "own");
        assert!(faults.iter().any(|fault| fault.starts_with(&format!("p.yaml:{message}"))), "{set}: {faults:?}");
    }
}
