//! What two policies must be asked to see how they differ.

use std::sync::Arc;

use crate::catalog::{Argument, EndpointId, Kind, Resource, Value};

use super::claims::{ClaimTest, Shape};
use super::policy::{Mode, Policy, Rule};
use super::roles::{SERVICE_ACCOUNT, Subjects, Test, TokenTest};
use super::tenant::TenantClaim;
use super::terms::{Bounds, Takes};

/// A text that no rule names.
const ANY_TEXT: &str = "x";

/// Requests for `endpoint` that tell two policies of one catalogue apart: without arguments, and with each argument at
/// the values where a rule of either may change its mind.
#[must_use]
pub fn probes(old: &Policy, new: &Policy, endpoint: EndpointId) -> Vec<String> {
    let catalog = new.catalog();
    let mut targets = vec![catalog.render(&Resource::new(endpoint, Vec::new()))];
    for (position, argument) in catalog.endpoint(endpoint).arguments.iter().enumerate() {
        let written = [old, new].into_iter().flat_map(|policy| policy.written(endpoint, position));
        let mut values: Vec<Value> = written.chain(values(argument)).filter(|value| is_of(argument, value)).collect();
        values.sort_unstable();
        values.dedup();
        let asked = values.into_iter().filter(|value| !argument.is_default(value));
        targets.extend(asked.map(|value| catalog.render(&Resource::new(endpoint, vec![(position, value)]))));
    }
    targets
}

/// Values of an argument whatever the policy says.
fn values(argument: &Argument) -> Vec<Value> {
    let words = |words: &[Arc<str>]| words.iter().cloned().map(Value::Text).collect::<Vec<_>>();
    match &argument.kind {
        Kind::Boolean { words: more } => [vec![Value::Boolean(false), Value::Boolean(true)], words(more)].concat(),
        Kind::Integer { min, max } => vec![Value::Integer(*min), Value::Integer(*max)],
        Kind::Word { words: all } => words(all),
        Kind::Text { .. } => vec![Value::Text(ANY_TEXT.into())],
    }
}

/// Whether it can be asked with this value at all.
fn is_of(argument: &Argument, value: &Value) -> bool {
    match (&argument.kind, value) {
        (Kind::Integer { min, max }, Value::Integer(number)) => (min..=max).contains(&number),
        (Kind::Boolean { .. }, Value::Boolean(_)) => true,
        (_, Value::Text(text)) => argument.read(text).is_some(),
        (_, Value::Integer(_) | Value::Boolean(_)) => false,
    }
}

impl Policy {
    /// The names of all its roles, in the order of the files.
    pub fn all_roles(&self) -> impl Iterator<Item = &str> {
        self.roles.all().map(|(_, name, _)| name)
    }

    /// The rules that `other` has as well, but applies at other times or not in the same way: name, and what is other.
    #[must_use]
    pub fn rules_otherwise<'a>(&'a self, other: &'a Self) -> Vec<(&'a str, &'static str)> {
        let pairs = self.rules.iter().filter_map(|rule| Some((rule, other.rules.iter().find(|other| *other == rule)?)));
        let changed = pairs.filter_map(|(old, new)| match (old.mode, new.mode) {
            (Mode::Enforce, Mode::Shadow) => Some((new.id.as_str(), "in shadow, was enforced")),
            (Mode::Shadow, Mode::Enforce) => Some((new.id.as_str(), "enforced, was in shadow")),
            _ if old.jsonp != new.jsonp => {
                Some((new.id.as_str(), if new.jsonp { "serves JSONP" } else { "serves no JSONP" }))
            }
            _ if old.conditions != new.conditions => Some((new.id.as_str(), "has other conditions")),
            _ if has_other_tenants((self, old), (other, new)) => Some((new.id.as_str(), "has other tenants")),
            (Mode::Enforce, Mode::Enforce) | (Mode::Shadow, Mode::Shadow) => None,
        });
        changed.collect()
    }

    /// The ways to have a role, in words: equal words mean the same ways, in whatever order they are written.
    #[must_use]
    pub fn ways(&self, role: &str) -> Vec<String> {
        let Some(role) = self.roles.find(role) else { return Vec::new() };
        let tests = self.roles.grants(role).map(|grant| sorted(grant.tests.iter().map(test)).join(" and "));
        let mut ways = sorted(tests);
        ways.dedup();
        ways
    }

    /// The values at which rules for `endpoint` may change their mind about one argument.
    fn written(&self, endpoint: EndpointId, position: usize) -> Vec<Value> {
        let offers = self.opening(endpoint).offers().iter();
        offers.filter_map(|offer| offer.terms.takes().get(position)).flat_map(turns).collect()
    }
}

/// Whether a rule names the tenants of an endpoint that both open by another claim.
fn has_other_tenants((old, rule): (&Policy, &Rule), (new, same): (&Policy, &Rule)) -> bool {
    let mut pairs = tenants(old, rule).zip(tenants(new, same));
    pairs.any(|(old, new)| old.zip(new).is_some_and(|(old, new)| old != new))
}

/// The claim that names a rule's tenants, for each endpoint of the catalogue that it offers.
fn tenants<'a>(policy: &'a Policy, rule: &'a Rule) -> impl Iterator<Item = Option<Option<&'a TenantClaim>>> {
    let openings = policy.shadowed.as_ref().unwrap_or(&policy.enforced).iter();
    openings.map(move |opening| {
        let own = opening.offers().iter().find(|offer| policy.rules.get(offer.rule) == Some(rule));
        own.map(|offer| offer.tenant.as_deref())
    })
}

fn turns(takes: &Takes) -> Vec<Value> {
    match takes {
        Takes::Any | Takes::Nothing => Vec::new(),
        Takes::Forced(value) => vec![value.clone()],
        Takes::OneOf(values) => values.clone(),
        Takes::Within(Bounds { min, max, .. }) => {
            [min.saturating_sub(1), *min, *max, max.saturating_add(1)].map(Value::Integer).to_vec()
        }
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::Token(test) => token(test),
        Test::Certificate(patterns) => {
            format!("client certificate with {}", sorted(patterns.iter().map(ToString::to_string)).join(" or "))
        }
    }
}

fn token(test: &TokenTest) -> String {
    let subjects = match &test.subjects {
        Subjects::All => String::new(),
        Subjects::Named(names) => format!(", subject {}", either(names)),
        Subjects::Namespaces(names) => format!(", subject {SERVICE_ACCOUNT} of namespace {}", either(names)),
    };
    let claims = sorted(test.claims.iter().map(claim)).concat();
    format!("token of {:?}{subjects}{claims}", test.issuer)
}

fn claim(test: &ClaimTest) -> String {
    let shape = match test.claim.shape {
        Shape::List => "list",
        Shape::Text => "text",
        Shape::Words => "words",
    };
    format!(", claim {:?} ({shape}) {}", test.claim.path, either(&test.values))
}

/// In quotes, so that equal words mean equal names.
fn either(names: &[String]) -> String {
    sorted(names.iter().map(|name| format!("{name:?}"))).join(" or ")
}

fn sorted(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort_unstable();
    texts
}
