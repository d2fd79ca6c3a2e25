//! What holds for every policy that the language can say, and for every text.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::json;

use super::super::{Cases, Circumstances, Decision, Policy};
use super::{ask, principal, whole};
use crate::authn::{Certificate, NameKind, Principal};
use crate::catalog::Catalogs;
use crate::document::spoiled::spoiled;

/// Endpoints with the arguments that rules write about.
const ENDPOINTS: [(&str, &[&str]); 6] = [
    ("varz", &[]),
    ("connz", &["limit", "offset", "auth", "state", "sort", "subs", "acc", "cid"]),
    ("jsz", &["limit", "offset", "acc", "accounts", "leader-only"]),
    ("subsz", &["limit", "offset", "subs", "acc"]),
    ("healthz", &["details", "js-enabled-only"]),
    ("stacksz", &[]),
];

const CONSTRAINTS: [(&str, &str); 26] = [
    ("limit", "{ max: 9 }"),
    ("limit", "{ min: 5, max: 2000 }"),
    ("limit", "[7, 700]"),
    ("limit", "forbid"),
    ("offset", "forbid"),
    ("offset", "{ max: 0 }"),
    ("auth", "allow"),
    ("auth", "forbid"),
    ("auth", "[true]"),
    ("auth", "[false]"),
    ("state", "allow"),
    ("state", "[closed]"),
    ("state", "[open, all]"),
    ("sort", "[cid, rtt]"),
    ("subs", "allow"),
    ("subs", "[false, true]"),
    ("acc", "allow"),
    ("acc", "[A]"),
    ("acc", "[A, B]"),
    ("cid", "allow"),
    ("accounts", "allow"),
    ("accounts", "[true]"),
    ("leader-only", "forbid"),
    ("leader-only", "[true]"),
    ("details", "allow"),
    ("js-enabled-only", "forbid"),
];

const TARGETS: [&str; 24] = [
    "/varz",
    "/connz",
    "/connz?limit=7",
    "/connz?limit=700",
    "/connz?limit=1&offset=5",
    "/connz?auth=1",
    "/connz?auth=1&limit=7",
    "/connz?state=closed",
    "/connz?state=all&auth=1&subs=1",
    "/connz?sort=rtt",
    "/connz?acc=A",
    "/connz?acc=B&limit=7",
    "/connz?cid=5",
    "/jsz",
    "/jsz?acc=A",
    "/jsz?accounts=1&limit=7",
    "/jsz?leader-only=1",
    "/subsz",
    "/subsz?subs=1&acc=B",
    "/subscriptionsz?limit=7",
    "/healthz",
    "/healthz?details=1",
    "/healthz?js-enabled-only=1",
    "/stacksz",
];

const ROLES: &str = "\
version: 1
catalog: nats
roles:
  a: [{ token: { issuer: corp, claims: { groups: [a] } } }]
  b: [{ token: { issuer: corp, claims: { groups: [b, c], tier: gold } } }, { token: { issuer: corp, subject: [root] } }]
  c: [{ client_cert: { dns: \"*.c.test\" } }]
  d: [{ all_of: [{ token: { issuer: corp, claims: { groups: [a] } } }, { client_cert: { dns: x.c.test } }] }]
  nobody: []
";

/// One rule without its name.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    endpoints: Vec<&'static str>,
    who: Option<Vec<&'static str>>,
    args: Vec<(&'static str, &'static str)>,
    limit: Option<u8>,
    redact: &'static str,
    pub(super) is_deny: bool,
}

pub(super) fn rule() -> impl Strategy<Value = Drawn> {
    let endpoints = subsequence(ENDPOINTS.map(|(name, _)| name).to_vec(), 1..=3);
    let who = prop_oneof![1 => Just(None), 5 => subsequence(vec!["a", "b", "c", "d", "nobody"], 0..=3).prop_map(Some)];
    let args = subsequence(CONSTRAINTS.to_vec(), 0..=7);
    let redact = select(vec!["none", "no-credentials", "standard"]);
    (endpoints, who, args, prop::option::of(1..4_u8), redact, 0..5_u8).prop_map(
        |(endpoints, who, mut args, limit, redact, deny)| {
            let takes = |name: &str| {
                ENDPOINTS.iter().any(|(endpoint, takes)| endpoints.contains(endpoint) && takes.contains(&name))
            };
            args.retain(|(name, _)| takes(name));
            args.dedup_by_key(|(name, _)| *name);
            // Nothing can be taken out of a plain text.
            let redact = if endpoints.contains(&"stacksz") { "none" } else { redact };
            Drawn { endpoints, who, args, limit, redact, is_deny: deny == 0 }
        },
    )
}

impl Drawn {
    /// With a name that stays with it when the rules are moved.
    fn write(&self, name: usize, text: &mut String) {
        let endpoints = self.endpoints.join(", ");
        let who = self.who.as_ref().map_or_else(|| "any".to_owned(), |roles| format!("[{}]", roles.join(", ")));
        let effect = if self.is_deny { "deny" } else { "allow" };
        write!(text, "  - {{ id: r{name}, endpoints: [{endpoints}], {effect}: {who}").unwrap();
        if !self.is_deny {
            let args: Vec<String> =
                self.args.iter().map(|(name, constraint)| format!("{name}: {constraint}")).collect();
            write!(text, ", args: {{ {} }}, redact: {}", args.join(", "), self.redact).unwrap();
            if let Some(burst) = self.limit {
                write!(text, ", limit: {{ rate: 6/min, burst: {burst} }}").unwrap();
            }
        }
        text.push_str(" }\n");
    }
}

/// The policy of these rules in this order; `r0` is the rule whose number is 0, wherever it stands.
pub(super) fn policy(rules: &[(usize, Drawn)]) -> Policy {
    let mut text = format!("{ROLES}rules:{}\n", if rules.is_empty() { " []" } else { "" });
    for (name, rule) in rules {
        rule.write(*name, &mut text);
    }
    whole(&text)
}

pub(super) fn numbered(rules: &[Drawn]) -> Vec<(usize, Drawn)> {
    rules.iter().cloned().enumerate().collect()
}

/// Whoever the roles are about, alone and together.
pub(super) fn everybody() -> Vec<Principal> {
    let certificate = |name: &str| {
        let mut certificate = Certificate::default();
        certificate.name(NameKind::Dns, name);
        Principal::supposed_certificate(certificate)
    };
    let token = |groups: &[&str], tier: &str| principal(&json!({ "groups": groups, "tier": tier }));
    let root = Principal::supposed("corp".to_owned(), "root".to_owned(), serde_json::Map::new());
    let stranger = Principal::supposed("other".to_owned(), "root".to_owned(), serde_json::Map::new());
    vec![
        token(&[], "gold"),
        token(&["a"], ""),
        token(&["b"], "gold"),
        token(&["b"], "silver"),
        token(&["a", "c"], "gold"),
        token(&["a"], "").and(&certificate("x.c.test")),
        token(&["a"], "").and(&certificate("y.c.test")),
        certificate("x.c.test"),
        root,
        stranger,
    ]
}

/// Who is permitted what: every principal with every target.
pub(super) fn permits(policy: &Policy) -> Vec<bool> {
    let all = everybody();
    let each = TARGETS.iter().flat_map(|target| all.iter().map(move |who| (who, target)));
    each.map(|(who, target)| matches!(ask(policy, who, target), Decision::Permit(_))).collect()
}

/// What is decided, by which rule and for whom.
fn outcomes(policy: &Policy) -> Vec<String> {
    let all = everybody();
    let each = TARGETS.iter().flat_map(|target| all.iter().map(move |who| (who, target)));
    let outcome = |(who, target): (&Principal, &&str)| match ask(policy, who, target) {
        Decision::Permit(permit) => {
            let (upstream, limit) = (policy.catalog().render(permit.resource()), permit.limit().is_some());
            let redacted: Vec<_> = permit.plan().words().map(|(_, words)| words).collect();
            format!("{} {upstream} {limit} {redacted:?}", permit.rule())
        }
        Decision::Deny(refused) => format!("{:?} {:?}", refused.reason, refused.rule),
    };
    each.map(outcome).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_an_allow_rule_never_removes_a_permit_and_adding_a_deny_rule_never_adds_one(
        rules in prop::collection::vec(rule(), 0..10), added in rule(), at in any::<Index>(),
    ) {
        let before = permits(&policy(&numbered(&rules)));
        let mut more = rules.clone();
        more.insert(at.index(rules.len() + 1), added.clone());
        let after = permits(&policy(&numbered(&more)));
        for (before, after) in before.into_iter().zip(after) {
            prop_assert!(if added.is_deny { before || !after } else { after || !before }, "{added:?} to {rules:?}");
        }
    }

    #[test]
    fn the_order_of_rules_never_changes_what_is_decided(
        (rules, moved) in prop::collection::vec(rule(), 0..10).prop_map(|rules| numbered(&rules))
            .prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
    ) {
        prop_assert_eq!(outcomes(&policy(&rules)), outcomes(&policy(&moved)));
    }

    #[test]
    fn nobody_is_permitted_what_no_allow_rule_names(rules in prop::collection::vec(rule(), 0..10)) {
        let named = |target: &str, rule: &Drawn| {
            let path = target.split('?').next().unwrap().replace("subscriptionsz", "subsz");
            !rule.is_deny && rule.endpoints.contains(&&path[1..])
        };
        let policy = policy(&numbered(&rules));
        for target in TARGETS {
            for who in everybody() {
                let is_permitted = matches!(ask(&policy, &who, target), Decision::Permit(_));
                prop_assert!(!is_permitted || rules.iter().any(|rule| named(target, rule)), "{target}");
            }
        }
    }

    #[test]
    fn what_a_permit_sends_upstream_is_understood_again_and_permitted_again(rules in prop::collection::vec(rule(), 1..10)) {
        let policy = policy(&numbered(&rules));
        for who in everybody() {
            for target in TARGETS {
                let Decision::Permit(permit) = ask(&policy, &who, target) else { continue };
                let upstream = policy.catalog().render(permit.resource());
                let again = policy.catalog().resolve(b"GET", upstream.as_bytes());
                prop_assert_eq!(again.as_ref(), Ok(permit.resource()), "{}", target);
                prop_assert!(matches!(policy.decide(&who, again.unwrap(), &Circumstances::default()), Decision::Permit(_)), "{target}: {upstream}");
            }
        }
    }

    #[test]
    fn a_spoiled_policy_decides_or_is_refused_with_places(text in spoiled(include_str!("../../../policies/nats.yaml"))) {
        match Policy::parse("p.yaml", &text, &Catalogs::builtin()) {
            Ok(policy) => prop_assert_eq!(permits(&policy).len(), TARGETS.len() * everybody().len()),
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn spoiled_cases_run_or_are_refused_with_places(text in spoiled(include_str!("../../../policies/nats.cases.yaml"))) {
        match Cases::parse("p.cases.yaml", &text) {
            Ok(cases) => {
                let shipped = include_str!("../../../policies/nats.yaml");
                prop_assert!(cases.run(&whole(shipped)).iter().all(|fault| fault.place.is_some()));
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}
