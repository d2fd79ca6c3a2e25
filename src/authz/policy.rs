//! A policy that was read, checked and indexed, and the one function that decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::authn::{Kept, Principal};
use crate::catalog::{Catalog, EndpointId, Resource};
use crate::document::{Fault, Place};
use crate::redact::Plan;

use super::decision::{Decision, Holder, LimitId, Permit, Reason, Refused, RuleId};
use super::limit::Limit;
use super::read;
use super::roles::{Held, RoleId, Roles};
use super::terms::{Misfit, Terms};

/// Who may see what of one kind of upstream. Immutable; shared by all requests.
#[derive(Debug)]
pub struct Policy {
    pub(super) catalog: Arc<Catalog>,
    pub(super) roles: Roles,
    pub(super) rules: Vec<Rule>,
    pub(super) limits: Vec<Limit>,
    /// The issuers that roles name, and where.
    pub(super) issuers: Vec<(String, Place)>,
    /// Those of them that must be Kubernetes clusters, and where.
    pub(super) clusters: Vec<(String, Place)>,
    /// For each endpoint of the catalogue, in its order.
    pub(super) endpoints: Vec<Opening>,
}

/// What a rule does to those it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Opens endpoints.
    Allow,
    /// Closes endpoints, whatever other rules say.
    Deny,
}

/// A rule without its endpoints.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) id: RuleId,
    pub(super) effect: Effect,
    pub(super) who: Who,
    pub(super) limit: Option<LimitId>,
}

/// Whom a rule names.
#[derive(Debug)]
pub(super) enum Who {
    /// Every authenticated principal.
    Any,
    /// Those with one of these roles; with an empty list, nobody.
    Roles(Vec<RoleId>),
}

/// All rules that name one endpoint.
#[derive(Debug)]
pub(super) struct Opening {
    /// All of them, in the order of the file.
    all: Vec<usize>,
    /// Deny rules, in the order of the file.
    denies: Postings,
    /// Allow rules, in the order of the file.
    allows: Postings,
    /// The terms of allow rules.
    terms: BTreeMap<usize, (Terms, Arc<Plan>)>,
}

/// Positions of rules by whom they name, so that the rules of others cost nothing.
#[derive(Debug)]
struct Postings {
    any: Vec<usize>,
    roles: BTreeMap<RoleId, Vec<usize>>,
}

impl Policy {
    /// Reads a policy for `catalog`; README.md of `policies/` is the language.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, each with its place.
    pub fn parse(file: &str, text: &str, catalog: Arc<Catalog>) -> Result<Self, Vec<Fault>> {
        read::policy(file, text, catalog)
    }

    /// Reads a policy for whichever catalogue inside the binary it names.
    ///
    /// # Errors
    /// As [`Policy::parse`].
    pub fn parse_builtin(file: &str, text: &str) -> Result<Self, Vec<Fault>> {
        read::builtin_policy(file, text)
    }

    /// Decides. A deny rule wins wherever it stands; else the first allow rule of the file that is for one of the
    /// principal's roles and within whose terms the arguments are; else no.
    #[must_use]
    pub fn decide(&self, who: &Principal, what: Resource) -> Decision {
        let roles = self.roles.of(who);
        let opening = self.opening(what.endpoint());
        if let Some(rule) = opening.denying(&roles).and_then(|position| self.rules.get(position)) {
            return refuse(Reason::Denied, Some(rule), what);
        }
        let mut first = None;
        for position in opening.allowing(&roles) {
            let (Some(rule), Some((terms, plan))) = (self.rules.get(position), opening.terms.get(&position)) else {
                continue;
            };
            match terms.check(&what) {
                Ok(()) => {
                    let (id, plan, holder) = (rule.id.clone(), Arc::clone(plan), self.holder(rule, &roles, who));
                    return Decision::Permit(Permit::new(terms.settle(what), id, rule.limit, plan, holder));
                }
                Err(misfit) => first = first.or(Some((rule, misfit))),
            }
        }
        match first {
            Some((rule, misfit)) => refuse(self.reason(what.endpoint(), misfit), Some(rule), what),
            None if roles.is_empty() => refuse(Reason::NoRole, None, what),
            None => refuse(Reason::NoRule, None, what),
        }
    }

    /// The proofs that an allow rule rests on.
    fn holder(&self, rule: &Rule, roles: &[Held], who: &Principal) -> Holder {
        match &rule.who {
            Who::Any => Holder::at(std::iter::once(0)),
            Who::Roles(named) => {
                let held = roles.iter().find(|held| named.contains(&held.role));
                held.map(|held| self.roles.holder(*held, who)).unwrap_or_default()
            }
        }
    }

    /// The catalogue that it speaks about.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Its limits, by [`LimitId`].
    #[must_use]
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// The issuers that its roles name, and where, so that a configuration can be checked against them.
    pub fn issuers(&self) -> impl Iterator<Item = (&str, Place)> {
        self.issuers.iter().map(|(name, place)| (name.as_str(), *place))
    }

    /// The issuers that roles by service account name, and where: tokens of another kind of issuer may say anything
    /// where a cluster says which account it is.
    pub fn clusters(&self) -> impl Iterator<Item = (&str, Place)> {
        self.clusters.iter().map(|(name, place)| (name.as_str(), *place))
    }

    /// Adds to `kept` what the roles compare.
    pub fn keep_claims(&self, kept: &mut Kept) {
        self.roles.claims().for_each(|test| test.keep(kept));
    }

    /// The rules' names, in the order of the file.
    pub fn rules(&self) -> impl Iterator<Item = &RuleId> {
        self.rules.iter().map(|rule| &rule.id)
    }

    /// The rules of `endpoint`; of one that the catalogue does not have, none.
    pub(super) fn opening(&self, endpoint: EndpointId) -> &Opening {
        static CLOSED: Opening = Opening::closed();
        self.endpoints.get(endpoint.0).unwrap_or(&CLOSED)
    }

    /// A misfit in the catalogue's words.
    pub(super) fn reason(&self, endpoint: EndpointId, misfit: Misfit) -> Reason {
        let (Misfit::Forbidden(position) | Misfit::Outside(position)) = misfit;
        let argument = self.catalog.endpoint(endpoint).arguments.get(position);
        let argument = argument.map_or_else(String::new, |argument| argument.name.clone());
        match misfit {
            Misfit::Forbidden(_) => Reason::ArgumentForbidden { argument },
            Misfit::Outside(_) => Reason::ArgumentOutside { argument },
        }
    }
}

fn refuse(reason: Reason, rule: Option<&Rule>, resource: Resource) -> Decision {
    Decision::Deny(Refused { reason, resource, rule: rule.map(|rule| rule.id.clone()) })
}

impl Opening {
    /// No rule: nobody gets in.
    pub(super) const fn closed() -> Self {
        Self { all: Vec::new(), denies: Postings::none(), allows: Postings::none(), terms: BTreeMap::new() }
    }

    /// Adds a deny rule.
    pub(super) fn deny(&mut self, position: usize, who: &Who) {
        self.all.push(position);
        self.denies.add(position, who);
    }

    /// Adds an allow rule.
    pub(super) fn allow(&mut self, position: usize, who: &Who, terms: Terms, plan: Arc<Plan>) {
        self.all.push(position);
        self.allows.add(position, who);
        self.terms.insert(position, (terms, plan));
    }

    /// The first deny rule for one of `roles`.
    pub(super) fn denying(&self, roles: &[Held]) -> Option<usize> {
        self.denies.lists(roles).filter_map(|list| list.first()).min().copied()
    }

    /// The allow rules for one of `roles`, in the order of the file.
    pub(super) fn allowing(&self, roles: &[Held]) -> Vec<usize> {
        let mut positions: Vec<usize> = Vec::with_capacity(self.allows.lists(roles).map(Vec::len).sum());
        self.allows.lists(roles).for_each(|list| positions.extend(list));
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// The terms of the allow rule at `position`.
    pub(super) fn terms(&self, position: usize) -> Option<&Terms> {
        self.terms.get(&position).map(|(terms, _)| terms)
    }

    /// All rules that name the endpoint, in the order of the file.
    pub(super) fn all(&self) -> &[usize] {
        &self.all
    }
}

impl Postings {
    const fn none() -> Self {
        Self { any: Vec::new(), roles: BTreeMap::new() }
    }

    /// INVARIANT: called in the order of the file, so that every list is in ascending order.
    fn add(&mut self, position: usize, who: &Who) {
        match who {
            Who::Any => self.any.push(position),
            Who::Roles(roles) => roles.iter().for_each(|role| self.roles.entry(*role).or_default().push(position)),
        }
    }

    fn lists<'lists>(&'lists self, roles: &'lists [Held]) -> impl Iterator<Item = &'lists Vec<usize>> {
        std::iter::once(&self.any).chain(roles.iter().filter_map(|held| self.roles.get(&held.role)))
    }
}
