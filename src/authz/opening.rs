//! The rules of one endpoint, found by role.
//!
//! Allow rules stand in the order in which they are preferred, which says nothing of where they were written: the one
//! that takes out least first. What tells two of them apart is, in this order: whether only a tenant's part is shown, how
//! many selectors are redacted, how often it may be asked, how many may come at once, and at last the name.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::redact::{Action, Plan};

use super::limit::Limit;
use super::policy::{Effect, Mode, Rule, Who};
use super::roles::{Held, RoleId};
use super::tenant::TenantClaim;
use super::terms::Terms;

/// All rules that name one endpoint.
#[derive(Debug)]
pub(super) struct Opening {
    /// All of them, in the order of the files.
    all: Vec<usize>,
    /// What the allow rules say, the preferred one first.
    offers: Vec<Offer>,
    /// Deny rules.
    denies: Postings,
    /// Places in `offers`.
    allows: Postings,
}

/// What an allow rule says about one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// The rule.
    pub(super) rule: usize,
    /// What may be asked.
    pub(super) terms: Terms,
    /// What does not leave.
    pub(super) plan: Arc<Plan>,
    /// The claim that names the tenant whose part alone leaves; `None`: all of it.
    pub(super) tenant: Option<Arc<TenantClaim>>,
}

/// Positions by whom they are for, so that the rules of others cost nothing.
#[derive(Debug)]
struct Postings {
    any: Vec<usize>,
    roles: BTreeMap<RoleId, Vec<usize>>,
}

impl Opening {
    /// No rule: nobody gets in.
    pub(super) const fn closed() -> Self {
        Self { all: Vec::new(), offers: Vec::new(), denies: Postings::none(), allows: Postings::none() }
    }

    /// Those of `positions` that are `wanted`, with what they offer.
    pub(super) fn new(
        positions: &[usize],
        offers: &[Offer],
        (rules, limits): (&[Rule], &[Limit]),
        wanted: impl Fn(Mode) -> bool,
    ) -> Self {
        let is_wanted = |position: &usize| rules.get(*position).is_some_and(|rule| wanted(rule.mode));
        let all: Vec<usize> = positions.iter().copied().filter(is_wanted).collect();
        let mut offers: Vec<Offer> = offers.iter().filter(|offer| is_wanted(&offer.rule)).cloned().collect();
        offers.sort_by_cached_key(|offer| preference(offer, rules, limits));
        let mut opening = Self { all, offers, ..Self::closed() };
        for (place, offer) in opening.offers.iter().enumerate() {
            if let Some(rule) = rules.get(offer.rule) {
                opening.allows.add(place, &rule.who);
            }
        }
        for position in &opening.all {
            if let Some(rule) = rules.get(*position).filter(|rule| rule.effect == Effect::Deny) {
                opening.denies.add(*position, &rule.who);
            }
        }
        opening
    }

    /// The deny rules for one of `roles`.
    pub(super) fn denying<'a>(&'a self, roles: &'a [Held]) -> impl Iterator<Item = usize> + use<'a> {
        self.denies.lists(roles).flatten().copied()
    }

    /// What the allow rules for one of `roles` offer, the preferred one first.
    pub(super) fn allowing(&self, roles: &[Held]) -> impl Iterator<Item = &Offer> {
        let mut places: Vec<usize> = Vec::with_capacity(self.allows.lists(roles).map(Vec::len).sum());
        self.allows.lists(roles).for_each(|list| places.extend(list));
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.offers.get(place))
    }

    /// All that is offered, the preferred one first.
    pub(super) fn offers(&self) -> &[Offer] {
        &self.offers
    }

    /// All rules that name the endpoint, in the order of the files.
    pub(super) fn all(&self) -> &[usize] {
        &self.all
    }
}

/// What decides among several that fit.
type Preference = (bool, (bool, usize, Reverse<usize>), Duration, Reverse<u32>, String);

/// Less is preferred: no tenant, no list of what stays, selectors that take out (then more that keep), the pause between two requests, the burst, the name.
fn preference(offer: &Offer, rules: &[Rule], limits: &[Limit]) -> Preference {
    let rule = rules.get(offer.rule);
    let limit = rule.and_then(|rule| limits.get(rule.limit?.0));
    let pause = limit.map_or(Duration::ZERO, |limit| limit.period / limit.count.get());
    let burst = limit.map_or(u32::MAX, |limit| limit.burst.get());
    let keeps = offer.plan.words().filter(|(action, _)| *action == Action::Keep).count();
    let shown = (offer.plan.is_allow_list(), offer.plan.words().len() - keeps, Reverse(keeps));
    let name = rule.map(|rule| rule.id.to_string()).unwrap_or_default();
    (offer.tenant.is_some(), shown, pause, Reverse(burst), name)
}

impl Postings {
    const fn none() -> Self {
        Self { any: Vec::new(), roles: BTreeMap::new() }
    }

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
