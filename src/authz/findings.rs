//! What is allowed to stand in a policy, but was hardly meant.
//!
//! In: a policy without faults. Out: findings, each at its place: rules that never decide, because others always do or a
//! deny rule stands above them; rules and roles that are nobody's.

use std::collections::{BTreeSet, HashSet};
use std::iter::once;

use crate::document::Fault;
use crate::redact::Action;

use super::opening::{Offer, Opening};
use super::policy::{Effect, Policy, Rule, Who};
use super::roles::RoleId;

/// What a look over a policy finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What was hardly meant, in the order of the files.
    pub doubts: Vec<Fault>,
    /// The endpoints that no rule opens to anybody.
    pub closed: Vec<String>,
    /// Whether pseudonyms stand in an answer that it permits.
    pub pseudonyms: bool,
}

/// One of those a rule is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Everybody,
    Role(RoleId),
}

/// Why a rule never decides for a party on an endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause<'a> {
    Denied(&'a Rule),
    Preferred(&'a Rule),
}

impl Policy {
    /// Looks over the policy.
    #[must_use]
    pub fn findings(&self) -> Findings {
        let had = self.roles.can_be_had();
        let named: HashSet<RoleId> = self.rules.iter().flat_map(named).copied().collect();
        let rules = self.rules.iter().enumerate();
        let mut doubts: Vec<Fault> = rules.filter_map(|(position, rule)| self.doubt(position, rule)).collect();
        doubts.extend(self.roles.all().filter_map(|(role, name, at)| {
            let why = if !had.contains(&role) {
                "nobody can have"
            } else if !named.contains(&role) {
                "no rule names"
            } else {
                return None;
            };
            Some(Fault::new(at, format!("{why} the role `{name}`")))
        }));
        doubts.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
        let open = self.catalog.endpoints.iter().zip(&self.enforced);
        let closed =
            open.filter(|(_, opening)| !self.is_open(opening, &had)).map(|(endpoint, _)| endpoint.name.clone());
        let mut offers = self.enforced.iter().flat_map(Opening::offers);
        let pseudonyms = offers.any(|offer| offer.plan.has(Action::Pseudonym));
        Findings { doubts, closed: closed.collect(), pseudonyms }
    }

    /// Whether anybody at all may get in.
    fn is_open(&self, opening: &Opening, had: &HashSet<RoleId>) -> bool {
        opening.offers().iter().any(|offer| {
            let parties = self.rules.get(offer.rule).map(parties).unwrap_or_default();
            let mut there = parties.into_iter().filter(|party| match party {
                Party::Everybody => true,
                Party::Role(role) => had.contains(role),
            });
            there.any(|party| self.cause(opening, offer.rule, party).is_none())
        })
    }

    /// What is doubtful about a rule.
    fn doubt(&self, position: usize, rule: &Rule) -> Option<Fault> {
        let say = |message: String| Some(Fault::new(&rule.at, message));
        let parties = parties(rule);
        if parties.is_empty() {
            return say(format!("the rule `{}` names nobody", rule.id));
        }
        let openings = self.shadowed.as_ref().unwrap_or(&self.enforced).iter().zip(&self.catalog.endpoints);
        let naming: Vec<_> = openings.filter(|(opening, _)| opening.all().contains(&position)).collect();
        let pairs = naming.iter().flat_map(|(opening, endpoint)| {
            parties.iter().map(move |party| (endpoint.name.as_str(), *party, self.cause(opening, position, *party)))
        });
        let pairs: Vec<_> = pairs.collect();
        let dead: Vec<_> = pairs.iter().filter_map(|(name, party, cause)| Some((*name, *party, (*cause)?))).collect();
        let (_, _, cause) = dead.first()?;
        if dead.len() == pairs.len() {
            return say(format!("the rule `{}` never decides: {}", rule.id, cause.words()));
        }
        // What a deny rule closes for some is what deny rules are for.
        let overtaken: Vec<_> = dead.iter().filter(|(.., cause)| matches!(cause, Cause::Preferred(_))).collect();
        let (_, _, cause) = overtaken.first()?;
        let same = overtaken.iter().filter(|(.., other)| other == cause);
        let (endpoints, roles): (BTreeSet<&str>, BTreeSet<&str>) =
            same.map(|(endpoint, party, _)| (*endpoint, self.party_name(*party))).unzip();
        let list = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join("`, `");
        let (endpoints, roles) = (list(endpoints), list(roles));
        say(format!("the rule `{}` never decides on `{endpoints}` for `{roles}`: {}", rule.id, cause.words()))
    }

    /// Why the rule at `position` never decides for `party`, if so.
    fn cause<'a>(&'a self, opening: &'a Opening, position: usize, party: Party) -> Option<Cause<'a>> {
        let rule = self.rules.get(position)?;
        let others = opening.all().iter().filter(|other| **other != position);
        let mut others = others.filter_map(|other| self.rules.get(*other)).filter(|other| other.mode == rule.mode);
        let denying = others.find(|other| {
            // Of two that deny the same, the one named first is the one that speaks.
            let comes_first = rule.effect == Effect::Allow || other.id < rule.id;
            other.effect == Effect::Deny && other.conditions.is_empty() && is_for(other, party) && comes_first
        });
        if let Some(denying) = denying {
            return Some(Cause::Denied(denying));
        }
        let place = opening.offers().iter().position(|offer| offer.rule == position)?;
        let own = opening.offers().get(place)?;
        let mut before = opening.offers().iter().take(place);
        let is_wider = |offer: &&Offer| {
            let Some(other) = self.rules.get(offer.rule) else { return false };
            let whenever = other.conditions.is_empty() || other.conditions == rule.conditions;
            let shows_all = offer.tenant.is_none() || offer.tenant == own.tenant;
            let serves_all = other.jsonp || !rule.jsonp;
            serves_all
                && shows_all
                && other.mode == rule.mode
                && whenever
                && is_for(other, party)
                && offer.terms.cover(&own.terms)
        };
        self.rules.get(before.find(is_wider)?.rule).map(Cause::Preferred)
    }

    fn party_name(&self, party: Party) -> &str {
        match party {
            Party::Everybody => "any",
            Party::Role(role) => self.roles.name(role),
        }
    }
}

impl Cause<'_> {
    fn words(self) -> String {
        match self {
            Self::Denied(rule) => format!("the rule `{}` denies it all", rule.id),
            Self::Preferred(rule) => format!(
                "the rule `{}` fits whatever this one fits, and is preferred because it takes out less or asks for less",
                rule.id
            ),
        }
    }
}

impl PartialEq for Rule {
    /// Names are unique.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Rule {}

fn parties(rule: &Rule) -> Vec<Party> {
    match &rule.who {
        Who::Any => once(Party::Everybody).collect(),
        Who::Roles(roles) => roles.iter().copied().map(Party::Role).collect(),
    }
}

/// Whether `rule` is for every one of `party`.
fn is_for(rule: &Rule, party: Party) -> bool {
    match (&rule.who, party) {
        (Who::Any, _) => true,
        (Who::Roles(named), Party::Role(one)) => named.contains(&one),
        (Who::Roles(_), Party::Everybody) => false,
    }
}

/// The roles that a rule names.
fn named(rule: &Rule) -> &[RoleId] {
    match &rule.who {
        Who::Any => &[],
        Who::Roles(roles) => roles,
    }
}
