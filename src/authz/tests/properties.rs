//! What holds for every policy.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::{ROLES, answer, whole};

const TARGETS: [&str; 6] =
    ["/varz", "/connz", "/connz?limit=7", "/connz?limit=700", "/connz?auth=1", "/connz?state=closed"];
const ARGS: [&str; 5] =
    ["{}", "{ limit: { max: 9 } }", "{ auth: allow }", "{ limit: [7, 700] }", "{ state: allow, auth: forbid }"];
const GROUPS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct Drawn {
    endpoint: bool,
    roles: Vec<&'static str>,
    is_any: bool,
    args: usize,
    is_deny: bool,
}

fn rule(with_deny: bool) -> impl Strategy<Value = Drawn> {
    let roles = proptest::sample::subsequence(GROUPS.to_vec(), 0..=3);
    (any::<bool>(), roles, 0..8_u8, 0..ARGS.len(), 0..4_u8).prop_map(move |(endpoint, roles, any, args, deny)| Drawn {
        endpoint,
        roles,
        is_any: any == 0,
        args,
        is_deny: with_deny && deny == 0,
    })
}

fn text(rules: &[Drawn]) -> String {
    let mut text = format!("{ROLES}rules:\n");
    for (number, rule) in rules.iter().enumerate() {
        let endpoint = if rule.endpoint { "connz" } else { "varz" };
        let who = if rule.is_any { "any".to_owned() } else { format!("[{}]", rule.roles.join(", ")) };
        let effect = if rule.is_deny { "deny" } else { "allow" };
        write!(text, "  - {{ id: r{number}, endpoints: [{endpoint}], {effect}: {who}").unwrap();
        if rule.endpoint && !rule.is_deny {
            write!(text, ", args: {}", ARGS[rule.args]).unwrap();
        }
        text.push_str(" }\n");
    }
    if rules.is_empty() { text.replace("rules:\n", "rules: []\n") } else { text }
}

fn is_permitted(answer: &str) -> bool {
    answer.starts_with('/')
}

proptest! {
    #[test]
    fn adding_a_role_never_removes_a_permit(rules in prop::collection::vec(rule(false), 0..12)) {
        let policy = whole(&text(&rules));
        for target in TARGETS {
            for has in [&[][..], &["a"], &["b"], &["a", "b"]] {
                if !is_permitted(&answer(&policy, has, target)) { continue }
                for more in GROUPS {
                    let more = answer(&policy, &[has, &[more]].concat(), target);
                    prop_assert!(is_permitted(&more), "{target} {has:?}: {more}");
                }
            }
        }
    }

    #[test]
    fn removing_a_deny_rule_never_removes_a_permit_and_adding_one_never_adds_one(
        rules in prop::collection::vec(rule(true), 1..12), at in any::<prop::sample::Index>(),
    ) {
        let at = at.index(rules.len());
        let mut fewer = rules.clone();
        let removed = fewer.remove(at);
        let (all, fewer) = (whole(&text(&rules)), whole(&text(&fewer)));
        for target in TARGETS {
            for has in [&[][..], &["a"], &["b"], &["a", "b"], &["c"]] {
                let (with, without) = (is_permitted(&answer(&all, has, target)), is_permitted(&answer(&fewer, has, target)));
                if removed.is_deny {
                    prop_assert!(without || !with, "{target} {has:?}");
                } else {
                    prop_assert!(with || !without, "{target} {has:?}");
                }
            }
        }
    }

    #[test]
    fn a_denied_role_is_denied_in_every_order(rules in prop::collection::vec(rule(true), 0..8), at in any::<prop::sample::Index>()) {
        let mut rules = rules;
        let deny = Drawn { endpoint: true, roles: vec!["a"], is_any: false, args: 0, is_deny: true };
        rules.insert(at.index(rules.len() + 1), deny);
        let policy = whole(&text(&rules));
        for target in TARGETS.iter().filter(|target| target.starts_with("/connz")) {
            prop_assert_eq!(answer(&policy, &["a", "c"], target), "denied");
        }
    }

    #[test]
    fn what_is_permitted_is_within_the_rules_bounds_and_stays_so(
        max in 1..=65536_i64, given in prop::option::of(1..=65536_i64),
    ) {
        let policy = whole(&format!("{ROLES}rules: [{{ id: r, endpoints: [connz], allow: any, args: {{ limit: {{ max: {max} }} }} }}]"));
        let target = given.map_or("/connz".to_owned(), |given| format!("/connz?limit={given}"));
        let upstream = answer(&policy, &[], &target);
        if given.is_some_and(|given| given > max && given != 1024) {
            prop_assert_eq!(upstream, "argument_outside");
        } else {
            let sent = upstream.strip_prefix("/connz?limit=").map_or(1024, |limit| limit.parse::<i64>().unwrap());
            prop_assert!(sent <= max, "{}", upstream);
            prop_assert_eq!(sent, given.unwrap_or(1024).min(max));
            prop_assert_eq!(answer(&policy, &[], &upstream), upstream, "what goes upstream would be permitted again");
        }
    }
}
