//! Tests of the policy language, the decision, the shipped policy, cases and explanations.

mod cases;
mod conditions;
mod decide;
mod explain;
mod files;
mod findings;
mod generated;
mod language;
mod permits;
mod properties;
mod shipped;
mod survey;
mod tenants;

use serde_json::{Value, json};

use super::{Circumstances, Decision, Permit, Policy, Refused};
use crate::authn::Principal;
use crate::catalog::Catalogs;

/// Roles `a`, `b` and `c` for groups of the same names.
pub(super) const ROLES: &str = "\
version: 1
catalog: nats
roles:
  a: [{ token: { issuer: corp, claims: { groups: [a] } } }]
  b: [{ token: { issuer: corp, claims: { groups: [b] } } }]
  c: [{ token: { issuer: corp, claims: { groups: [c] } } }]
";

/// The policy of `text`, which must be right.
pub(super) fn whole(text: &str) -> Policy {
    Policy::parse("p.yaml", text, &Catalogs::builtin()).unwrap_or_else(|faults| panic!("{faults:#?}\n{text}"))
}

/// [`ROLES`] with `rules`, which must be right.
pub(super) fn policy(rules: &str) -> Policy {
    whole(&format!("{ROLES}{rules}"))
}

/// The faults of `text`, as an operator reads them.
pub(super) fn faults(text: &str) -> Vec<String> {
    let result = Policy::parse("p.yaml", text, &Catalogs::builtin());
    result.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// Somebody of the issuer `corp` with these claims.
pub(super) fn principal(claims: &Value) -> Principal {
    Principal::supposed("corp".to_owned(), "somebody".to_owned(), claims.as_object().unwrap().clone())
}

/// Somebody of the issuer `corp` in these groups.
pub(super) fn member(groups: &[&str]) -> Principal {
    principal(&json!({ "groups": groups }))
}

pub(super) fn ask(policy: &Policy, who: &Principal, target: &str) -> Decision {
    ask_at(policy, who, target, &Circumstances::default())
}

/// As [`ask`], when more is known.
pub(super) fn ask_at(policy: &Policy, who: &Principal, target: &str, circumstances: &Circumstances) -> Decision {
    policy.decide(who, policy.catalog().resolve(b"GET", target.as_bytes()).unwrap(), circumstances)
}

pub(super) fn permit(policy: &Policy, who: &Principal, target: &str) -> Permit {
    match ask(policy, who, target) {
        Decision::Permit(permit) => permit,
        Decision::Deny(refused) => panic!("{target}: {refused:?}"),
    }
}

pub(super) fn refusal(policy: &Policy, who: &Principal, target: &str) -> Refused {
    match ask(policy, who, target) {
        Decision::Permit(permit) => panic!("{target}: {permit:?}"),
        Decision::Deny(refused) => refused,
    }
}

/// What goes upstream, or the label of the reason why nothing does.
pub(super) fn answer(policy: &Policy, groups: &[&str], target: &str) -> String {
    match ask(policy, &member(groups), target) {
        Decision::Permit(permit) => policy.catalog().render(permit.resource()),
        Decision::Deny(refused) => refused.reason.label().to_owned(),
    }
}
